"""aws-trending-now: items whose interactions grow fastest, the newest interval against the one before (R-76, R-76b).

The model is evaluated on new interactions again and again between trainings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Kind, Model, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.contract.metrics import LIST_LENGTH
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity


@dataclass(frozen=True, eq=False)
class Trends:
    """newest, before: int64[items], interactions of each item in the newest interval and in the one before it."""

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


def count_trends(interactions: Interactions, item_count: int, interval: int) -> Trends:
    """Count the two intervals of so many seconds that end with the latest interaction, which is part of the newest."""
    ages = interactions.timestamps.max(initial=0) - interactions.timestamps
    newest = interactions.items[ages < interval]
    before = interactions.items[(ages >= interval) & (ages < 2 * interval)]
    return Trends(_counts(newest, item_count), _counts(before, item_count))


def without_newest_interval(interactions: Interactions, interval: int) -> Interactions:
    """What was known when the newest interval began."""
    return interactions.chosen(interactions.timestamps <= interactions.timestamps.max(initial=0) - interval)


def prediction_accuracy(recommended: NDArray[np.int32], trends: Trends, length: int) -> float:
    """Gain of the recommended items over that of the `length` items that gained most; 0 when nothing did (M-29).

    recommended: int32[at most length] distinct items. trends: what came after.
    """
    increases = trends.increases
    possible = int(np.sort(increases)[-length:].sum())
    return int(increases[recommended].sum()) / possible if possible else 0.0


def _counts(items: NDArray[np.int32], item_count: int) -> NDArray[np.int64]:
    return np.bincount(items, minlength=item_count).astype(np.int64)


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
        return trending_model(data.catalog, data.interactions, self.interval)

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        return np.tile(self._scores, (len(histories), 1))

    @cached_property
    def _scores(self) -> NDArray[np.float32]:
        scores = np.empty(len(self.order), np.float32)
        scores[self.order] = np.arange(len(self.order), 0, -1) - 1
        return scores

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.users > 0


def trending_model(catalog: tuple[str, ...], interactions: Interactions, interval: int) -> TrendingModel:
    """Trending items first, then popular ones, also where nothing trends (R-76a, R-76b)."""
    popularity = count_popularity(interactions, len(catalog))
    order = count_trends(interactions, len(catalog), interval).order(popularity)
    return TrendingModel(catalog, order, popularity, interval)


class TrendingNow(Recipe):
    """Counts at training and at every evaluation."""

    name = "aws-trending-now"
    kind = Kind.POPULAR

    def fit(self, data: TrainingData, run: TrainingRun) -> TrendingModel:
        model = trending_model(data.catalog, data.interactions, _interval(run))
        run.progress("counting", 1.0)
        return model

    def own_metrics(self, data: TrainingData, run: TrainingRun) -> dict[str, float]:
        """How well the trends of the newest interval were foreseen when it began (M-29)."""
        interval, interactions = _interval(run), data.interactions
        earlier = trending_model(data.catalog, without_newest_interval(interactions, interval), interval)
        came = count_trends(interactions, len(data.catalog), interval)
        return {ACCURACY: prediction_accuracy(earlier.order[:LIST_LENGTH], came, LIST_LENGTH)}


def _interval(run: TrainingRun) -> int:
    return INTERVALS[run.hyperparameters.get("trend_discovery_frequency", DEFAULT_FREQUENCY)]
