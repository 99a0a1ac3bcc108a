"""Columns of a Parquet file as columns of a dataset, and the values that cannot be such."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.avro import Field
from personalize_emu.data.column_rules import Fault
from personalize_emu.data.columns import STRING, arrow_type

NOT_UTF8 = "the value is not UTF-8 text"


@dataclass(frozen=True, eq=False)
class Conversion:
    """A column in the layout of datasets, null where a value does not fit, and these faults."""

    column: pa.Array
    faults: tuple[Fault, ...] = ()


def convertible(found: pa.DataType, field: Field) -> bool:
    """Whether a column of type `found` can hold what `field` needs; single values may still not do."""
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
    """column: of a type that is `convertible`. Numbers that are not finite stay, for the rules of columns to find."""
    if pa.types.is_dictionary(column.type):
        column = _decoded(column)
    target = arrow_type(field)
    if target is STRING:
        return _text(column, field)
    if pa.types.is_integer(target) and pa.types.is_integer(column.type):
        return _integers(column, field, target)
    # A number rounds to a float as its decimal notation in a CSV file would.
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
    """bool[rows]: Parquet says of bytes that they are text, and does not check it."""
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
    """The column with null in place of some values."""
    return pc.if_else(pa.array(rows), pa.scalar(None, column.type), column)
