"""Which items gain interactions fastest: the newest interval against the one before it (R-76, R-76b)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.models.popularity import Popularity
from personalize_emu.recipes.visits import Visits


@dataclass(frozen=True, eq=False)
class Trends:
    """newest, before: int64[items], visits of each item in the newest interval and in the one before it."""

    newest: NDArray[np.int64]
    before: NDArray[np.int64]

    @property
    def increases(self) -> NDArray[np.int64]:
        """int64[items]: how much each item gained, 0 where it lost."""
        increases: NDArray[np.int64] = np.maximum(self.newest - self.before, 0)
        return increases

    def order(self, popularity: Popularity) -> NDArray[np.int32]:
        """int32[items]: what gains, by gain, then by newest count; then all else; by popularity where equal."""
        places = np.empty(len(popularity.order), np.int64)
        places[popularity.order] = np.arange(len(places))
        newest = np.where(self.increases > 0, self.newest, 0)
        return np.lexsort((places, -newest, -self.increases)).astype(np.int32)


def count_trends(visits: Visits, item_count: int, interval: int) -> Trends:
    """Count the two intervals of so many seconds that end with the latest visit, which is part of the newest."""
    ages = visits.timestamps.max(initial=0) - visits.timestamps
    newest = visits.items[ages < interval]
    before = visits.items[(ages >= interval) & (ages < 2 * interval)]
    return Trends(_counts(newest, item_count), _counts(before, item_count))


def without_newest_interval(visits: Visits, interval: int) -> Visits:
    """What was known when the newest interval began."""
    return visits.chosen(visits.timestamps <= visits.timestamps.max(initial=0) - interval)


def foreseen_share(recommended: NDArray[np.int32], trends: Trends, length: int) -> float:
    """Gain of the recommended items over that of the `length` items that gained most; 0 when nothing did (M-29).

    recommended: int32[at most length] distinct items. trends: what came after.
    """
    increases = trends.increases
    possible = int(np.sort(increases)[-length:].sum())
    return int(increases[recommended].sum()) / possible if possible else 0.0


def _counts(items: NDArray[np.int32], item_count: int) -> NDArray[np.int64]:
    return np.bincount(items, minlength=item_count).astype(np.int64)
