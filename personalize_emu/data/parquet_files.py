"""Parquet input, batch by batch, under the same rules as CSV."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from personalize_emu.data.avro import Schema
from personalize_emu.data.column_rules import Fault, faults, settled
from personalize_emu.data.columns import arrow_schema, character_limit, without_unused_words
from personalize_emu.data.headers import places_of
from personalize_emu.data.parquet_values import converted, convertible
from personalize_emu.data.rejection import nonconforming, too_long
from personalize_emu.data.row_counts import MOST_REASONS, RowCounts

MAGIC = b"PAR1"
"""How every Parquet file begins, and ends."""
BATCH_ROWS = 1 << 16
_KEPT_IN_MEMORY = 8 << 20


@contextmanager
def seekable_copy(head: bytes, stream: BinaryIO) -> Iterator[BinaryIO]:
    """The content of a stream in a temporary file: Parquet is read from its end. head: what was read of it before."""
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY) as copy:
        copy.write(head)
        shutil.copyfileobj(stream, copy)
        yield cast(BinaryIO, copy)


class ParquetFile:
    """One Parquet file that is being read. Raises RejectedData, here and while its tables are taken.

    content: seekable, open as long as tables are taken.
    """

    def __init__(self, name: str, content: BinaryIO, schema: Schema, dataset_type: str) -> None:
        self._name = name
        self._schema = schema
        self._dataset_type = dataset_type
        with self._readable():
            self._file = pq.ParquetFile(content)
            arrow = self._file.schema_arrow
            self.columns: tuple[str, ...] = tuple(arrow.names)
        places = places_of(name, self.columns, schema)
        self._names = [self.columns[place] for place in places]
        self._check_types([arrow.field(place).type for place in places])

    def tables(self, counts: RowCounts) -> Iterator[pa.Table]:
        """The rows that conform, in schema order, at most BATCH_ROWS a table; all are counted."""
        batches = self._file.iter_batches(BATCH_ROWS, columns=self._names)
        rows = 0
        while True:
            with self._readable():
                batch = next(batches, None)
            if batch is None:
                return
            yield self._table(batch.select(self._names), rows, counts)
            rows += batch.num_rows

    def _table(self, batch: pa.RecordBatch, rows: int, counts: RowCounts) -> pa.Table:
        columns: list[pa.Array] = []
        found: list[Fault] = []
        for field, column in zip(self._schema.fields, batch.columns, strict=True):
            conversion = converted(column, field)
            columns.append(conversion.column)
            found += conversion.faults
        table = pa.Table.from_arrays(columns, schema=arrow_schema(self._schema))
        found += faults(table, self._schema, self._dataset_type)
        table = self._without(table, found, rows, counts)
        return settled(table, self._schema, self._dataset_type)

    def _without(self, table: pa.Table, found: Sequence[Fault], rows: int, counts: RowCounts) -> pa.Table:
        """The table without the rows that are at fault. Raises RejectedData when a value is too long."""
        if not found:
            counts.add(table.num_rows)
            return table
        at_fault = np.logical_or.reduce([fault.rows for fault in found])
        places = np.flatnonzero(at_fault)
        for fault in found:
            limit = character_limit(fault.field)
            if fault.problem is None and limit is not None:
                where = self._where(rows + int(fault.rows.argmax()), fault)
                raise too_long(limit, fault.field.name, where)
        reasons = [self._reason(found, place, rows) for place in places[:MOST_REASONS].tolist()]
        counts.add(table.num_rows - len(places), len(places), reasons)
        return without_unused_words(table.filter(pa.array(~at_fault)))

    def _reason(self, found: Sequence[Fault], place: int, rows: int) -> str:
        fault = next(fault for fault in found if fault.rows[place])
        return f"{self._where(rows + place, fault)}: {fault.problem}"

    def _where(self, row: int, fault: Fault) -> str:
        return f"{self._name}, row {row + 1}, column {fault.field.name}"

    def _check_types(self, types: Sequence[pa.DataType]) -> None:
        for field, found in zip(self._schema.fields, types, strict=True):
            if not convertible(found, field):
                raise nonconforming(
                    f"{self._name}, column {field.name}: a column of {found} cannot be of type {field.type}"
                )

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, ValueError) as error:
            raise nonconforming(f"{self._name}: not a readable Parquet file") from error
