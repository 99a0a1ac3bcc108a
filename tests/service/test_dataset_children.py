"""Children of a dataset that is still being created are accepted, and wait for it (R-GEN-20)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.lifecycle import creation
from personalize_emu.settings import Pace, Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.lifecycle import Duration, creation_duration
from personalize_emu.state.resources import Dataset
from tests.attributions import FILMS, WATCHED, attribution, metric
from tests.given import REGION, Given, arn, as_csv, avro, field, two_camps
from tests.refusals import refusal

CREATION = 500.0
"""Seconds that datasets take here: longer than any child waits of its own accord."""
LENGTHS = metric("lengths", "SUM(Items.LENGTH)")

Shown = Callable[[], dict[str, Any]]
"""Describes a child."""


def imported(given: Given, group: str = "") -> Shown:
    del group
    job = given.import_job(arn("dataset", "group/INTERACTIONS"), given.upload(EVENTS, "events.csv"))
    describe = given.personalize.describe_dataset_import_job
    return lambda: dict(describe(datasetImportJobArn=job)["datasetImportJob"])


def exported(given: Given, group: str = "") -> Shown:
    del group
    given.upload("", "bucket")
    job = given.export_job(arn("dataset", "group/INTERACTIONS"))
    describe = given.personalize.describe_dataset_export_job
    return lambda: dict(describe(datasetExportJobArn=job)["datasetExportJob"])


def deleted(given: Given, group: str) -> Shown:
    job = given.deletion_job(group, given.upload("USER_ID\nu1\n", "users.csv"))
    return lambda: dict(given.personalize.describe_data_deletion_job(dataDeletionJobArn=job)["dataDeletionJob"])


def attributed(given: Given, group: str) -> Shown:
    made = attribution(given, group, LENGTHS)
    describe = given.personalize.describe_metric_attribution
    return lambda: dict(describe(metricAttributionArn=made)["metricAttribution"])


EVENTS = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,RECOMMENDATION_ID,EVENT_ATTRIBUTION_SOURCE\n" + "".join(
    f"u{n % 30},i{n % 7},{1_600_000_000 + n},watch,,,\n" for n in range(1000)
)
CHILDREN = (imported, exported, deleted, attributed)


@pytest.fixture(autouse=True)
def long_creation(monkeypatch: pytest.MonkeyPatch) -> None:
    def duration(settings: Settings, kind: str) -> Duration:
        return Duration(5.0, CREATION - 5.0) if kind == "dataset" else creation_duration(settings, kind)

    monkeypatch.setattr(creation, "creation_duration", duration)


@pytest.fixture
def group(slow: Given, clock: ManualClock) -> str:
    """With datasets of interactions and items that have just been asked for."""
    group = slow.group()
    clock.advance(60)
    slow.dataset(group, slow.schema(WATCHED, "events"), "Interactions")
    slow.dataset(group, slow.schema(FILMS, "films"), "Items")
    return group


@pytest.mark.parametrize("begin", CHILDREN)
@pytest.mark.parametrize("after", [0.0, 100.0])
def test_a_child_is_created_after_its_dataset(
    slow: Given, clock: ManualClock, group: str, begin: Callable[[Given, str], Shown], after: float
) -> None:
    """Whether that is PENDING or IN_PROGRESS: it begins when the dataset is ACTIVE."""
    clock.advance(after)
    child = begin(slow, group)
    clock.advance(CREATION - after - 1)
    assert child()["status"].endswith("PENDING")
    clock.advance(2)
    assert child()["status"].endswith("IN_PROGRESS")
    clock.advance(3000)
    assert child()["status"] in ("ACTIVE", "COMPLETED"), child()


@pytest.mark.parametrize("begin", [imported, exported, attributed])
def test_a_child_fails_when_its_dataset_fails(
    slow: Given, slow_emulator: Emulator, clock: ManualClock, group: str, begin: Callable[[Given, str], Shown]
) -> None:
    child = begin(slow, group)
    dataset = slow_emulator.state.store.get(Dataset, arn("dataset", "group/INTERACTIONS"))
    assert dataset is not None
    slow_emulator.state.store.change(dataset, status="CREATE FAILED")
    clock.advance(3000)
    assert child()["status"] == "CREATE FAILED"
    assert child()["failureReason"] == f"Resource {dataset.arn} is in CREATE FAILED state."


def test_children_of_a_dataset_run_one_after_the_other(slow: Given, clock: ManualClock, group: str) -> None:
    """R-DIJ-11: an export that was asked for after an import has its rows."""
    del group
    dataset = arn("dataset", "group/INTERACTIONS")
    first = imported(slow)
    slow.export_job(dataset, ingestionMode="BULK")
    clock.advance(5000)
    assert first()["status"] == "ACTIVE"
    (text,) = slow.downloaded("exports/").values()
    assert len(text.splitlines()) == 1001


def test_children_are_refused_in_other_states(slow: Given, clock: ManualClock, group: str) -> None:
    """R-GEN-20, R-DIJ-10: UPDATE and DELETE."""
    clock.advance(CREATION + 10)
    items = arn("dataset", "group/ITEMS")
    location = slow.upload("ITEM_ID\n", "items.csv")
    other = slow.dataset(group, slow.schema(avro("Users", field("USER_ID"), field("AGE", "int")), "users"), "Users")
    clock.advance(CREATION + 10)
    wider = avro("Users", field("USER_ID"), field("AGE", "int"), field("X", ["null", "int"]))
    slow.personalize.update_dataset(datasetArn=other, schemaArn=slow.schema(wider, "wider"))
    assert refusal(slow.import_job, dataset=other, location=location)[0] == "ResourceInUseException"
    slow.personalize.delete_dataset(datasetArn=items)
    for call in (slow.export_job, lambda dataset: slow.import_job(dataset, location)):
        assert refusal(call, dataset=items)[0] == "ResourceInUseException"


@pytest.mark.parametrize("pace", ["fast", "real"])
def test_importing_right_after_create_dataset(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the vendor's own orchestration code does."""
    monkeypatch.undo()
    with mock_personalize(pace=pace) as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        location = given.upload(as_csv(two_camps()))
        group = given.group()
        emulator.advance(100)
        assert emulator.wait_idle(20)
        job = given.import_job(given.dataset(group), location)
        emulator.advance(2000)
        assert emulator.wait_idle(20)
        described = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
        assert described["status"] == "ACTIVE"


def test_incremental_imports_need_a_full_one_before_them(slow: Given, clock: ManualClock, group: str) -> None:
    """D-80."""
    del clock, group
    dataset, location = arn("dataset", "group/INTERACTIONS"), slow.upload(EVENTS, "events.csv")
    assert refusal(slow.import_job, dataset=dataset, location=location, importMode="INCREMENTAL")[0] == (
        "InvalidInputException"
    )
    slow.import_job(dataset, location)
    slow.import_job(dataset, location, "more", importMode="INCREMENTAL")
