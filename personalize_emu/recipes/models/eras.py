"""What was popular at any time, without adding up all that ever happened.

What happened counts by exp(-speed * distance in time). A sum of such terms over a stretch of time is known anywhere
outside of it from its value at one end. So the sums of all that was before, and of all that is after, are kept at some
moments, and a question looks only at what lies between two of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.models.sparse_sums import add_run

MOST_ERAS = 64
MOST_CELLS = 2_000_000
"""Numbers kept of each kind (8 MB)."""

Table = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Eras:
    """rows: float32 csr[n, items], what happened, and moments: float64[n] when, ascending.

    starts: int64[eras + 1], where each begins among the rows. before: float32[eras, items], all that happened before
    the era as it counts at its first moment; after: what happened later as it counts at the first moment then.
    """

    rows: sp.csr_matrix
    moments: NDArray[np.float64]
    starts: NDArray[np.int64]
    before: Table
    after: Table
    speed: float

    def popular_at(self, now: NDArray[np.float64]) -> Table:
        """float32[moments, items]: everything, by how near it is to each moment."""
        totals = np.zeros((len(now), self.rows.shape[1]), np.float32)
        if not len(self.moments):
            return totals
        places = np.searchsorted(self.moments, now, side="right") - 1
        eras = np.maximum(np.searchsorted(self.starts[:-1], places, side="right") - 1, 0)
        for total, moment, era in zip(totals, now.tolist(), eras.tolist(), strict=True):
            first, last = int(self.starts[era]), int(self.starts[era + 1])
            near = np.exp(-self.speed * np.abs(self.moments[first:last] - moment)).astype(np.float32)
            if era > 0:
                np.multiply(self.before[era], self._counts(moment - float(self.moments[first])), out=total)
            if last < len(self.moments):
                np.add(total, self.after[era] * self._counts(float(self.moments[last]) - moment), out=total)
            add_run(self.rows, first, near, total)
        return totals

    def _counts(self, distance: float) -> np.float32:
        return np.float32(np.exp(-self.speed * distance))


def eras_of(rows: sp.csr_matrix, moments: NDArray[np.floating], speed: float) -> Eras:
    """rows: float32 csr[n, items]; moments: when each happened, in any order."""
    order = np.argsort(moments, kind="stable")
    rows, when = rows[order], moments[order].astype(np.float64)
    count = max(1, min(MOST_ERAS, len(when), MOST_CELLS // max(1, rows.shape[1])))
    starts = np.linspace(0, len(when), count + 1).astype(np.int64)
    before = np.zeros((count, rows.shape[1]), np.float32)
    after = np.zeros_like(before)
    for era in range(1, count):
        first, last, now = starts[era - 1], starts[era], when[starts[era]]
        before[era] = before[era - 1] * np.float32(np.exp(-speed * (now - when[first])))
        add_run(rows, first, np.exp(-speed * (now - when[first:last])).astype(np.float32), before[era])
    for era in range(count - 2, -1, -1):
        first, last = starts[era + 1], starts[era + 2]
        now = when[first]
        if last < len(when):
            after[era] = after[era + 1] * np.float32(np.exp(-speed * (when[last] - now)))
        add_run(rows, first, np.exp(-speed * (when[first:last] - now)).astype(np.float32), after[era])
    return Eras(rows, when, starts, before, after, speed)
