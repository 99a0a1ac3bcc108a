"""Reads Parquet files batch by batch, under the same rules as CSV, and converts their columns."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from personalize_emu.data.rejection import MOST_REASONS, RowCounts, nonconforming, too_long
from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.data.schemas.column_matching import places_of
from personalize_emu.data.schemas.column_rules import Fault, faults, normalised
from personalize_emu.data.schemas.columns import STRING, arrow_schema, arrow_type, character_limit, without_unused_words

MAGIC = b"PAR1"
"""The first and last bytes of every Parquet file."""
BATCH_ROWS = 1 << 16
_KEPT_IN_MEMORY = 8 << 20


@contextmanager
def seekable_copy(head: bytes, stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream copied to a temporary file, because Parquet is read from its end. head: bytes already read."""
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY) as copy:
        copy.write(head)
        shutil.copyfileobj(stream, copy)
        yield cast(BinaryIO, copy)


class ParquetFile:
    """One open Parquet file. Raises RejectedData on construction and while its tables are read.

    content: seekable; must stay open while tables are read.
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
        """The conforming rows in schema order, at most BATCH_ROWS per table; every row is counted."""
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
        return normalised(table, self._schema, self._dataset_type)

    def _without(self, table: pa.Table, found: Sequence[Fault], rows: int, counts: RowCounts) -> pa.Table:
        """The table without nonconforming rows. Raises RejectedData if a value is too long."""
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


NOT_UTF8 = "the value is not UTF-8 text"


@dataclass(frozen=True, eq=False)
class Conversion:
    """column: in the layout of datasets, null where a value does not fit. faults: of these values."""

    column: pa.Array
    faults: tuple[Fault, ...] = ()


def convertible(found: pa.DataType, field: Field) -> bool:
    """Whether a column of type `found` can be converted to `field`; single values may still not fit."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_null(found):
        return True
    if field.type == "string":
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found))
    if field.type == "boolean":
        return bool(pa.types.is_boolean(found))
    if field.type in ("int", "long"):
        return bool(pa.types.is_integer(found))
    return bool(pa.types.is_integer(found) or pa.types.is_floating(found))


def converted(column: pa.Array, field: Field) -> Conversion:
    """column: of a type that is `convertible`. Non-finite numbers are kept, for the column rules to report."""
    if pa.types.is_dictionary(column.type):
        column = _decoded(column)
    target = arrow_type(field)
    if target is STRING:
        return _text(column, field)
    if pa.types.is_integer(target) and pa.types.is_integer(column.type):
        return _integers(column, field, target)
    # Converted through decimal notation, so that a float is the same as from a CSV file.
    return Conversion(pc.cast(column, target, safe=False))


def _decoded(column: pa.DictionaryArray) -> pa.Array:
    return column.dictionary.take(column.indices)


def _integers(column: pa.Array, field: Field, target: pa.DataType) -> Conversion:
    values = np.asarray(column.fill_null(0))
    held, wanted = np.iinfo(values.dtype), np.iinfo(target.to_pandas_dtype())
    outside = np.zeros(len(values), np.bool_)
    if held.min < wanted.min:
        outside |= values < wanted.min
    if held.max > wanted.max:
        outside |= values > wanted.max
    if not outside.any():
        return Conversion(pc.cast(column, target))
    fitting = pc.cast(_without(column, outside), target)
    return Conversion(fitting, (Fault(outside, field, f"the value is out of the range of type {field.type}"),))


def _text(column: pa.Array, field: Field) -> Conversion:
    """Strings as codes into a dictionary; an empty string is null (D-58)."""
    bad = _not_utf8(column)
    if bad.any():
        column = _without(column, bad)
    plain = pc.cast(column, pa.string())
    plain = pc.if_else(pc.equal(plain, ""), pa.scalar(None, pa.string()), plain)
    return Conversion(plain.dictionary_encode(), (Fault(bad, field, NOT_UTF8),) if bad.any() else ())


def _not_utf8(column: pa.Array) -> NDArray[np.bool_]:
    """bool[rows]: values that are not UTF-8; Parquet does not validate strings."""
    bad = np.zeros(len(column), np.bool_)
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        binary = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
        values = column.cast(binary).to_pylist()
        bad[:] = [value is not None and not _is_utf8(value) for value in values]
    return bad


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _without(column: pa.Array, rows: NDArray[np.bool_]) -> pa.Array:
    """The column with null at `rows`."""
    return pc.if_else(pa.array(rows), pa.scalar(None, column.type), column)
