"""Segments of a record log: rows as a table, with an index by user."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.records.user_index import UserIndex, user_index
from personalize_emu.data.schemas.columns import NOTED_SESSION, STRING, USER_ID, encoded, without_unused_words

Row = Mapping[str, Any]
"""Column name to value; an absent column is null."""


@dataclass(frozen=True, eq=False)
class Segment:
    """The rows between two positions of a log, in order of arrival.

    first, end: positions, end exclusive. given: int64[rows], the positions of the rows if some were removed, None if
    all positions are present.
    """

    table: pa.Table
    first: int
    end: int
    given: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def positions(self) -> NDArray[np.int64]:
        """int64[rows], ascending."""
        return np.arange(self.first, self.end) if self.given is None else self.given

    @cached_property
    def by_user(self) -> UserIndex:
        """For logs of interactions, whose rows all have a user."""
        return user_index(self.table)

    def between(self, start: int, stop: int) -> Segment:
        """The rows at positions from `start` up to `stop`, exclusive."""
        if start <= self.first and self.end <= stop:
            return self
        places = np.searchsorted(self.positions, (start, stop))
        table = self.table.slice(int(places[0]), int(places[1] - places[0]))
        return Segment(table, max(start, self.first), min(stop, self.end), self.positions[places[0] : places[1]])

    def without(self, column: str, values: Collection[str]) -> Segment:
        """The segment without rows that have one of `values` in a string column; dictionaries are cleaned too."""
        if column not in self.table.column_names or not len(self):
            return self
        coded = encoded(self.table.column(column))
        unwanted = pc.is_in(coded.dictionary, pa.array(values, pa.string()))
        gone = pc.fill_null(unwanted.take(coded.indices), fill_value=False)
        kept = ~np.asarray(gone)
        if kept.all():
            return self
        table = without_unused_words(self.table.filter(pa.array(kept)))
        return Segment(_in_one_piece(table), self.first, self.end, self.positions[kept])

    def rows(self) -> list[Row]:
        """The rows as dictionaries of the columns with a value, without the internal session column."""
        listed = self.table.select([name for name in self.table.column_names if name != NOTED_SESSION]).to_pylist()
        return [{name: value for name, value in row.items() if value is not None} for row in listed]


def segment_of(rows: Sequence[tuple[int, Row]], first: int, end: int) -> Segment:
    """Build a segment from rows and their positions, which lie between `first` and `end`."""
    table = table_of([row for _, row in rows])
    given = None if len(rows) == end - first else np.array([position for position, _ in rows], np.int64)
    return Segment(table, first, end, given)


def joined(segments: Sequence[Segment]) -> Segment:
    """Join consecutive segments; at least one."""
    first, end = segments[0].first, segments[-1].end
    whole = sum(map(len, segments)) == end - first
    given = None if whole else np.concatenate([segment.positions for segment in segments])
    return Segment(joined_tables([segment.table for segment in segments]), first, end, given)


def joined_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """Concatenate tables into one with a single chunk; missing columns are null.

    Columns with incompatible types, caused by a schema change, are converted to strings.
    """
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    for name in names:
        types = {table.schema.field(name).type for table in tables if name in table.column_names}
        if len(types - {pa.null()}) > 1:
            kind = pa.float64() if types <= {pa.int64(), pa.float64(), pa.null()} else STRING
            tables = [_cast(table, name, kind) for table in tables]
    return _in_one_piece(pa.concat_tables(tables, promote_options="default"))


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Rows as columns: 64-bit integers, floats, booleans, and strings as codes."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: Sequence[Any]) -> pa.Array:
    types = {type(value) for value in values if value is not None}
    if types <= {int, float}:
        return pa.array(values, pa.float64() if float in types else pa.int64())
    if types == {bool}:
        return pa.array(values, pa.bool_())
    texts = [None if value is None else value if isinstance(value, str) else str(value) for value in values]
    return pa.array(texts, pa.string()).dictionary_encode()


def _cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    if name not in table.column_names:
        return table
    place, column = table.schema.get_field_index(name), table.column(name)
    if kind == STRING and not pa.types.is_dictionary(column.type):
        return table.set_column(place, name, pc.cast(column, pa.string()).dictionary_encode())
    return table.set_column(place, name, pc.cast(column, kind))


def _in_one_piece(table: pa.Table) -> pa.Table:
    return table.unify_dictionaries().combine_chunks()


def indexed(segment: Segment) -> Segment:
    """The segment with its index already built, so that readers do not wait for it."""
    if USER_ID in segment.table.column_names:
        segment.by_user  # noqa: B018
    return segment
