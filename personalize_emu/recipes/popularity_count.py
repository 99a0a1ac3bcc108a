"""aws-popularity-count: the items most users interacted with (R-75), and most viewed items and best sellers.

Both give every user the same answer; the second counts events (R-90, R-91, R-104).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Kind, Model, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity


@dataclass(frozen=True, eq=False)
class PopularityModel(Model):
    """The same scores whoever asks; events after training change nothing."""

    catalog: tuple[str, ...]
    popularity: Popularity
    has_scores = False

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        return np.tile(self._scores, (len(histories), 1))

    @cached_property
    def _scores(self) -> NDArray[np.float32]:
        return self.popularity.scores()

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.users > 0


class PopularityCount(Recipe):
    """Counts at training."""

    name = "aws-popularity-count"
    kind = Kind.POPULAR

    def fit(self, data: TrainingData, run: TrainingRun) -> PopularityModel:
        model = PopularityModel(data.catalog, count_popularity(data.interactions, len(data.catalog)))
        run.progress("counting", 1.0)
        return model


class EventCount(Recipe):
    """Counts every event, so that one user who comes back often counts often; then users, then ids."""

    name = "event-count"
    kind = Kind.POPULAR

    def fit(self, data: TrainingData, run: TrainingRun) -> PopularityModel:
        users = count_popularity(data.interactions, len(data.catalog)).users
        events = np.bincount(data.items, minlength=len(data.catalog)).astype(np.int64)
        order = np.lexsort((-users, -events)).astype(np.int32)
        run.progress("counting", 1.0)
        return PopularityModel(data.catalog, Popularity(users, events, order))
