"""Which visit to an item is nearest to a moment, looked up for many items and moments at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ByMoment:
    """Rows that are ordered by item, looked at by item and moment.

    keys: float64[n], ascending, `span` an item and the moment less `earliest`. rows: int64[n], and moments: float32[n].
    """

    keys: NDArray[np.float64]
    rows: NDArray[np.int64]
    moments: NDArray[np.float32]
    earliest: float
    span: float

    def nearest(
        self,
        items: NDArray[np.integer[Any]],
        now: NDArray[np.float32],
        first: NDArray[np.int64],
        last: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """int64[k]: for each item and moment the row nearest in time, of equally near ones the first.

        first, last: where the item's rows begin and end; no item is without.
        """
        within = np.clip(now.astype(np.float64) - self.earliest, 0, self.span - 1)
        after = np.searchsorted(self.keys, items * self.span + within)
        before = np.searchsorted(self.keys, self.keys[np.maximum(after - 1, 0)])
        has_after, has_before = after < last, after > first
        after, before = np.where(has_after, after, before), np.where(has_before, before, after)
        till_after, till_before = np.abs(self.moments[after] - now), np.abs(self.moments[before] - now)
        sooner = np.minimum(self.rows[after], self.rows[before])
        apart = np.where(till_after < till_before, self.rows[after], self.rows[before])
        nearest: NDArray[np.int64] = np.where(till_after == till_before, sooner, apart)
        return nearest


def by_moment(items: NDArray[np.int64], moments: NDArray[np.float32]) -> ByMoment:
    """items: of each row, ascending. moments: when it happened, in any order within an item."""
    order = np.lexsort((moments, items))
    earliest = float(moments.min(initial=np.inf)) if len(moments) else 0.0
    span = float(moments.max(initial=-np.inf)) - earliest + 1 if len(moments) else 1.0
    keys = items[order] * span + (moments[order].astype(np.float64) - earliest)
    return ByMoment(keys, order, moments[order], earliest, span)
