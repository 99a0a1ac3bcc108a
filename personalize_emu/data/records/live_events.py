"""The newest streamed events of one user, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from personalize_emu.data.records.log_segments import Row, Segment, table_of
from personalize_emu.data.records.user_index import EventColumns
from personalize_emu.data.schemas.columns import USER_ID

_Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LiveEvents:
    """Streamed interactions of one user, sorted by (timestamp, arrival).

    timestamps: int64[n], epoch seconds. items, types: int64[n], indices into `item_ids` (action ids in a log of action
    interactions) and `event_types`. values: float64[n], NaN for none. positions: int64[n] in the log.
    """

    timestamps: _Numbers
    items: _Numbers
    types: _Numbers
    values: NDArray[np.float64]
    positions: _Numbers
    item_ids: tuple[str, ...]
    event_types: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, eq=False)
class _Found:
    """Rows of one segment, or of the recent rows. positions: of these rows."""

    columns: EventColumns
    rows: NDArray[np.int32]
    positions: _Numbers


def live_events(
    segments: Iterable[Segment], recent: Iterable[tuple[int, Row]], user_id: str, most: int, since: int
) -> LiveEvents:
    """The newest events of a user at positions from `since` on, at most `most` of each event type.

    recent: rows that are not folded yet, with their positions.
    """
    found = [*_in_segments(segments, user_id, most, since), *_in_rows(recent, user_id)]
    if not found:
        none = np.zeros(0, np.int64)
        return LiveEvents(none, none, none, none.astype(np.float64), none, (), ())
    times = np.concatenate([each.columns.timestamps[each.rows] for each in found])
    positions = np.concatenate([each.positions for each in found])
    event_types: dict[str | None, int] = {}
    types = np.concatenate([_types(each, event_types) for each in found])
    order = np.lexsort((positions, times))
    order = order[positions[order] >= since]
    order = order[_newest(types[order], most)]
    items, item_ids = _items(found, order)
    values = np.concatenate([_values(each) for each in found])[order]
    return LiveEvents(times[order], items, types[order], values, positions[order], item_ids, tuple(event_types))


def has_events(segments: Iterable[Segment], recent: Iterable[tuple[int, Row]], user_id: str) -> bool:
    """Whether the user has any event."""
    return any(row[USER_ID] == user_id for _, row in recent) or any(user_id in segment.by_user for segment in segments)


def event_types_by_user(table: pa.Table) -> Iterator[tuple[str, str | None]]:
    """The distinct pairs of user and event type in a table of interactions."""
    columns = EventColumns.of(table)
    ids = columns.user_ids.to_pylist()
    for user, kind in np.unique(np.stack((columns.user_codes, columns.type_codes)), axis=1).T.tolist():
        yield ids[user], columns.event_types[kind]


def _in_segments(segments: Iterable[Segment], user_id: str, most: int, since: int) -> Iterator[_Found]:
    for segment in segments:
        runs = list(segment.by_user.runs_of(user_id, most)) if segment.end > since else ()
        if runs:
            rows = runs[0] if len(runs) == 1 else np.concatenate(runs)
            positions = segment.first + rows.astype(np.int64) if segment.given is None else segment.given[rows]
            yield _Found(segment.by_user.columns, rows, positions)


def _in_rows(recent: Iterable[tuple[int, Row]], user_id: str) -> Iterator[_Found]:
    own = [(position, row) for position, row in recent if row[USER_ID] == user_id]
    if own:
        columns = EventColumns.of(table_of([row for _, row in own]))
        yield _Found(columns, np.arange(len(own), dtype=np.int32), np.array([place for place, _ in own], np.int64))


def _types(found: _Found, numbers: dict[str | None, int]) -> _Numbers:
    """int64[rows]: codes of the event types in `numbers`, to which new types are added."""
    codes = found.columns.type_codes[found.rows]
    used, places = np.unique(codes, return_inverse=True)
    names = (found.columns.event_types[code] for code in used.tolist())
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)[places]


def _newest(types: _Numbers, most: int) -> NDArray[np.bool_]:
    """bool[n]: the last `most` entries of each type."""
    kept = np.ones(len(types), np.bool_)
    for kind, count in enumerate(np.bincount(types).tolist()):
        if count > most:
            kept[np.flatnonzero(types == kind)[:-most]] = False
    return kept


def _values(found: _Found) -> NDArray[np.float64]:
    values = found.columns.values
    return np.full(len(found.rows), np.nan) if values is None else values[found.rows]


def _items(found: Sequence[_Found], order: _Numbers) -> tuple[_Numbers, tuple[str, ...]]:
    """int64[order], codes of the items, and their ids. order: indices into the concatenated rows of `found`."""
    codes = np.concatenate([each.columns.item_codes[each.rows] for each in found])[order].astype(np.int64)
    ends = np.cumsum([len(each.rows) for each in found])
    sources = ends.searchsorted(order, side="right")
    used, places = np.unique(codes + (sources << 32), return_inverse=True)
    numbers: dict[str, int] = {}
    renumbered = [
        numbers.setdefault(item, len(numbers))
        for source, each in enumerate(found)
        for item in each.columns.item_ids.take(pa.array(used[used >> 32 == source] & 0xFFFFFFFF)).to_pylist()
    ]
    return np.array(renumbered, np.int64)[places], tuple(numbers)
