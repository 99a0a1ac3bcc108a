"""Columns of records in a layout in which conditions are evaluated with vectorised operations."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.schemas.avro import Field
from personalize_emu.data.schemas.columns import encoded
from personalize_emu.filters.expressions import Constant, Operator

Mask = NDArray[np.bool_]
SEPARATOR = "|"
"""Separates the categories of a value (F-36)."""


@dataclass(frozen=True, eq=False)
class Texts:
    """A string column. codes: int32[records], positions in `dictionary`; its length for missing values."""

    dictionary: pa.Array
    codes: NDArray[np.int32]
    categorical: bool

    @classmethod
    def of(cls, column: pa.ChunkedArray, field: Field) -> Texts:
        coded = encoded(column)
        codes = np.asarray(coded.indices.fill_null(len(coded.dictionary)), dtype=np.int32)
        return cls(coded.dictionary, codes, field.categorical)

    def aligned(self, rows: NDArray[np.int64]) -> Texts:
        """The values of other records. rows: int64[n], -1 for missing records."""
        codes = np.append(self.codes, np.int32(len(self.dictionary)))[rows]
        return Texts(self.dictionary, codes, self.categorical)

    def one_of(self, values: Iterable[object]) -> Mask:
        """bool[records]: whether a category, or the whole text of a column without categories, is in `values`."""
        wanted = pa.array([value for value in values if isinstance(value, str)], pa.string())
        return np.take(self._admitted(wanted), self.codes)

    def value(self, record: int) -> frozenset[str] | None:
        text = self.text(record)
        if text is None:
            return None
        return frozenset(self._parts(text))

    def _parts(self, text: str) -> list[str]:
        return text.split(SEPARATOR) if self.categorical else [text]

    def distinct(self) -> list[Constant]:
        """The distinct categories or texts that occur, ascending."""
        occurring = self.dictionary.take(pa.array(np.unique(self.codes[self.codes < len(self.dictionary)])))
        return sorted({part for text in occurring.to_pylist() for part in self._parts(text)})

    def text(self, record: int) -> str | None:
        code = int(self.codes[record])
        if code == len(self.dictionary):
            return None
        text: str = self.dictionary[code].as_py()
        return text

    def _admitted(self, wanted: pa.Array) -> Mask:
        """bool[dictionary + 1], False at the end for missing values."""
        admitted = np.zeros(len(self.dictionary) + 1, np.bool_)
        if not self.categorical:
            admitted[:-1] = pc.is_in(self.dictionary, wanted).to_numpy(zero_copy_only=False)
            return admitted
        owners, codes, categories = self._categories
        hits = np.append(pc.is_in(categories, wanted).to_numpy(zero_copy_only=False), [False])
        admitted[owners[hits[codes]]] = True
        return admitted

    @cached_property
    def _categories(self) -> tuple[NDArray[np.int64], NDArray[np.int32], pa.Array]:
        """For each category of a dictionary entry: the entry and the category code; and the distinct categories."""
        parts = pc.split_pattern(self.dictionary, SEPARATOR)
        coded = parts.flatten().dictionary_encode()
        owners = np.asarray(pc.list_parent_indices(parts), dtype=np.int64)
        return owners, np.asarray(coded.indices, dtype=np.int32), coded.dictionary


@dataclass(frozen=True, eq=False)
class Floats:
    """values: float32 or float64[records], NaN for missing values."""

    values: NDArray[Any]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Floats:
        kind = np.float32 if pa.types.is_float32(column.type) else np.float64
        return cls(np.asarray(column.to_numpy(), dtype=kind))

    def aligned(self, rows: NDArray[np.int64]) -> Floats:
        return Floats(np.append(self.values, self.values.dtype.type(np.nan))[rows])

    def one_of(self, values: Iterable[object]) -> Mask:
        found = np.zeros(len(self.values), np.bool_)
        for value in values:
            if isinstance(value, Decimal):
                found |= self.values == self._held(value)
        return found

    def compared(self, operator: Operator, value: Decimal) -> Mask:
        # With NaN, all comparisons are false except `!=`, as required for missing values (F-37).
        return _compared(self.values, operator, self._held(value))

    def value(self, record: int) -> Decimal | None:
        number = float(self.values[record])
        return None if math.isnan(number) else Decimal(number)

    def numbers(self) -> NDArray[np.float64]:
        """float64[records], NaN for missing values."""
        return self.values.astype(np.float64)

    def distinct(self) -> list[Constant]:
        return [Decimal(number) for number in np.unique(self.values[~np.isnan(self.values)]).tolist()]

    def text(self, record: int) -> str | None:
        number = self.values[record]
        # With a decimal point: 130.0 (RT-67).
        return None if np.isnan(number) else np.format_float_positional(number, trim="0")

    def _held(self, value: Decimal) -> Any:
        return self.values.dtype.type(float(value))


@dataclass(frozen=True, eq=False)
class Integers:
    """values: int64[records]; present: bool[records]."""

    values: NDArray[np.int64]
    present: Mask

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Integers:
        present = pc.is_valid(column).to_numpy()
        return cls(np.asarray(column.fill_null(0).to_numpy(), dtype=np.int64), np.asarray(present, dtype=np.bool_))

    def aligned(self, rows: NDArray[np.int64]) -> Integers:
        return Integers(np.append(self.values, np.int64(0))[rows], np.append(self.present, False)[rows])

    def one_of(self, values: Iterable[object]) -> Mask:
        found = np.zeros(len(self.values), np.bool_)
        for value in values:
            if isinstance(value, Decimal):
                found |= self.compared("=", value)
        return found

    def compared(self, operator: Operator, value: Decimal) -> Mask:
        if operator == "!=":
            return ~self.compared("=", value)
        bound = _whole_bound(operator, value)
        if bound is None:
            return np.zeros(len(self.values), np.bool_)
        limits = np.iinfo(np.int64)
        if not limits.min <= bound <= limits.max:
            always = operator in ("<", "<=") if bound > 0 else operator in (">", ">=")
            return self.present.copy() if always else np.zeros(len(self.values), np.bool_)
        return _compared(self.values, operator, np.int64(bound)) & self.present

    def value(self, record: int) -> Decimal | None:
        return Decimal(int(self.values[record])) if self.present[record] else None

    def numbers(self) -> NDArray[np.float64]:
        """float64[records], NaN for missing values."""
        return np.where(self.present, self.values.astype(np.float64), np.nan)

    def distinct(self) -> list[Constant]:
        return [Decimal(number) for number in np.unique(self.values[self.present]).tolist()]

    def text(self, record: int) -> str | None:
        return str(int(self.values[record])) if self.present[record] else None


Column = Texts | Floats | Integers


def column_of(column: pa.ChunkedArray, field: Field) -> Column:
    """The column in the layout for its type."""
    if field.type == "string":
        return Texts.of(column, field)
    return Integers.of(column) if field.type in ("int", "long") else Floats.of(column)


def _whole_bound(operator: Operator, value: Decimal) -> int | None:
    """The integer bound that is equivalent to `value` for integers; None if no integer can be equal."""
    if not value.is_finite():
        raise ValueError("a bound for whole numbers must be finite")
    if value == value.to_integral_value():
        return int(value)
    if operator == "=":
        return None
    return math.ceil(value) if operator in ("<", ">=") else math.floor(value)


def _compared(values: NDArray[Any], operator: Operator, value: Any) -> Mask:
    functions = {
        "=": np.equal,
        "!=": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }
    mask: Mask = functions[operator](values, value)
    return mask
