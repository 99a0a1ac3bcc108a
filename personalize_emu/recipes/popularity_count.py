"""aws-popularity-count: one list for everybody, the items most users interacted with (R-75).

What most events were recorded of: most viewed, best sellers (R-90, R-91, R-104).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import (
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
)
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity


@dataclass(frozen=True, eq=False)
class PopularityModel(Model):
    """The same scores whoever asks; events after training change nothing."""

    catalog: tuple[str, ...]
    popularity: Popularity
    has_scores = False

    def scores(self, history: History) -> NDArray[np.float32]:
        del history
        return self._scores.copy()

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

    def fit(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> PopularityModel:
        del hyperparameters, rng
        model = PopularityModel(data.catalog, count_popularity(data.visits, len(data.catalog)))
        progress("counting", 1.0)
        return model


class EventCount(Recipe):
    """Counts every event, so that one user who comes back often counts often; then users, then ids."""

    name = "event-count"
    kind = Kind.POPULAR

    def fit(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> PopularityModel:
        del hyperparameters, rng
        users = count_popularity(data.visits, len(data.catalog)).users
        events = np.bincount(data.items, minlength=len(data.catalog)).astype(np.int64)
        order = np.lexsort((-users, -events)).astype(np.int32)
        progress("counting", 1.0)
        return PopularityModel(data.catalog, Popularity(users, events, order))
