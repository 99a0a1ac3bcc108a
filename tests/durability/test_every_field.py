"""Each part of the state is kept in a data directory, derived from what is kept, or left out (docs/state.md).


A new field fails the test until it is in one of the three lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.service.state.attribution_ledger import Ledger
from personalize_emu.service.state.dataset_contents import BulkLayer, DatasetContents, StreamedEvent
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.trained_version import LastRefresh, TrainedVersion
from personalize_emu.service.state.usage_ledger import UsageLedger
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.served_recommendations import ServedRecommendations
from personalize_emu.state.store import Store, Table

KEPT: Mapping[str, str] = {
    "AttributionEntry": "ledger",
    "BulkLayer": "table superseded full_rows",
    "DatasetContents": "_bulk_changes _layer _forgotten log",
    "DatasetEntry": "contents",
    "Emulator": "_raised_quotas _state clock",
    "EmulatorState": (
        "answers attributions batch_jobs datasets groups import_jobs recommenders restarts solutions store usage "
        "versions"
    ),
    "GroupEntry": "event_schema_arn key",
    "ImportJobEntry": "report",
    "LastRefresh": "data_version",
    "Ledger": "_history _latest_report _sources _sums",
    "ModelEntry": "data_version refresh trained",
    "RecommenderEntry": "data_version due_training known_columns refresh trained",
    "RestartEntry": "log_length times",
    "ServedRecommendations": "_answers",
    "Store": "_ordinals _records _tags",
    "StreamedEvent": "anonymous event_id row session_id",
    "TrainableEntry": "due_training known_columns",
    "TrainedVersion": (
        "arn attributes context_fields data data_version exposure interactions_arn kind log_length metrics model "
        "recipe selection since tuned"
    ),
    "UsageLedger": "_batches _deployments _ingested _requests _trainings",
}
"""What comes back as it was."""

DERIVED: Mapping[str, str] = {
    # Claimed again while the log is read; counters of changes only have to differ between two reads of one process.
    "DatasetContents": "_event_ids _fingerprints _removals _user_changes",
    # Of the settings, of the start, and of the machine.
    "Emulator": (
        "_durable _fault_file _identifiers _page_secret _publishes_metrics _quotas _training_processes aws_services "
        "is_starting loaded settings"
    ),
    # Indexes and caches; `jobs` is what recovery begins.
    "EmulatorState": "group_keys indexes jobs keeping lists outcome_of scores trackers",
    "GroupEntry": "event_ids",
    "LastRefresh": "refresh",
    "Ledger": "_additions attribution_arn group_arn",
    "ServedRecommendations": "_held _most _new",
    # `_inserted` from the largest ordinal.
    "Store": "_changes _indexes _inserted _observers _save _tables _touched _unsaved",
    "UsageLedger": "_changes _current",
}
"""What is made again of the rest."""

NOT_KEPT: Mapping[str, str] = {
    "DatasetContents": "_journal _lock",
    # Declared answers, faults and recorded calls.
    "Emulator": "doubles",
    # Metrics of the process (`counters`) and of the last minute (`metrics`), rates of the last minutes, logs of jobs.
    "EmulatorState": "account_rates counters logs metering metrics scoring throughput",
    "GroupEntry": "rates",
    "JobEntry": "progress stop",
    "Ledger": "_lock",
    "ModelEntry": "progress stop",
    "RecommenderEntry": "progress stop",
    # Events that named a list, of which click-through rates are made.
    "ServedRecommendations": "_counted_from _events _lock _remembered _since",
    "Store": "lock",
    # It counts when the event arrives.
    "StreamedEvent": "source",
    "UsageLedger": "_lock",
}
"""What starts empty, and locks."""

CLASSES: tuple[type, ...] = (EmulatorState, BulkLayer, StreamedEvent, TrainedVersion, LastRefresh)
NOT_ENTRIES = frozenset({"Throughput", "LogEntry"})
"""Classes of entries of tables that are not kept at all."""


def parts_of(emulator: Emulator) -> Iterator[tuple[str, set[str]]]:
    """Classes with the names of their fields."""
    for each in CLASSES:
        assert is_dataclass(each)
        yield each.__name__, {field.name for field in fields(each)}
    objects: tuple[Any, ...] = (
        emulator, Store(), UsageLedger(), ServedRecommendations(), Ledger("arn", "group"), DatasetContents()
    )  # fmt: skip
    for instance in (*objects, *entries_of(emulator.state)):
        yield type(instance).__name__, set(vars(instance))


def entries_of(state: EmulatorState) -> list[Any]:
    """A new entry of each table that is kept."""
    tables = [getattr(state, field.name) for field in fields(state)]
    entries = [table._new_entry() for table in tables if isinstance(table, Table)]
    return [entry for entry in entries if type(entry).__name__ not in NOT_ENTRIES]


def test_each_field_is_kept_derived_or_left_out() -> None:
    with Emulator(clock=ManualClock()) as emulator:
        for name, found in parts_of(emulator):
            lists = [each.get(name, "").split() for each in (KEPT, DERIVED, NOT_KEPT)]
            listed = [field for names in lists for field in names]
            assert sorted(listed) == sorted(found), name


def test_a_field_that_is_in_no_list_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.__init__

    def with_another(self: Store) -> None:
        store(self)
        self._novelty = 1  # type: ignore[attr-defined]

    monkeypatch.setattr(Store, "__init__", with_another)
    with pytest.raises(AssertionError, match="Store"):
        test_each_field_is_kept_derived_or_left_out()
