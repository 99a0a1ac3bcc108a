"""Automatic training on the emulator's clock (spec 02 R-SOL-8 to R-SOL-10, spec 07 T-50 to T-54)."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock, SystemClock
from tests.given import POPULARITY, REGION, Given, arn, as_csv, two_camps

HOUR, DAY = 3600, 86_400
AFFINITY = "arn:aws:personalize:::recipe/aws-item-affinity"


def versions_of(given: Given, solution: str) -> list[dict[str, Any]]:
    answer = given.personalize.list_solution_versions(solutionArn=solution)
    versions: list[dict[str, Any]] = answer["solutionVersions"]
    return versions


@pytest.fixture
def new_data(given: Given) -> Callable[[], None]:
    """Imports the interactions of the group again."""
    count = iter(range(1000))

    def import_again() -> None:
        location = given.upload(as_csv(two_camps()))
        given.import_job(arn("dataset", "group/INTERACTIONS"), location, name=f"again-{next(count)}")

    return import_again


def test_first_training_is_within_the_hour(given: Given, clock: ManualClock) -> None:
    """R-SOL-8, R-SV-8, R-SV-9, T-50, T-52."""
    solution = given.solution(recipe=POPULARITY)
    clock.advance(HOUR - 1)
    assert versions_of(given, solution) == []
    clock.advance(1)
    (version,) = versions_of(given, solution)
    assert (version["status"], version["trainingType"], version["trainingMode"]) == ("ACTIVE", "AUTOMATIC", "AUTOTRAIN")
    shown = given.personalize.describe_solution(solutionArn=solution)["solution"]
    assert shown["latestSolutionVersion"] == version
    named = given.personalize.describe_solution_version(solutionVersionArn=version["solutionVersionArn"])
    assert named["solutionVersion"]["name"] == "/".join(version["solutionVersionArn"].split("/")[1:])


def test_manual_version_replaces_the_first_training(
    given: Given, clock: ManualClock, new_data: Callable[[], None]
) -> None:
    """R-SOL-8, T-50: the schedule goes on after it."""
    solution = given.solution(recipe=POPULARITY)
    clock.advance(HOUR / 2)
    given.version(solution)
    new_data()
    clock.advance(HOUR + 6 * DAY)
    assert [version["trainingType"] for version in versions_of(given, solution)] == ["MANUAL"]
    clock.advance(DAY)
    assert [version["trainingType"] for version in versions_of(given, solution)] == ["MANUAL", "AUTOMATIC"]


@pytest.mark.parametrize(("expression", "days"), [(None, 7), ("rate(1 day)", 1), ("rate(30 days)", 30)])
def test_later_trainings_follow_the_schedule(
    given: Given, clock: ManualClock, new_data: Callable[[], None], expression: str | None, days: int
) -> None:
    """R-SOL-8, T-51."""
    config = {"autoTrainingConfig": {"schedulingExpression": expression}} if expression else {}
    solution = given.solution(recipe=POPULARITY, solutionConfig=config)
    clock.advance(HOUR)
    for trained in (2, 3):
        new_data()
        clock.advance(days * DAY - 1)
        assert len(versions_of(given, solution)) == trained - 1
        clock.advance(1)
        assert len(versions_of(given, solution)) == trained


def test_no_training_without_new_interactions(
    given: Given, clock: ManualClock, events: Any, new_data: Callable[[], None]
) -> None:
    """R-SOL-9: bulk or streamed."""
    solution = given.solution(recipe=POPULARITY)
    clock.advance(HOUR + 30 * DAY)
    assert len(versions_of(given, solution)) == 1
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=arn("dataset-group", "group"))
    event = {"eventType": "click", "itemId": "i001", "sentAt": clock.now()}
    events.put_events(trackingId=tracker["trackingId"], sessionId="s", userId="u1", eventList=[event])
    clock.advance(7 * DAY)
    assert len(versions_of(given, solution)) == 2
    new_data()
    clock.advance(7 * DAY)
    assert len(versions_of(given, solution)) == 3
    clock.advance(70 * DAY)
    assert len(versions_of(given, solution)) == 3


def test_manual_version_counts_as_the_last_training(
    given: Given, clock: ManualClock, new_data: Callable[[], None]
) -> None:
    """R-SOL-9."""
    solution = given.solution(recipe=POPULARITY)
    clock.advance(HOUR)
    new_data()
    given.version(solution)
    clock.advance(8 * DAY)
    assert [version["trainingType"] for version in versions_of(given, solution)] == ["AUTOMATIC", "MANUAL"]


def test_stopped_version_does_not_count_as_the_last_training(slow: Given, clock: ManualClock) -> None:
    """R-SOL-9, R-SV-12: a stopped training learned nothing of the data."""
    group = slow.group()
    clock.advance(60)
    dataset = slow.dataset(group)
    clock.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    clock.advance(1000)
    solution = slow.solution(group, POPULARITY)
    clock.advance(HOUR)
    (version,) = versions_of(slow, solution)
    assert version["status"] == "CREATE PENDING"
    slow.personalize.stop_solution_version_creation(solutionVersionArn=version["solutionVersionArn"])
    clock.advance(8 * DAY)
    assert [version["status"] for version in versions_of(slow, solution)] == ["CREATE STOPPED", "ACTIVE"]


def test_new_frequency_restarts_the_schedule(
    given: Given, clock: ManualClock, new_data: Callable[[], None]
) -> None:
    """R-SOL-15: with a training within the hour."""
    solution = given.solution(recipe=POPULARITY)
    clock.advance(HOUR + 3 * DAY)
    new_data()
    update = {"autoTrainingConfig": {"schedulingExpression": "rate(2 days)"}}
    given.personalize.update_solution(solutionArn=solution, solutionUpdateConfig=update)
    clock.advance(HOUR)
    assert len(versions_of(given, solution)) == 2
    new_data()
    clock.advance(2 * DAY)
    assert len(versions_of(given, solution)) == 3
    new_data()
    clock.advance(2 * DAY)
    assert len(versions_of(given, solution)) == 4


def test_schedule_can_be_switched_off_and_on(given: Given, clock: ManualClock, new_data: Callable[[], None]) -> None:
    """R-SOL-8, R-SOL-22, T-50: a rate that is given while it is off is stored and not used."""
    solution = given.solution(recipe=POPULARITY, performAutoTraining=False)
    clock.advance(HOUR + 8 * DAY)
    assert versions_of(given, solution) == []
    daily = {"autoTrainingConfig": {"schedulingExpression": "rate(1 day)"}}
    given.personalize.update_solution(solutionArn=solution, solutionUpdateConfig=daily)
    clock.advance(HOUR + 8 * DAY)
    assert versions_of(given, solution) == []
    given.personalize.update_solution(solutionArn=solution, performAutoTraining=True)
    clock.advance(HOUR)
    assert len(versions_of(given, solution)) == 1
    new_data()
    clock.advance(DAY)
    assert len(versions_of(given, solution)) == 2
    given.personalize.update_solution(solutionArn=solution, performAutoTraining=False)
    new_data()
    clock.advance(8 * DAY)
    assert len(versions_of(given, solution)) == 2


def test_synced_campaign_follows_schedule(given: Given, clock: ManualClock, new_data: Callable[[], None]) -> None:
    """T-54, R-CMP-8, RT-102."""
    solution = given.solution(recipe=POPULARITY)
    clock.advance(HOUR)
    campaign = given.campaign(f"{solution}/$LATEST", campaignConfig={"syncWithLatestSolutionVersion": True})
    new_data()
    clock.advance(7 * DAY)
    newest = versions_of(given, solution)[-1]["solutionVersionArn"]
    shown = given.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    assert len(versions_of(given, solution)) == 2
    assert shown["solutionVersionArn"] == newest
    assert shown["latestCampaignUpdate"]["status"] == "ACTIVE"


def test_deleted_solution_is_not_trained(given: Given, clock: ManualClock, emulator: Emulator) -> None:
    """R-SOL-10: nor one of the same name that does not train by itself."""
    solution = given.solution(recipe=POPULARITY)
    given.personalize.delete_solution(solutionArn=solution)
    again = given.solution(arn("dataset-group", "group"), POPULARITY, performAutoTraining=False)
    assert again == solution
    clock.advance(HOUR + 8 * DAY)
    assert versions_of(given, again) == []
    assert emulator.state.solutions[again].due_training is None


def test_untrainable_solution_is_skipped(given: Given, clock: ManualClock) -> None:
    """R-SOL-10: a recipe nobody can train yet, and data that are gone."""
    affinity = given.solution(recipe=AFFINITY, name="affinity")
    group = arn("dataset-group", "group")
    popular = given.solution(group, POPULARITY)
    given.personalize.delete_dataset(datasetArn=arn("dataset", "group/INTERACTIONS"))
    clock.advance(HOUR + 8 * DAY)
    assert versions_of(given, affinity) == versions_of(given, popular) == []


@pytest.mark.parametrize("end", ["reset", "close"])
def test_no_training_after_reset_or_close(emulator: Emulator, given: Given, clock: ManualClock, end: str) -> None:
    """R-SOL-10: and the clock does not keep what was forgotten."""
    given.solution(recipe=POPULARITY)
    state = weakref.ref(emulator.state)
    getattr(emulator, end)()
    clock.advance(HOUR + 8 * DAY)
    counts = emulator.health()["resources"]
    assert "solution-version" not in counts
    if end == "reset":
        gc.collect()
        assert state() is None


def test_setting_switches_auto_training_off(clock: ManualClock) -> None:
    """R-SOL-10."""
    with MockPersonalize(Settings(pace="instant", auto_training=False), clock):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        solution = given.solution(recipe=POPULARITY)
        assert given.personalize.describe_solution(solutionArn=solution)["solution"]["performAutoTraining"] is True
        clock.advance(HOUR + 8 * DAY)
        assert versions_of(given, solution) == []


def test_auto_training_with_the_system_clock() -> None:
    """R-SOL-10: advancing brings the training; closing ends the clock's thread."""
    clock = SystemClock()
    before = set(threading.enumerate())
    with MockPersonalize(Settings(pace="instant"), clock) as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        solution = given.solution(recipe=POPULARITY)
        emulator.advance(HOUR)
        (version,) = versions_of(given, solution)
        assert version["status"] == "ACTIVE"
    left = set(threading.enumerate()) - before
    assert "personalize-emu-clock" not in {thread.name for thread in left}


def test_trainings_passed_over_by_the_clock_are_skipped() -> None:
    """R-SOL-8: on the machine's clock what was passed over is one training, and the schedule keeps its days."""
    with MockPersonalize(Settings(pace="instant"), SystemClock()) as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        solution = given.solution(recipe=POPULARITY)
        made = emulator.clock.now()
        emulator.advance(HOUR + 20 * DAY)
        assert len(versions_of(given, solution)) == 1
        due = emulator.state.solutions[solution].due_training
        assert due is not None
        assert due.when == pytest.approx(made + HOUR + 21 * DAY, abs=60)
