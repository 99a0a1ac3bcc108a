"""Datasets laid out for reading at request time: each index is frozen, and swapped when its dataset changes."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

import pyarrow as pa

from personalize_emu.data.avro import parse_schema
from personalize_emu.data.bulk import current_records
from personalize_emu.data.interactions import Interactions, collect_interactions
from personalize_emu.filters.records import Records, View
from personalize_emu.service.contents import BulkLayer, DatasetContents
from personalize_emu.service.trained import TrainedVersion


@dataclass(frozen=True, eq=False)
class _Version:
    """The state of a dataset that an index was made of."""

    layer: BulkLayer
    log_length: int
    schema_text: str

    def is_of(self, contents: DatasetContents, schema_text: str) -> bool:
        return (
            self.layer is contents.layer
            and self.log_length == len(contents.log)
            and self.schema_text == schema_text
        )


class ColumnIndexes:
    """Made when they are first asked for. Readers of an index that is still good take no lock.

    Everything is held by its dataset or trained version, and goes with it.
    """

    def __init__(self) -> None:
        self._records: WeakKeyDictionary[DatasetContents, tuple[_Version, Records]] = WeakKeyDictionary()
        self._interactions: WeakKeyDictionary[DatasetContents, tuple[pa.Table, Interactions]] = WeakKeyDictionary()
        self._views: WeakKeyDictionary[TrainedVersion, tuple[Records | None, View]] = WeakKeyDictionary()
        self._turn = Lock()

    def records(self, contents: DatasetContents, schema_text: str, id_column: str) -> Records:
        """What the dataset holds now, one row an id (D-84)."""
        found = self._records.get(contents)
        if found is not None and found[0].is_of(contents, schema_text):
            return found[1]
        with self._turn:
            found = self._records.get(contents)
            if found is not None and found[0].is_of(contents, schema_text):
                return found[1]
            version = _Version(contents.layer, len(contents.log), schema_text)
            rows = contents.log.rows(0, version.log_length)
            schema, layer = parse_schema(schema_text), version.layer
            table = current_records(layer.table, rows, schema, id_column, layer.superseded)
            records = Records(table, schema, id_column)
            self._records[contents] = (version, records)
            return records

    def interactions(self, contents: DatasetContents) -> Interactions | None:
        """The bulk layer; None when there is none. What was streamed is in the contents themselves."""
        bulk = contents.bulk
        if bulk is None:
            return None
        found = self._interactions.get(contents)
        if found is not None and found[0] is bulk:
            return found[1]
        with self._turn:
            found = self._interactions.get(contents)
            if found is None or found[0] is not bulk:
                found = self._interactions[contents] = (bulk, collect_interactions(bulk, ()))
            return found[1]

    def catalog_view(self, records: Records | None, trained: TrainedVersion) -> View:
        """The records along the catalog of a trained version."""
        found = self._views.get(trained)
        if found is not None and found[0] is records:
            return found[1]
        with self._turn:
            view = View(records, trained.model.catalog, trained.model.number_of)
            self._views[trained] = (records, view)
            return view
