"""Usage, recommendation ids, changed quotas and recorded metrics come back after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from personalize_emu.durability import figures
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.served_recommendations import ServedRecommendations
from tests.attributions import attribution, metric
from tests.durability.restarts import events, given, put_event, started
from tests.given import POPULARITY, REGION, avro, field, two_camps

SCHEMA = avro(
    "Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"),
    field("IMPRESSION", ["string", "null"]),
)  # fmt: skip


def recommended(campaign: str, user: str = "u0") -> dict[str, Any]:
    client = boto3.client("personalize-runtime", region_name=REGION)
    answer: dict[str, Any] = client.get_recommendations(campaignArn=campaign, userId=user, numResults=3)
    return answer


def deployed() -> tuple[str, str]:
    """A campaign, and the group of a dataset with event types and impressions."""
    campaign = given().deployed(POPULARITY, two_camps())
    group = given().group("watched")
    given().dataset(group, given().schema(SCHEMA, "watched"), name="watched")
    return campaign, group


def streamed_impressions(emulator: Emulator) -> list[Any]:
    return [row.get("IMPRESSION") for held in emulator.state.all_contents() for row in held.log.rows()]


def test_usage_comes_back(tmp_path: Path) -> None:
    """As before, with the hours of deployments up to now; what is used afterwards is added."""
    clock = ManualClock()
    with started(tmp_path, clock) as emulator:
        campaign, group = deployed()
        tracker = given().personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        put_event(tracker, 1)
        recommended(campaign)
        before = emulator.usage()
        assert before["total"] > 0
    with started(tmp_path, clock) as emulator:
        assert emulator.usage() == before
        recommended(campaign)
        emulator.advance(3600)
        later = emulator.usage()
        assert later["total"] > before["total"]
    with started(tmp_path, clock) as emulator:
        assert emulator.usage() == later
        given().personalize.delete_campaign(campaignArn=campaign)
        emulator.advance(3600)
        assert emulator.usage() == later


def test_a_deployment_that_was_not_written_in_time_is_in_the_usage(tmp_path: Path) -> None:
    """Figures are up to a second older than resources when the process is killed."""
    clock = ManualClock()
    with started(tmp_path, clock) as emulator:
        version = given().version(given().solution(given().imported_group(), POPULARITY))
        assert emulator._durable is not None
        figures_of(emulator).write()
        figures_of(emulator).write = lambda: None  # type: ignore[method-assign]
        given().campaign(version)
        emulator.advance(3600)
        before = emulator.usage()
    with started(tmp_path, clock) as emulator:
        assert emulator.usage() == before


def figures_of(emulator: Emulator) -> figures.Figures:
    assert emulator._durable is not None
    assert emulator._durable._figures is not None
    return emulator._durable._figures


def test_events_find_the_list_that_was_shown_before_the_restart(tmp_path: Path) -> None:
    """EV-45; without the users, of whom nothing has to be removed then."""
    with started(tmp_path):
        campaign, group = deployed()
        tracker = given().personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        answer = recommended(campaign)
    shown = "|".join(item["itemId"] for item in answer["itemList"])
    for number in range(2):
        with started(tmp_path) as emulator:
            put_event(tracker, number, recommendationId=answer["recommendationId"])
            assert streamed_impressions(emulator) == [shown] * (number + 1)
            found = emulator.state.answers.find(answer["recommendationId"])
            assert found is not None
            assert (found.deployment_arn, found.user_id) == (campaign, None)


def test_as_many_recommendations_are_kept_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST_ITEMS", 10)
    with started(tmp_path) as emulator:
        for number in range(8):
            emulator.state.answers.remember(f"RID-{number}", "arn:aws:personalize:us-east-1:1:campaign/c", "u", "abcd")
            figures_of(emulator).write()
    with started(tmp_path) as emulator:
        kept = [number for number in range(8) if emulator.state.answers.find(f"RID-{number}")]
        assert kept == [5, 6, 7]


def test_new_recommendations_are_noted_once() -> None:
    answers = ServedRecommendations()
    answers.remember("before", "arn", None, "a")
    answers.note_new()
    assert answers.take_new() == []
    answers.remember("after", "arn", None, "a")
    assert [name for name, _ in answers.take_new()] == ["after"]
    assert answers.take_new() == []


def counted(answers: ServedRecommendations) -> list[str]:
    return ["".join(answer.items) for answer, _ in answers.with_events()]


def test_rates_leave_out_what_was_restored_also_after_a_region_is_gone() -> None:
    """Events that followed on restored lists are not known."""
    answers = ServedRecommendations()
    for name, arn in (("a", "kept"), ("b", "gone")):
        answers.remember(name, arn, None, name)
    answers.end_restoring()
    for name, arn in (("c", "gone"), ("d", "kept"), ("e", "gone"), ("f", "other")):
        answers.remember(name, arn, None, name)
    assert counted(answers) == ["c", "d", "e", "f"]
    answers.start_over("kept")
    answers.remember("g", "kept", None, "g")
    answers.forget(lambda arn: arn == "gone")
    assert counted(answers) == ["f", "g"]


def test_changed_quotas_come_back_until_a_reset(tmp_path: Path) -> None:
    with started(tmp_path, quotas="schemas=1") as emulator:
        emulator.raise_quota("schemas", 2)
    with started(tmp_path, quotas="schemas=1") as emulator:
        given().schema(name="one")
        given().schema(name="two")
        with pytest.raises(ClientError, match="LimitExceededException"):
            given().schema(name="three")
        emulator.reset()
    with started(tmp_path, quotas="schemas=1") as emulator:
        assert emulator.settings.quotas == "schemas=1"


def test_recorded_metrics_come_back(tmp_path: Path) -> None:
    """Sums that have been sent already, which the console shows."""
    clock = ManualClock()
    with started(tmp_path, clock) as emulator:
        _, group = deployed()
        tracker = given().personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        measured = attribution(given(), group, metric("watches", event_type="watch"))
        put_event(tracker, 1, sentAt=int(clock.now()))
        emulator.advance(3600)
        ledger = emulator.state.attributions[measured].ledger
        assert ledger is not None
        before = ledger.history()
        assert before
    with started(tmp_path, clock) as emulator:
        ledger = emulator.state.attributions[measured].ledger
        assert ledger is not None
        assert ledger.history() == before
        events()


def test_what_cannot_be_written_is_written_the_next_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with started(tmp_path) as emulator:
        database = figures_of(emulator)._database
        database._connection.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON main.figures BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        )
        emulator.state.usage.ingest("arn", 5)
        figures_of(emulator).write()
        assert "usage and recommendation ids" in caplog.text
        database._connection.execute("DROP TRIGGER full")
    with started(tmp_path) as emulator:
        assert emulator.state.usage.usage().ingested == {"arn": 5}
