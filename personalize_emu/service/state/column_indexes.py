"""Indexes of datasets for requests: by id, by user. Each is immutable and is replaced when its dataset changes."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

import pyarrow as pa

from personalize_emu.data.records.bulk_records import current_records
from personalize_emu.data.records.interactions import Interactions, collect_interactions
from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import ACTION_ID, ITEM_ID
from personalize_emu.filters.records import Records, View
from personalize_emu.service.state.dataset_contents import BulkLayer, DatasetContents
from personalize_emu.service.state.trained_version import TrainedVersion

MOST_CHANGES = 2000
"""Individual records that are added to an index before it is built anew."""


@dataclass(frozen=True, eq=False)
class _Version:
    """The version of a dataset that an index was built from."""

    layer: BulkLayer
    log_length: int
    schema_text: str

    def is_of(self, contents: DatasetContents, schema_text: str) -> bool:
        return self.is_before(contents, schema_text) and self.log_length == len(contents.log)

    def is_before(self, contents: DatasetContents, schema_text: str) -> bool:
        """Whether only individual records can have been added since."""
        return self.layer is contents.layer and self.schema_text == schema_text


@dataclass(frozen=True, eq=False)
class _Index:
    """base: the version that `records` was built from. version: base with the individual records added since."""

    base: _Version
    version: _Version
    records: Records


class ColumnIndexes:
    """Built on first use. Readers of an index that is up to date take no lock.

    Keys are weak: an index is freed with its dataset or trained version.
    """

    def __init__(self) -> None:
        self._records: WeakKeyDictionary[DatasetContents, _Index] = WeakKeyDictionary()
        self._interactions: WeakKeyDictionary[DatasetContents, tuple[pa.Table, Interactions]] = WeakKeyDictionary()
        self._views: WeakKeyDictionary[TrainedVersion, tuple[Records | None, View]] = WeakKeyDictionary()
        self._lock = Lock()

    def records(self, contents: DatasetContents, schema_text: str, id_column: str) -> Records:
        """What the dataset holds now, one row an id (D-84)."""
        found = self._records.get(contents)
        if found is not None and found.version.is_of(contents, schema_text):
            return found.records
        with self._lock:
            found = self._records.get(contents)
            if found is None or not found.version.is_of(contents, schema_text):
                found = self._records[contents] = _renewed(found, contents, schema_text, id_column)
            return found.records

    def interactions(self, contents: DatasetContents) -> Interactions | None:
        """The bulk layer; None when it is empty. Streamed interactions are in the contents themselves."""
        bulk = contents.bulk
        if bulk is None:
            return None
        found = self._interactions.get(contents)
        if found is not None and found[0] is bulk:
            return found[1]
        with self._lock:
            found = self._interactions.get(contents)
            if found is None or found[0] is not bulk:
                column = ACTION_ID if ACTION_ID in bulk.column_names else ITEM_ID
                found = self._interactions[contents] = (bulk, collect_interactions(bulk, (), item_column=column))
            return found[1]

    def catalog_view(self, records: Records | None, trained: TrainedVersion) -> View:
        """The records along the items, or the actions, that a trained version answers."""
        found = self._views.get(trained)
        if found is not None and found[0] is records:
            return found[1]
        with self._lock:
            if found is None:
                view = View(records, trained.answered_ids, trained.number_of_answer)
            else:
                view = found[1].over(records)
            self._views[trained] = (records, view)
            return view


def _renewed(old: _Index | None, contents: DatasetContents, schema_text: str, id_column: str) -> _Index:
    """The index of the contents now: the old one with few individual records added, or a new one."""
    version = _Version(contents.layer, len(contents.log), schema_text)
    if old is not None and old.base.is_before(contents, schema_text):
        new_rows = contents.log.rows(old.base.log_length, version.log_length)
        if len(new_rows) <= MOST_CHANGES:
            return _Index(old.base, version, old.records.base.changed_by(new_rows))
    schema, layer = parse_schema(schema_text), version.layer
    rows = contents.log.rows(0, version.log_length)
    table = current_records(layer.table, rows, schema, id_column, layer.superseded)
    return _Index(version, version, Records(table, schema, id_column))
