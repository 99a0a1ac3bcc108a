"""Individually put rows of one dataset, in order of arrival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

Row = Mapping[str, Any]
"""Column name to value; an absent column is null."""


class RecordLog:
    """An append-only list of rows. Writers take turns; readers take no lock and see whole appends only.

    Every call appends its rows in one step, so a reader never sees half of a request.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._length = 0
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
        return self._rows[start:end]

    def __len__(self) -> int:
        return self._length
