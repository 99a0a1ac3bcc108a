"""Immutable records of a dataset, and views of them for lists of ids."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.records.log_segments import Row
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.filters.binding import Alternatives, Bound, Compared, Value
from personalize_emu.filters.columns import Column, Mask, Texts, column_of

MASK_BYTES = 64 * 2**20
"""Maximum memory for the cached masks of one view."""


NO_ROW = -1


class Records:
    """One row per id. Columns are converted on first use and cached.

    table: in schema order, with distinct ids.
    """

    def __init__(self, table: pa.Table, schema: Schema, id_column: str) -> None:
        self.schema = schema
        self.id_column = id_column
        self.base = self
        self.changed: Mapping[str, int] = {}
        self._table = table
        self._columns: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self.row_of)

    def changed_by(self, rows: Sequence[Row]) -> Records:
        """Records in which `rows` replace those with the same id; of several rows with one id the last is used.

        Much cheaper than building new records: the new rows are appended. `changed` has their row numbers, and `base`
        is the original.
        """
        newest = {str(row[self.id_column]): row for row in rows}
        table = pa.concat_tables([self._table, rows_table(self.schema, newest.values())])
        records = Records(table, self.schema, self.id_column)
        records.base = self
        records.changed = {record_id: self._table.num_rows + n for n, record_id in enumerate(newest)}
        return records

    def row(self, record_id: str) -> int | None:
        found = self.changed.get(record_id)
        return self.base.row_of.get(record_id) if found is None else found

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """Row number of every id."""
        if self.base is not self:
            return {**self.base.row_of, **self.changed}
        ids = pc.cast(self._table.column(self.id_column), pa.string()).to_pylist()
        return {record_id: row for row, record_id in enumerate(ids)}

    def along(self, ids: Sequence[str], names: Sequence[str]) -> pa.Table:
        """Some columns for a list of ids; null for ids without a row."""
        row_of = self.row_of
        rows = np.fromiter((row_of.get(record_id, NO_ROW) for record_id in ids), np.int64, len(ids))
        places = pa.array(rows, mask=rows == NO_ROW)
        return self._table.select(list(names)).combine_chunks().take(places)

    @cached_property
    def distinct_table(self) -> pa.Table:
        """One row per id, in schema order: records of it equal these."""
        if self.base is self:
            return self._table
        return self._table.take(pa.array(list(self.row_of.values()), pa.int64()))

    def column(self, name: str) -> Column:
        found = self._columns.get(name)
        if found is None:
            field = self.schema.field(name)
            if field is None:
                raise KeyError(name)
            found = self._columns[name] = column_of(self._table.column(name), field)
        return found

    def value(self, record_id: str, name: str) -> Value | None:
        """The value of a record in a column. The id column has a value even without a row (F-38)."""
        if name == self.id_column:
            return frozenset({record_id})
        row = self.row(record_id)
        return None if row is None else self.column(name).value(row)

    def text(self, record_id: str, name: str) -> str | None:
        """The value as text for clients: categories joined, numbers in their shortest decimal form (RT-67)."""
        row = self.row(record_id)
        if row is None:
            return None
        field = self.schema.field(name)
        if field is not None and field.type == "boolean":
            truth = self._table.column(name)[row].as_py()
            return None if truth is None else str(truth).lower()
        return self.column(name).text(row)


class View:
    """Records for a list of ids, some of which may have no row.

    ids: distinct. number_of: id -> position in `ids`; computed if not given.
    """

    def __init__(self, records: Records | None, ids: Sequence[str], number_of: Mapping[str, int] | None = None) -> None:
        self.ids = ids
        self.number_of = {record_id: n for n, record_id in enumerate(ids)} if number_of is None else number_of
        self._records = records
        self._columns: dict[str, Column] = {}
        self._masks: OrderedDict[Alternatives, Mask] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> tuple[type[View], tuple[Records | None, Sequence[str]]]:
        """Copies in other processes compute their masks themselves."""
        return View, (self._records, self.ids)

    def over(self, records: Records | None) -> View:
        """The same view of other records; cheap if both have the same base."""
        view = View(records, self.ids, self.number_of)
        if records is not None and self._records is not None and records.base is self._records.base:
            view._base_rows = self._base_rows
        return view

    def mask(self, alternatives: Alternatives) -> Mask:
        """bool[ids], read-only: records for which all conditions of any alternative hold."""
        found = self._masks.get(alternatives)
        if found is None:
            found = self._evaluated(alternatives)
            found.flags.writeable = False
            self._keep(alternatives, found)
        return found

    def numbers(self, name: str) -> NDArray[np.float64]:
        """float64[ids]: values of a numeric column, NaN for missing values or if the column does not exist."""
        if self._records is None or self._records.schema.field(name) is None:
            return np.full(len(self), np.nan)
        column = self._column(name)
        if isinstance(column, Texts):
            raise TypeError(f"{name} holds no numbers")
        return column.numbers()

    def forget_masks(self) -> None:
        """Clear the cache of masks."""
        with self._lock:
            self._masks.clear()

    def mask_of(self, ids: frozenset[str]) -> Mask:
        """bool[ids]: those of `ids` that are in the view."""
        mask = np.zeros(len(self), np.bool_)
        mask[[self.number_of[record_id] for record_id in ids if record_id in self.number_of]] = True
        return mask

    def _keep(self, alternatives: Alternatives, mask: Mask) -> None:
        with self._lock:
            self._masks[alternatives] = mask
            while len(self._masks) * max(len(self), 1) > MASK_BYTES and len(self._masks) > 1:
                self._masks.popitem(last=False)

    def _evaluated(self, alternatives: Alternatives) -> Mask:
        masks = [self._all_of(conditions) for conditions in alternatives]
        return np.logical_or.reduce(masks) if len(masks) > 1 else masks[0]

    def _all_of(self, conditions: tuple[Bound, ...]) -> Mask:
        masks = [self._condition(condition) for condition in conditions]
        return np.logical_and.reduce(masks) if len(masks) > 1 else masks[0]

    def _condition(self, condition: Bound) -> Mask:
        records = self._records
        if records is None:
            raise ValueError("there are no records to test")
        if isinstance(condition, Compared):
            if condition.value is None:
                return np.full(len(self), condition.operator == "!=")
            column = self._column(condition.column)
            if isinstance(column, Texts):
                raise TypeError(f"{condition.column} holds no numbers")
            return column.compared(condition.operator, condition.value)
        values = frozenset() if condition.values is None else condition.values
        if condition.column == records.id_column:
            found = self.mask_of(frozenset(value for value in values if isinstance(value, str)))
        else:
            found = self._column(condition.column).one_of(values)
        return ~found if condition.negated else found

    def _column(self, name: str) -> Column:
        found = self._columns.get(name)
        if found is None and self._records is not None:
            found = self._columns[name] = self._records.column(name).aligned(self._rows)
        if found is None:
            raise KeyError(name)
        return found

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        """int64[ids]: row number of each id, NO_ROW for ids without a row."""
        changed = self._records.changed if self._records is not None else {}
        here = [(self.number_of[record_id], row) for record_id, row in changed.items() if record_id in self.number_of]
        if not here:
            return self._base_rows
        rows = self._base_rows.copy()
        for number, row in here:
            rows[number] = row
        return rows

    @cached_property
    def _base_rows(self) -> NDArray[np.int64]:
        """The row numbers without the changed rows."""
        if self._records is None:
            return np.full(len(self.ids), NO_ROW)
        row_of = self._records.base.row_of
        return np.fromiter((row_of.get(record_id, NO_ROW) for record_id in self.ids), np.int64, len(self.ids))
