"""Whatever is raised in a job, it ends, and the jobs after it run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pyarrow as pa
import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.service.datasets import datasets
from personalize_emu.service.lifecycle import creation
from personalize_emu.service.refresh import refresh
from personalize_emu.service.state import dataset_contents as contents
from personalize_emu.service.state.dataset_contents import EventIds
from personalize_emu.settings import Pace
from personalize_emu.state import lifecycle
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.jobs import INTERNAL_ERROR
from tests.attributions import SENT_AT
from tests.deletions import user_list
from tests.given import Given, arn, as_csv, two_camps
from tests.item_market import HOUR, Market, market
from tests.service.job_kinds import KINDS, Broken, Kind, Scene, breaking, scene

PACES: tuple[Pace, ...] = get_args(Pace)
STAGES = ("begun", "work", "succeeded", "failed")


@pytest.fixture(scope="module", params=PACES)
def at_pace(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "_FAST", lifecycle.Duration(0.002, 0.002))
        with scene(request.param) as ready:
            yield ready


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_kind_of_job_ends_when_a_stage_raises(at_pace: Scene, kind: Kind) -> None:
    """R-GEN-10, R-GEN-15: and the same request afterwards is carried out as ever."""
    for stage in STAGES:
        with breaking(at_pace.emulator, kind.job, stage) as broken:
            status = kind.begin(at_pace)
            at_pace.settle()
        assert broken, "no job of this name"
        assert status() == kind.broken, stage
        status = kind.begin(at_pace)
        at_pace.settle()
        assert status() == kind.good, stage


BROKEN = f"{INTERNAL_ERROR} (Broken: all is lost)"


def broken(*_: object, **__: object) -> Any:
    raise Broken("all is lost")


@pytest.fixture
def group(given: Given) -> str:
    return given.imported_group()


def test_a_merge_that_arrow_cannot_hold_fails_its_import_only(
    given: Given, emulator: Emulator, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-DIJ-12: nothing has changed, and the next import of the dataset runs."""
    del group
    dataset, location = arn("dataset", "group/INTERACTIONS"), given.upload(as_csv(two_camps()))
    layer = emulator.state.contents(dataset).layer
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise pa.ArrowCapacityError("array cannot contain more than 2147483646 bytes, have 2147483647")

        patch.setattr(contents, "merge_bulk", full)
        job = given.import_job(dataset, location, "huge", importMode="INCREMENTAL")
    shown = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    assert shown["status"] == "CREATE FAILED"
    assert shown["failureReason"] == (
        "An internal error occurred. Please try again. "
        "(ArrowCapacityError: array cannot contain more than 2147483646 bytes, have 2147483647)"
    )
    assert emulator.state.contents(dataset).layer is layer
    given.import_job(dataset, location, "next", importMode="INCREMENTAL")
    table = emulator.state.contents(dataset).bulk
    assert table is not None
    assert table.num_rows == 2 * len(two_camps())


def test_a_version_that_cannot_be_deployed_fails(
    given: Given, emulator: Emulator, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del group
    solution = given.solution(arn("dataset-group", "group"))
    with monkeypatch.context() as patch:
        patch.setattr(refresh, "refresh_of", broken)
        version = given.version(solution)
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert (shown["status"], shown["failureReason"]) == ("CREATE FAILED", BROKEN)
    assert emulator.state.trained(version) is None
    given.campaign(given.version(solution))


def test_a_request_that_raises_leaves_no_pending_resource(
    given: Given, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-64: clients send it again."""
    group, schema = given.group(), given.schema()
    request = {"name": "d", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"}
    with monkeypatch.context() as patch:
        patch.setattr(datasets, "begin_creation", broken)
        with pytest.raises(Broken):
            emulator.call("CreateDataset", {**request, "tags": [{"tagKey": "k", "tagValue": "v"}]})
    assert given.personalize.list_datasets()["datasets"] == []
    assert given.personalize.create_dataset(**request)["datasetArn"]


def test_an_error_after_a_job_does_not_undo_it(
    given: Given, group: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Counting what has ended, for one."""
    del group
    monkeypatch.setattr(creation, "record_job_end", broken)
    job = given.import_job(arn("dataset", "group/INTERACTIONS"), given.upload(as_csv(two_camps())), "second")
    shown = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    assert shown["status"] == "ACTIVE"
    assert "Broken: all is lost" in caplog.text


def streamed_to(given: Given, events: Any, group: str) -> None:
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "x", "itemId": "i001", "sentAt": SENT_AT, "eventId": "e"}
    events.put_events(trackingId=tracker, userId="u1", sessionId="s", eventList=[event])


def test_a_data_deletion_is_completed_when_a_step_raises(
    given: Given, events: Any, emulator: Emulator, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D-110, D-115, R-DDJ-8: what is known of their events may stay behind, none of their rows does."""
    streamed_to(given, events, group)
    monkeypatch.setattr(EventIds, "forget_users", broken)
    job = given.deletion_job(group, user_list(given, "u1"))
    shown = given.personalize.describe_data_deletion_job(dataDeletionJobArn=job)["dataDeletionJob"]
    assert (shown["status"], shown["numDeleted"]) == ("COMPLETED", 21)
    held = emulator.state.contents(arn("dataset", "group/INTERACTIONS"))
    assert held.bulk is not None
    assert "u1" not in held.bulk.column("USER_ID").to_pylist()
    assert held.log.rows() == []


def test_a_data_deletion_that_fails_early_removes_nothing(
    given: Given, emulator: Emulator, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-DDJ-8: FAILED, and not half done."""
    layers = [held.layer for held in emulator.state.all_contents()]
    monkeypatch.setattr(contents.DatasetContents, "up_to_date", broken)
    job = given.deletion_job(group, user_list(given, "u1"))
    shown = given.personalize.describe_data_deletion_job(dataDeletionJobArn=job)["dataDeletionJob"]
    assert (shown["status"], shown["failureReason"]) == ("FAILED", BROKEN)
    assert [held.layer for held in emulator.state.all_contents()] == layers


def test_a_dataset_is_deleted_when_a_step_raises(
    given: Given, emulator: Emulator, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-GEN-15, R-DS-23: its job records with it."""
    dataset = arn("dataset", "group/INTERACTIONS")
    monkeypatch.setattr(EventIds, "forget_dataset", broken)
    given.personalize.delete_dataset(datasetArn=dataset)
    assert given.personalize.list_datasets(datasetGroupArn=group)["datasets"] == []
    assert given.personalize.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"] == []
    assert emulator.state.contents(dataset) is None


@pytest.fixture
def ours(given: Given) -> Market:
    return market(given)


@pytest.mark.parametrize("stage", ["begun", "work", "succeeded"])
def test_refreshes_continue_after_one_that_raised(
    ours: Market, emulator: Emulator, clock: ManualClock, stage: str
) -> None:
    """R-72h."""
    campaign = ours.campaign(ours.version())
    ours.put_item("fresh")
    with breaking(emulator, "refresh ", stage) as names:
        clock.advance(2 * HOUR)
    assert names
    assert "fresh" not in ours.scores(campaign)
    clock.advance(2 * HOUR)
    assert "fresh" in ours.scores(campaign)


def test_refreshes_continue_after_one_that_could_not_start(
    ours: Market, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-72h."""
    campaign = ours.campaign(ours.version())
    ours.put_item("fresh")
    with monkeypatch.context() as patch:
        patch.setattr(refresh.RefreshSchedule, "_job", broken)
        clock.advance(2 * HOUR)
    clock.advance(2 * HOUR)
    assert "fresh" in ours.scores(campaign)
