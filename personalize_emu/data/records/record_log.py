"""An append-only log of individually put rows of one dataset, in order of arrival.

Positions never change: removed rows leave gaps. Rows are appended as dictionaries; `fold` converts them to tables,
which need a tenth of the memory.

    segment      segment   segment   recent rows
    [ .......... ][ ..... ][ ... ][ dictionaries ]
    0                                          length

Each segment is at least GROWTH times as long as the next, so the number of segments is logarithmic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import pyarrow as pa

from personalize_emu.data.records.log_segments import Row, Segment, indexed, joined, joined_tables, segment_of, table_of
from personalize_emu.data.schemas.columns import NOTED_SESSION

RECENT = 256
"""Number of recent rows from which on they are folded."""
RESTORED = 1 << 16
"""Rows that are folded at a time when a log is restored."""
GROWTH = 4


@dataclass(frozen=True, eq=False)
class State:
    """An immutable view of the log.

    recent: the rows from position `first` on, None for removed rows. Later appends extend this list; `length` limits
    what belongs to this view.
    """

    segments: tuple[Segment, ...]
    recent: list[Row | None]
    first: int
    length: int
    gaps: int

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Row]]:
        """The recent rows with their positions."""
        begin = max(start, self.first)
        end = self.length if stop is None else min(stop, self.length)
        for position, row in enumerate(self.recent[begin - self.first : max(end - self.first, 0)], begin):
            if row is not None:
                yield position, row


class RecordLog:
    """The log. Writers are serialised by a lock; readers take no lock and see complete appends only."""

    def __init__(self) -> None:
        self._state = State((), [], 0, 0, 0)
        self._lock = Lock()

    @property
    def state(self) -> State:
        return self._state

    def append(self, rows: Sequence[Row]) -> int:
        """Append rows; returns the new length."""
        with self._lock:
            now = self._state
            now.recent.extend(rows)
            # Set last, because readers use the length of the state and never that of the list.
            self._state = State(now.segments, now.recent, now.first, now.length + len(rows), now.gaps)
            return self._state.length

    def restore(self, entries: Iterable[tuple[int, Row]], length: int, *, folded: bool) -> None:
        """Fill an empty log with rows at their positions, in ascending order.

        length: of the log, also where its last rows have been removed. folded: for logs of interactions.
        """
        for position, row in entries:
            self._pad(position)
            self.append([row])
            if folded:
                self.fold(RESTORED)
        self._pad(length)
        if folded:
            self.fold(1)

    def _pad(self, length: int) -> None:
        """Gaps up to a position."""
        with self._lock:
            now = self._state
            missing = length - now.length
            if missing > 0:
                now.recent.extend([None] * missing)
                self._state = State(now.segments, now.recent, now.first, length, now.gaps + missing)

    def folds_with(self, more: int) -> bool:
        """Whether `fold` has something to do after `more` rows are appended."""
        return self._state.length - self._state.first + more >= RECENT

    def fold(self, least: int = RECENT) -> None:
        """Fold the recent rows of a log of interactions if there are at least `least`."""
        if self._state.length - self._state.first < least:
            return
        with self._lock:
            now = self._state
            recent = list(now.entries())
            if not recent:
                self._state = State(now.segments, [], now.length, now.length, now.gaps)
                return
            parts = [segment_of(recent, now.first, now.length)]
            kept = list(now.segments)
            while kept and len(kept[-1]) < GROWTH * sum(map(len, parts)):
                parts.insert(0, kept.pop())
            segment = indexed(joined(parts) if len(parts) > 1 else parts[0])
            self._state = State((*kept, segment), [], now.length, now.length, now.gaps)

    def rows(self, start: int = 0, stop: int | None = None) -> Sequence[Row]:
        """The rows from `start` to `stop` (exclusive; default: end of the log), as a new list.

        Without the internal session column, which only a table has.
        """
        now = self._state
        folded = [row for segment in _between(now, start, stop) for row in segment.rows()]
        return [*folded, *(_shown(row) for _, row in now.entries(start, stop))]

    def table(self, start: int = 0, stop: int | None = None) -> pa.Table:
        """As `rows`, as a table of the columns that have values: strings as codes, numbers as 64-bit types."""
        now = self._state
        tables = [segment.table for segment in _between(now, start, stop)]
        recent = [row for _, row in now.entries(start, stop)]
        found = joined_tables([*tables, table_of(recent)]) if recent or not tables else joined_tables(tables)
        return found.select([name for name in found.column_names if found.column(name).null_count < found.num_rows])

    def remove(self, column: str, values: Collection[str]) -> int:
        """Remove the rows that have one of `values` in a string column, leaving gaps; returns their number."""
        with self._lock:
            now = self._state
            segments = tuple(segment.without(column, values) for segment in now.segments)
            held = [row for _, row in now.entries()]
            gone = sum(len(old) - len(new) for old, new in zip(now.segments, segments, strict=True))
            gone += sum(row.get(column) in values for row in held)
            if gone:
                # A new list, so that existing views do not change.
                recent = [None if row is None or row.get(column) in values else row for row in now.recent]
                segments = tuple(indexed(segment) for segment in segments if len(segment))
                self._state = State(segments, recent, now.first, now.length, now.gaps + gone)
        return gone

    @property
    def held(self) -> int:
        """Number of rows, without gaps."""
        now = self._state
        return now.length - now.gaps

    def __len__(self) -> int:
        """The position of the next row."""
        return self._state.length


def _shown(row: Row) -> Row:
    return {name: row[name] for name in row if name != NOTED_SESSION} if NOTED_SESSION in row else row


def _between(now: State, start: int, stop: int | None) -> list[Segment]:
    end = now.length if stop is None else stop
    found = [segment.between(start, end) for segment in now.segments if segment.end > start and segment.first < end]
    return [segment for segment in found if len(segment)]
