"""Individually put rows of one dataset, in order of arrival.

A row keeps its position for ever: where rows are removed, gaps stay, so that a position somebody remembers means
the same before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

Row = Mapping[str, Any]
"""Column name to value; an absent column is null."""


class RecordLog:
    """A list of rows that grows at its end. Writers take turns; readers take no lock and see whole appends only.

    Every call appends its rows in one step, so a reader never sees half of a request.
    """

    def __init__(self) -> None:
        self._rows: list[Row | None] = []
        self._length = 0
        self._gaps = 0
        self._turn = Lock()

    def append(self, rows: Sequence[Row]) -> int:
        """Add rows; returns the new length."""
        with self._turn:
            self._rows.extend(rows)
            # Readers go by this number, set last, and never by the list's own length.
            self._length = len(self._rows)
            return self._length

    def rows(self, start: int = 0, stop: int | None = None) -> Sequence[Row]:
        """Rows from `start` up to `stop` (exclusive; default: all there are now), as a list of their own."""
        end = self._length if stop is None else min(stop, self._length)
        return [row for row in self._rows[start:end] if row is not None]

    def entries(self, start: int = 0, stop: int | None = None) -> Sequence[tuple[int, Row]]:
        """As `rows`, each with its position."""
        end = self._length if stop is None else min(stop, self._length)
        return [(place, row) for place, row in enumerate(self._rows[start:end], start) if row is not None]

    def remove(self, unwanted: Callable[[Row], bool]) -> Sequence[Row]:
        """Leave gaps in place of some rows; returns those."""
        with self._turn:
            removed = [row for row in self._rows if row is not None and unwanted(row)]
            if removed:
                # A list of its own: what a reader has begun to read stays as it was.
                self._rows = [None if row is None or unwanted(row) else row for row in self._rows]
                self._gaps += len(removed)
        return removed

    @property
    def held(self) -> int:
        """Number of rows, without gaps."""
        return self._length - self._gaps

    def __len__(self) -> int:
        """The position of the next row."""
        return self._length
