"""How many rows the files of a job had, and which of them were left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from personalize_emu.data.rejection import nonconforming

MOST_REASONS = 10
"""So many rows are named with file, line and column; the rest are counted."""


@dataclass
class RowCounts:
    """Grows while files are read. rows: all there were, those that were left out too.

    left_out: rows that do not conform to the schema (D-58). reasons: of the first `MOST_REASONS` of them, each with
    the name of the file and the number of the line (CSV) or row (Parquet), both from 1.
    """

    rows: int = 0
    left_out: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, kept: int, left_out: int = 0, reasons: Iterable[str] = ()) -> None:
        self.rows += kept + left_out
        self.left_out += left_out
        for reason in reasons:
            if len(self.reasons) < MOST_REASONS:
                self.reasons.append(reason)

    def check(self, tolerated: float) -> None:
        """tolerated: largest share of the rows that may be left out, from 0 to 1.

        Raises:
            RejectedData: more were, or no row is left.
        """
        if self.left_out and (self.left_out == self.rows or self.left_out > tolerated * self.rows):
            raise nonconforming(f"{self.left_out} of {self.rows} rows, the first: {self.reasons[0]}")
