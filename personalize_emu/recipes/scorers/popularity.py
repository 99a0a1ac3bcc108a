"""How popular an item is, with and without time decay, and how long it has been there. The same for every history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import History
from personalize_emu.recipes.scorers.base import Column, Scorer, Table
from personalize_emu.recipes.visits import Visits

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

    def scores(self, histories: Sequence[History]) -> Table:
        table = np.empty((len(self.static) + 1, len(histories), len(self.first_seen)), np.float32)
        table[:-1] = self.static[:, None]
        times = [int(history.timestamps[-1]) if len(history.timestamps) else 0 for history in histories]
        # The question is asked no earlier than the model was trained.
        days = (np.maximum(times, self.newest)[:, None] - self.first_seen) / DAY
        np.negative(np.log(np.maximum(days, 0).astype(np.float32) + np.float32(YOUNGEST)), out=table[-1])
        return table


def fit_popularity_scorer(visits: Visits, item_count: int) -> PopularityScorer:
    newest = int(visits.timestamps.max(initial=0))
    first_seen = np.full(item_count, newest, np.int64)
    np.minimum.at(first_seen, visits.items, visits.timestamps)
    age = (newest - visits.timestamps) / DAY
    rows = [np.log(np.bincount(visits.items, visits.weights, minlength=item_count) + ALL)]
    for days in HALF_LIVES:
        counts = np.bincount(visits.items, visits.weights * 0.5 ** (age / days), minlength=item_count)
        rows.append(np.log(counts + RECENT))
    return PopularityScorer(np.stack(rows).astype(np.float32), first_seen, newest)
