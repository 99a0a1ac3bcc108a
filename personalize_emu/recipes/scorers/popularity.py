"""Popularity: by distinct users, then interactions, then id (R-75), and as scores with and without time decay.

The scores are the same for every history, but for the age of an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.scorers.base import Column, Part, Scorer, Table


@dataclass(frozen=True, eq=False)
class Popularity:
    """users, interactions: int64[items] distinct users and interactions of each item. order: int32[items], best
    first.
    """

    users: NDArray[np.int64]
    interactions: NDArray[np.int64]
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


def count_popularity(interactions: Interactions, item_count: int) -> Popularity:
    """Count every item of the catalog; items without a interaction come last, by number."""
    pairs = np.unique(interactions.users.astype(np.int64) * item_count + interactions.items)
    users = np.bincount(pairs % item_count, minlength=item_count) if item_count else np.empty(0, np.int64)
    totals = np.bincount(interactions.items, minlength=item_count)
    order = np.lexsort((-totals, -users)).astype(np.int32)
    return Popularity(users.astype(np.int64), totals.astype(np.int64), order)


DAY = 86_400
HALF_LIVES = (0.25, 3.0, 30.0)
"""Days after which an interaction counts half."""
ALL, RECENT = 0.5, 0.02
"""Added to the counts before their logarithm is taken."""
YOUNGEST = 1 / 24
"""Days: younger items do not differ in age."""


@dataclass(frozen=True, eq=False)
class PopularityScorer(Scorer):
    """static: float32[columns, items], up to the age. first_seen: int64[items]; of items without interactions the
    time of the newest interaction of all, `newest`.
    """

    static: Table
    first_seen: NDArray[np.int64]
    newest: int

    @property
    def columns(self) -> tuple[Column, ...]:
        recent = (Column(f"popularity, half-life of {days:g} days", False, 0.0) for days in HALF_LIVES)
        return Column("popularity", False, 0.0), *recent, Column("age", False, 0.0)

    def is_fixed(self, column: int, history: History) -> bool:
        """All but the age, and that until there are newer interactions than those of the training."""
        return column < len(self.static) or not len(history.items) or int(history.timestamps[-1]) <= self.newest

    def part(self, column: int, history: History) -> Part:
        if column < len(self.static):
            return Part(self.static[column].copy())
        now = int(history.timestamps[-1]) if len(history.items) else 0
        return Part(self._ages(np.array([max(now, self.newest)]))[0])

    def scores(self, histories: Sequence[History]) -> Table:
        table = np.empty((len(self.static) + 1, len(histories), len(self.first_seen)), np.float32)
        table[:-1] = self.static[:, None]
        times = [int(history.timestamps[-1]) if len(history.timestamps) else 0 for history in histories]
        # A request comes no earlier than the training.
        table[-1] = self._ages(np.maximum(times, self.newest))
        return table

    def _ages(self, moments: NDArray[np.int64]) -> Table:
        """float32[moments, items]: less the logarithm of how old the items are at each moment."""
        days = ((moments[:, None] - self.first_seen) / DAY).astype(np.float32)
        np.maximum(days, 0, out=days)
        days += np.float32(YOUNGEST)
        np.log(days, out=days)
        return np.negative(days, out=days)


def fit_popularity_scorer(interactions: Interactions, item_count: int) -> PopularityScorer:
    newest = int(interactions.timestamps.max(initial=0))
    first_seen = np.full(item_count, newest, np.int64)
    np.minimum.at(first_seen, interactions.items, interactions.timestamps)
    age = (newest - interactions.timestamps) / DAY
    rows = [np.log(np.bincount(interactions.items, interactions.weights, minlength=item_count) + ALL)]
    for days in HALF_LIVES:
        counts = np.bincount(interactions.items, interactions.weights * 0.5 ** (age / days), minlength=item_count)
        rows.append(np.log(counts + RECENT))
    return PopularityScorer(np.stack(rows).astype(np.float32), first_seen, newest)
