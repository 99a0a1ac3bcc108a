"""What most events were recorded of: most viewed, best sellers (R-90, R-91, R-104)."""

from __future__ import annotations

import numpy as np

from personalize_emu.recipes.base import Hyperparameters, Kind, Progress, Recipe, TrainingData
from personalize_emu.recipes.models.popularity import Popularity, count_popularity
from personalize_emu.recipes.popularity_count import PopularityModel


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
