"""aws-trending-now: what gains popularity fastest, looked at again and again between trainings (R-76)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import (
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
)
from personalize_emu.recipes.metrics import LIST_LENGTH
from personalize_emu.recipes.models.popularity import Popularity, count_popularity
from personalize_emu.recipes.models.trends import count_trends, foreseen_share, without_newest_interval
from personalize_emu.recipes.visits import Visits

ACCURACY = "trend_prediction_accuracy"
INTERVALS: Mapping[str, int] = {
    "30 minutes": 1800,
    "1 hour": 3600,
    "2 hours": 7200,
    "3 hours": 10_800,
    "1 day": 86_400,
}
"""Seconds of each trend_discovery_frequency (R-70a)."""
DEFAULT_FREQUENCY = "2 hours"
LONGEST_PERIOD = 7200
"""Seconds between evaluations where trends are discovered less often than that (R-76a)."""


@dataclass(frozen=True, eq=False)
class TrendingModel(Model):
    """The same scores whoever asks. order: int32[items], best first. interval: seconds."""

    catalog: tuple[str, ...]
    order: NDArray[np.int32]
    popularity: Popularity
    interval: int
    has_scores = False

    @property
    def evaluation_period(self) -> float:
        return float(min(self.interval, LONGEST_PERIOD))

    def evaluated_on(self, data: TrainingData) -> TrendingModel:
        return trending_model(data.catalog, data.visits, self.interval)

    def scores(self, history: History) -> NDArray[np.float32]:
        del history
        return self._scores.copy()

    @cached_property
    def _scores(self) -> NDArray[np.float32]:
        scores = np.empty(len(self.order), np.float32)
        scores[self.order] = np.arange(len(self.order), 0, -1) - 1
        return scores

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.users > 0


def trending_model(catalog: tuple[str, ...], visits: Visits, interval: int) -> TrendingModel:
    """Trending items first, then popular ones, also where nothing trends (R-76a, R-76b)."""
    popularity = count_popularity(visits, len(catalog))
    order = count_trends(visits, len(catalog), interval).order(popularity)
    return TrendingModel(catalog, order, popularity, interval)


class TrendingNow(Recipe):
    """Counts at training and at every evaluation."""

    name = "aws-trending-now"
    kind = Kind.POPULAR

    def fit(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> TrendingModel:
        del rng
        model = trending_model(data.catalog, data.visits, _interval(hyperparameters))
        progress("counting", 1.0)
        return model

    def own_metrics(
        self, data: TrainingData, hyperparameters: Hyperparameters, progress: Progress
    ) -> dict[str, float]:
        """How well the trends of the newest interval were foreseen when it began (M-29)."""
        del progress
        interval, visits = _interval(hyperparameters), data.visits
        earlier = trending_model(data.catalog, without_newest_interval(visits, interval), interval)
        came = count_trends(visits, len(data.catalog), interval)
        return {ACCURACY: foreseen_share(earlier.order[:LIST_LENGTH], came, LIST_LENGTH)}


def _interval(hyperparameters: Hyperparameters) -> int:
    return INTERVALS[hyperparameters.get("trend_discovery_frequency", DEFAULT_FREQUENCY)]
