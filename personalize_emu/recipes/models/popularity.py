"""How popular items are: by distinct users first, then by visits, then by id (R-75)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.visits import Visits


@dataclass(frozen=True, eq=False)
class Popularity:
    """users, visits: int64[items] distinct users and visits of each item. order: int32[items], best first."""

    users: NDArray[np.int64]
    visits: NDArray[np.int64]
    order: NDArray[np.int32]

    def scores(self) -> NDArray[np.float32]:
        """float32[items]: items - 1 for the most popular item down to 0."""
        scores = np.empty(len(self.order), np.float32)
        scores[self.order] = np.arange(len(self.order), 0, -1) - 1
        return scores

    def log_shares(self) -> NDArray[np.float32]:
        """float32[items]: logarithm of each item's share of all users of items, half a user added to each."""
        counts = self.users + 0.5
        shares: NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
        return shares


def count_popularity(visits: Visits, item_count: int) -> Popularity:
    """Count every item of the catalog; items without a visit come last, by number."""
    pairs = np.unique(visits.users.astype(np.int64) * item_count + visits.items)
    users = np.bincount(pairs % item_count, minlength=item_count) if item_count else np.empty(0, np.int64)
    totals = np.bincount(visits.items, minlength=item_count)
    order = np.lexsort((-totals, -users)).astype(np.int32)
    return Popularity(users.astype(np.int64), totals.astype(np.int64), order)
