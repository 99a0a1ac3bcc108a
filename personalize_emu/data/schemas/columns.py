"""Columns with a meaning to the service, and the memory layout of columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.schemas.avro import Field, Schema

USER_ID = "USER_ID"
ITEM_ID = "ITEM_ID"
ACTION_ID = "ACTION_ID"
TIMESTAMP = "TIMESTAMP"
EVENT_TYPE = "EVENT_TYPE"
EVENT_VALUE = "EVENT_VALUE"
IMPRESSION = "IMPRESSION"
RECOMMENDATION_ID = "RECOMMENDATION_ID"
SESSION_ID = "SESSION_ID"
EVENT_ID = "EVENT_ID"
NOTED_SESSION = "(session)"
"""Internal column, not part of any schema: the session of a streamed interaction that has a user; null where the
session stands for the user (EV-42).
"""
EVENT_ATTRIBUTION_SOURCE = "EVENT_ATTRIBUTION_SOURCE"
CREATION_TIMESTAMP = "CREATION_TIMESTAMP"

ID_COLUMNS = frozenset({USER_ID, ITEM_ID, ACTION_ID})

ID_LIMIT = 256
STRING_LIMIT = 1000

STRING = pa.dictionary(pa.int32(), pa.string())
"""Layout of every string column: int32 codes into a dictionary of UTF-8 strings."""

_ARROW_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "string": STRING,
        "int": pa.int32(),
        "long": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
    }
)


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type of the column for `field`."""
    return _ARROW_TYPES[field.type]


def arrow_schema(schema: Schema) -> pa.Schema:
    """The columns of a dataset, in the order of its schema."""
    return pa.schema([pa.field(field.name, arrow_type(field)) for field in schema.fields])


def character_limit(field: Field) -> int | None:
    """Maximum number of characters of a value (D-64); None for columns without that limit."""
    if field.type != "string" or field.textual:
        return None
    return ID_LIMIT if field.name in ID_COLUMNS else STRING_LIMIT


def rows_table(schema: Schema, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Individually put rows (column name to value, absent = null) as a table in schema order."""
    listed = list(rows)
    arrays = [pa.array([row.get(field.name) for row in listed], type=arrow_type(field)) for field in schema.fields]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(schema))


def conformed(table: pa.Table, schema: Schema) -> pa.Table:
    """The table in schema order; missing columns are null (D-96), others are dropped.

    Numbers may be wider than the schema requires.
    """
    arrays = [
        pc.cast(table.column(field.name), arrow_type(field))
        if field.name in table.column_names
        else pa.nulls(table.num_rows, arrow_type(field))
        for field in schema.fields
    ]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(schema))


def without_unused_words(table: pa.Table) -> pa.Table:
    """The table, from which rows were removed, with dictionaries that contain only the strings in use."""
    columns = [
        pc.cast(values, pa.string()).dictionary_encode() if pa.types.is_dictionary(values.type) else values
        for values in table.itercolumns()
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column of any type as one array of codes into a dictionary of distinct values."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if coded.num_chunks > 1:
        coded = coded.unify_dictionaries()
    if coded.num_chunks == 1:
        return coded.chunk(0)
    return pa.concat_arrays(coded.chunks or [pa.array([], coded.type)])


def distinct_strings(column: pa.ChunkedArray) -> pa.Array:
    """The distinct values of a string column, without null, in order of first occurrence."""
    coded = encoded(column)
    return coded.dictionary.take(coded.indices.unique().drop_null())
