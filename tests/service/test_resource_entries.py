"""What the state keeps of resources beside their records goes with them (state/store.py, service/state/entries.py)."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.service.state.dataset_contents import StreamedEvent
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import ModelEntry
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import (
    BatchInferenceJob,
    BatchSegmentJob,
    Campaign,
    Dataset,
    DatasetGroup,
    EventTracker,
    Filter,
    MetricAttribution,
    Recommender,
    Resource,
    Schema,
    Solution,
    member_name,
)
from personalize_emu.state.store import Table
from tests.given import POPULARITY, REGION, Given, arn
from tests.service.populated_emulator import populated_emulator

DELETED_IN_ORDER: tuple[tuple[type[Resource], str], ...] = (
    (Campaign, "delete_campaign"),
    (Recommender, "delete_recommender"),
    (Filter, "delete_filter"),
    (MetricAttribution, "delete_metric_attribution"),
    (EventTracker, "delete_event_tracker"),
    (Solution, "delete_solution"),
    (Dataset, "delete_dataset"),
    (DatasetGroup, "delete_dataset_group"),
    (Schema, "delete_schema"),
)
BATCH_JOBS = (BatchInferenceJob, BatchSegmentJob)
"""Their records stay after everything else (R-SOL-23)."""


def tables(state: EmulatorState) -> dict[str, Table[Any]]:
    values = {each.name: getattr(state, each.name) for each in dataclasses.fields(state)}
    return {name: table for name, table in values.items() if isinstance(table, Table)}


def delete_everything(emulator: Emulator) -> None:
    personalize = boto3.client("personalize", region_name=REGION)
    for kind, operation in DELETED_IN_ORDER:
        for record in emulator.state.store.all(kind):
            # What the service made for itself has gone with its group.
            if emulator.state.store.get(kind, record.arn) is not None:
                getattr(personalize, operation)(**{member_name(kind.arn_field): record.arn})


def filled_fields(state: EmulatorState) -> dict[str, set[str]]:
    """By table: the fields that have a value in some entry."""
    return {
        name: {field for _, entry in table.items() for field, value in vars(entry).items() if value}
        for name, table in tables(state).items()
    }


def references(state: EmulatorState) -> list[weakref.ref[Any]]:
    """Of the entries, and of what datasets hold and models answer from."""
    entries = [entry for table in tables(state).values() for _, entry in table.items()]
    trained = [entry.trained for entry in entries if isinstance(entry, ModelEntry)]
    return [weakref.ref(each) for each in (*entries, *state.all_contents(), *trained) if each is not None]


@pytest.fixture(scope="module")
def emptied() -> Iterator[tuple[Emulator, dict[str, set[str]], list[weakref.ref[Any]]]]:
    """An emulator whose resources, some of every kind, were deleted; what had been filled, and references to it."""
    with populated_emulator() as populated:
        emulator = populated.emulator
        filled, held = filled_fields(emulator.state), references(emulator.state)
        delete_everything(emulator)
        emulator.advance(3 * 3600)
        yield emulator, filled, held


def test_every_table_was_filled(emptied: Any) -> None:
    _, filled, _ = emptied
    expected = {
        "groups": {"event_ids", "event_schema_arn"},
        "datasets": {"contents"},
        "import_jobs": {"report"},
        "batch_jobs": {"stop"},
        "restarts": set(),
        "solutions": {"known_columns", "due_training"},
        "versions": {"trained", "refresh", "data_version", "stop"},
        "recommenders": {"trained", "known_columns", "due_training", "stop"},
        "attributions": {"ledger"},
        "throughput": {"bucket"},
    }
    assert filled == expected


def test_nothing_of_a_deleted_resource_remains_in_the_state(emptied: Any) -> None:
    emulator, _, _ = emptied
    state = emulator.state
    assert {type(record) for record in state.store.records()} == set(BATCH_JOBS)
    left = {name: [arn for arn, _ in table.items()] for name, table in tables(state).items()}
    jobs = sorted(record.arn for record in state.store.records())
    assert sorted(left.pop("batch_jobs")) == jobs
    assert sorted(left.pop("restarts")) == jobs
    assert not any(left.values())
    assert vars(state.trackers)["_arns"] == {}
    assert state.running() == {}


def test_nothing_else_refers_to_what_a_deleted_resource_held(emptied: Any) -> None:
    """Neither a job nor a schedule keeps data or models in memory."""
    emulator, _, held = emptied
    gc.collect()
    state = emulator.state
    kept = {id(entry) for table in (state.batch_jobs, state.restarts) for _, entry in table.items()}
    assert [each for ref in held if (each := ref()) is not None and id(each) not in kept] == []


def test_a_resource_that_is_created_anew_starts_empty(given: Given, emulator: Emulator) -> None:
    """R-DS-23, D-97: and what late jobs write for the old one does not reach it."""
    group = given.imported_group()
    dataset, state = arn("dataset", "group/INTERACTIONS"), emulator.state
    solution = given.solution(group, POPULARITY)
    old = state.datasets[dataset], state.solutions[solution]
    given.personalize.delete_solution(solutionArn=solution)
    given.personalize.delete_dataset(datasetArn=dataset)
    assert given.dataset(group) == dataset
    new = state.datasets[dataset]
    old[0].held.append_events([StreamedEvent({"USER_ID": "late", "ITEM_ID": "i", "TIMESTAMP": 1})])
    assert new is not old[0]
    assert not new.held.has_interactions
    assert state.solutions.get(solution) is None


def test_the_late_end_of_a_job_does_not_change_a_new_job_of_the_same_arn(
    slow: Given, clock: ManualClock, slow_emulator: Emulator
) -> None:
    """R-DS-23: an export of a dataset that is deleted meanwhile; an export of the new one has the same name."""
    group = slow.group()
    clock.advance(60)
    dataset = slow.dataset(group)
    clock.advance(60)
    slow.export_job(dataset)
    clock.advance(31)
    slow.personalize.delete_dataset(datasetArn=dataset)
    clock.advance(60)
    slow.dataset(group, arn("schema", "schema"))
    clock.advance(60)
    job = slow.export_job(dataset)
    clock.advance(10)
    assert slow.personalize.describe_dataset_export_job(datasetExportJobArn=job)["datasetExportJob"]["status"] == (
        "CREATE PENDING"
    )
    clock.advance(200)
    # The first one ends 330 seconds after its creation, the second one 120 seconds later.
    assert slow.personalize.describe_dataset_export_job(datasetExportJobArn=job)["datasetExportJob"]["status"] == (
        "CREATE IN_PROGRESS"
    )
    clock.advance(300)
    assert (
        slow.personalize.describe_dataset_export_job(datasetExportJobArn=job)["datasetExportJob"]["status"] == "ACTIVE"
    )
