"""Parquet input, batch by batch, under the same rules as CSV."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from personalize_emu.data.avro import Field, Schema
from personalize_emu.data.column_rules import Fault, first_fault, settled
from personalize_emu.data.columns import STRING, arrow_schema, arrow_type, character_limit
from personalize_emu.data.rejection import RejectedData, missing_columns, nonconforming, too_long

BATCH_ROWS = 1 << 16
_KEPT_IN_MEMORY = 8 << 20


@contextmanager
def seekable_copy(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The content of a stream in a temporary file: Parquet is read from its end."""
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY) as copy:
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
        self._check_columns(arrow)

    def tables(self) -> Iterator[pa.Table]:
        """The rows, in schema order, at most BATCH_ROWS a table."""
        names = list(self._schema.names)
        batches = self._file.iter_batches(BATCH_ROWS, columns=names)
        rows = 0
        while True:
            with self._readable():
                batch = next(batches, None)
            if batch is None:
                return
            yield self._table(batch.select(names), rows)
            rows += batch.num_rows

    def _table(self, batch: pa.RecordBatch, rows: int) -> pa.Table:
        columns = [
            self._converted(field, column) for field, column in zip(self._schema.fields, batch.columns, strict=True)
        ]
        table = pa.Table.from_arrays(columns, schema=arrow_schema(self._schema))
        fault = first_fault(table, self._schema, self._dataset_type)
        if fault is not None:
            raise self._refusal(fault, rows)
        return settled(table, self._schema, self._dataset_type)

    def _check_columns(self, arrow: pa.Schema) -> None:
        missing = [name for name in self._schema.names if name not in arrow.names]
        if missing:
            raise missing_columns(missing)
        for field in self._schema.fields:
            if arrow.names.count(field.name) > 1:
                raise nonconforming(f"{self._name}: column {field.name} occurs more than once")
            found = arrow.field(field.name).type
            if not _convertible(found, field):
                raise nonconforming(
                    f"{self._name}, column {field.name}: a column of {found} cannot be of type {field.type}"
                )

    def _converted(self, field: Field, column: pa.Array) -> pa.Array:
        target = arrow_type(field)
        try:
            if target is STRING:
                return _text(column)
            # A double rounds to a float as its decimal notation in a CSV file would.
            return pc.cast(column, target, safe=not pa.types.is_floating(column.type))
        except pa.ArrowInvalid as error:
            raise nonconforming(
                f"{self._name}, column {field.name}: a value is out of the range of type {field.type}"
            ) from error

    def _refusal(self, fault: Fault, rows: int) -> RejectedData:
        where = f"{self._name}, row {rows + fault.row + 1}, column {fault.field.name}"
        limit = character_limit(fault.field)
        if fault.problem is None and limit is not None:
            return too_long(limit, fault.field.name, where)
        return nonconforming(f"{where}: {fault.problem}")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, ValueError) as error:
            raise nonconforming(f"{self._name}: not a readable Parquet file") from error


def _convertible(found: pa.DataType, field: Field) -> bool:
    """Whether a column of type `found` can hold what `field` needs; single values may still be refused."""
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


def _text(column: pa.Array) -> pa.DictionaryArray:
    """Strings of any layout as codes into a dictionary; an empty string is null (D-58)."""
    plain = pc.cast(column, pa.string())
    plain = pc.if_else(pc.equal(plain, ""), pa.scalar(None, pa.string()), plain)
    return plain.dictionary_encode()
