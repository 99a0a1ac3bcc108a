"""Interactions as arrays of numbers, sorted by user and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.records.log_segments import table_of
from personalize_emu.data.schemas.columns import (
    EVENT_TYPE,
    EVENT_VALUE,
    ID_COLUMNS,
    ITEM_ID,
    STRING,
    TIMESTAMP,
    USER_ID,
    encoded,
)

_Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Distinct interactions, sorted by (user, timestamp, arrival).

    user_ids, item_ids, event_types: sorted; numbers are positions in these tuples.
    users, items: int32[n]. timestamps: int64[n], epoch seconds. event_type_codes: int16[n], -1 = none.
    event_values: float32[n], NaN = none; None if no row has one. offsets: int64[users + 1], the rows of user u are
    offsets[u] to offsets[u + 1]. more: further columns of the rows, None if none were requested.
    """

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    timestamps: NDArray[np.int64]
    event_types: tuple[str, ...]
    event_type_codes: NDArray[np.int16]
    event_values: NDArray[np.float32] | None
    offsets: NDArray[np.int64]
    more: pa.Table | None = None

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def _user_numbers(self) -> Mapping[str, int]:
        return {user: number for number, user in enumerate(self.user_ids)}

    def history_of(self, user_id: str) -> slice:
        """The rows of a user, oldest first; an empty slice for an unknown user."""
        number = self._user_numbers.get(user_id)
        if number is None:
            return slice(0, 0)
        return slice(int(self.offsets[number]), int(self.offsets[number + 1]))

    def users_with_at_least(self, count: int) -> int:
        """Number of users with that many interactions or more."""
        return int(np.count_nonzero(np.diff(self.offsets) >= count))


def collect_interactions(
    bulk: pa.Table | None,
    put: pa.Table | Sequence[Mapping[str, Any]],
    *,
    event_type: str | None = None,
    event_value_threshold: float | None = None,
    item_column: str = ITEM_ID,
    more_columns: Sequence[str] = (),
) -> Interactions:
    """Combine bulk rows and individually put rows, in this order of arrival.

    put: rows, or a table with 64-bit numbers where the bulk has fewer bits. Rows that are equal in all columns are
    counted once (D-82, EV-41). event_type: keep only rows of that type. event_value_threshold: keep only rows whose
    EVENT_VALUE is at least that (T-20). item_column: ACTION_ID for action interactions. more_columns: kept along the
    rows if present. Timestamps must not be null.
    """
    table = _joined(bulk, put if isinstance(put, pa.Table) else table_of(put), (USER_ID, item_column, TIMESTAMP))
    table = _selected(table, event_type, event_value_threshold)
    users, user_ids = _numbered(table.column(USER_ID))
    items, item_ids = _numbered(table.column(item_column))
    timestamps = _numpy(table.column(TIMESTAMP), pa.int64())
    order = _time_order(users, timestamps)
    order = _without_repeats(table, order, users, timestamps)
    codes, event_types = _event_types(table)
    users = users[order]
    return Interactions(
        user_ids=user_ids,
        item_ids=item_ids,
        users=users.astype(np.int32),
        items=items[order].astype(np.int32),
        timestamps=timestamps[order],
        event_types=event_types,
        event_type_codes=codes[order].astype(np.int16 if len(event_types) < 2**15 else np.int32),
        event_values=_event_values(table, order),
        offsets=np.searchsorted(users, np.arange(len(user_ids) + 1)).astype(np.int64),
        more=_more(table, more_columns, order),
    )


def _more(table: pa.Table, names: Sequence[str], order: _Codes) -> pa.Table | None:
    kept = [name for name in names if name in table.column_names]
    if not kept:
        return None
    places = pa.array(order)
    # `take` on a single chunk is fast; with many chunks it looks up each position first.
    whole = [table.column(name).unify_dictionaries().combine_chunks() for name in kept]
    return pa.table({name: column.take(places) for name, column in zip(kept, whole, strict=True)})


def _joined(bulk: pa.Table | None, put: pa.Table, needed: Sequence[str]) -> pa.Table:
    """One table; columns that only one side has are null for the other."""
    known = {} if bulk is None else {field.name: field.type for field in bulk.schema}
    if not put.num_rows and bulk is not None:
        return bulk
    columns = {}
    for name in sorted({*known, *needed, *put.column_names}):
        kind = known.get(name) or _put_type(name)
        if name not in put.column_names:
            columns[name] = pa.nulls(put.num_rows, kind or pa.null())
        else:
            columns[name] = put.column(name) if kind is None else pc.cast(put.column(name), kind)
    table = pa.table(columns)
    return table if bulk is None else pa.concat_tables([bulk, table], promote_options="default")


def _put_type(name: str) -> pa.DataType | None:
    if name == TIMESTAMP:
        return pa.int64()
    if name == EVENT_VALUE:
        return pa.float32()
    return STRING if name in ID_COLUMNS or name == EVENT_TYPE else None


def _selected(table: pa.Table, event_type: str | None, threshold: float | None) -> pa.Table:
    if event_type is not None:
        if EVENT_TYPE not in table.column_names:
            return table.slice(0, 0)
        table = table.filter(pc.equal(pc.cast(table.column(EVENT_TYPE), pa.string()), event_type))
    if threshold is not None:
        if EVENT_VALUE not in table.column_names:
            return table.slice(0, 0)
        values = pc.cast(table.column(EVENT_VALUE), pa.float64())
        # The column is float32: 0.1 written in the data must reach a threshold of 0.1.
        with np.errstate(over="ignore"):
            bound = float(np.float32(threshold))
        table = table.filter(pc.greater_equal(values, bound))
    return table


def _numpy(column: pa.ChunkedArray, kind: pa.DataType) -> NDArray[Any]:
    return np.asarray(pc.cast(column, kind).to_numpy())


def _numbered(column: pa.ChunkedArray) -> tuple[_Codes, tuple[str, ...]]:
    """int64[n], positions of the values among the sorted distinct ones (-1 = null), and those values."""
    coded = encoded(column)
    codes = _index_codes(coded)
    occurs = np.bincount(codes[codes >= 0], minlength=len(coded.dictionary)) > 0
    values = coded.dictionary
    order = np.asarray(pc.sort_indices(values)).astype(np.int64)
    order = order[occurs[order]]
    numbers = np.full(len(values) + 1, -1, np.int64)
    numbers[order] = np.arange(len(order))
    return numbers[codes], tuple(values.take(pa.array(order)).to_pylist())


def _time_order(users: _Codes, timestamps: NDArray[np.int64]) -> _Codes:
    """Positions sorted by (user, timestamp, arrival)."""
    if not len(users):
        return np.zeros(0, np.int64)
    low, high = int(timestamps.min()), int(timestamps.max())
    span = high - low + 1
    if span * (int(users.max()) + 1) < 2**63:
        keys: _Codes = users * span + (timestamps - low)
        return keys.argsort(kind="stable")
    order: _Codes = np.lexsort((timestamps, users))
    return order


def _without_repeats(table: pa.Table, order: _Codes, users: _Codes, timestamps: NDArray[np.int64]) -> _Codes:
    """Drop rows that equal an earlier one in all columns."""
    same = (np.diff(users[order]) == 0) & (np.diff(timestamps[order]) == 0)
    if not same.any():
        return order
    at_risk = np.flatnonzero(np.concatenate((same, [False])) | np.concatenate(([False], same)))
    rows = order[at_risk]
    candidates = table.take(pa.array(rows))
    keys = [_column_codes(candidates.column(name)) for name in candidates.column_names]
    by_content = np.lexsort(keys)
    equal = np.ones(len(rows) - 1, np.bool_)
    for key in keys:
        equal &= np.diff(key[by_content]) == 0
    keep = np.ones(len(order), np.bool_)
    # lexsort is stable, so of equal rows the earliest comes first and stays.
    keep[at_risk[by_content[1:][equal]]] = False
    return order[keep]


def _column_codes(column: pa.ChunkedArray) -> _Codes:
    """int64[n]: equal values have equal numbers; null has its own number."""
    return _index_codes(encoded(column))


def _index_codes(coded: pa.DictionaryArray) -> _Codes:
    return np.asarray(coded.indices.fill_null(-1), dtype=np.int64)


def _event_types(table: pa.Table) -> tuple[_Codes, tuple[str, ...]]:
    if EVENT_TYPE not in table.column_names:
        return np.full(table.num_rows, -1, np.int64), ()
    return _numbered(table.column(EVENT_TYPE))


def _event_values(table: pa.Table, order: _Codes) -> NDArray[np.float32] | None:
    if EVENT_VALUE not in table.column_names:
        return None
    column = table.column(EVENT_VALUE)
    if column.null_count == len(column):
        return None
    return _numpy(column, pa.float32())[order].astype(np.float32)
