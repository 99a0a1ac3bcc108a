"""What goes with one item by the histories of users: SIMS (R-77), and the part of Similar-Items that reads these.

Candidates are the items that enough users visited beside the one asked about. They are ordered by a blend of
the count c_ij / n_j^f (R-77b; f runs through a curve that keeps 0 and 1) with three linear models of the
same histories, which see past popularity and know about order. Items that are no candidates follow by
popularity; an item that is unknown, or has no candidate, gets the global list of popular items.

`popularity_discount_factor` f: 0 sorts the candidates by popularity alone, up to .5 the blend takes over, and
beyond .5 popular items are damped ever more. The default of `max_item_interaction_count_percentile`, .9, taken
literally leaves out the tenth of the items that most interactions belong to, and could not reach the recorded
metrics (M-53): it is taken as no upper limit. Every other value is applied as R-71 says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.affinities import Affinities, Kernels, fit_affinities
from personalize_emu.recipes.base import (
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
)
from personalize_emu.recipes.models.blend import blended
from personalize_emu.recipes.models.cooccurrence import Cooccurrence, fit_cooccurrence
from personalize_emu.recipes.models.histories import Kernel
from personalize_emu.recipes.models.popularity import Popularity, count_popularity
from personalize_emu.recipes.parameters import number, percentiles
from personalize_emu.recipes.percentiles import items_within, users_within

WEIGHTS = (1.0, 0.2, 0.5, 1.0)
"""Of standardised ease, symmetric transitions, ridge and damped co-occurrence."""
DEFAULT_DISCOUNT = 0.5
DISCOUNT_POWER = 1.74
"""The default factor .5 divides by n^.3, which foresees more than n^.5; 0 and 1 stay what they are."""
UNLIMITED = 0.9
"""The documented default of the upper item percentile, read as no limit."""
ONE_ITEM = Kernel(reach=1, decay=1.0)
KERNELS = Kernels(ONE_ITEM, ONE_ITEM, ONE_ITEM)


@dataclass(frozen=True, eq=False)
class RelatedModel(Model):
    """Scores of the items that go with the newest item of a history."""

    catalog: tuple[str, ...]
    affinities: Affinities
    pairs: Cooccurrence
    popularity: Popularity
    item_users: NDArray[np.int64]
    """int64[items]: distinct users in the pairs; 0 for items the percentiles left out."""
    discount: float
    fewest_users: int
    has_scores = False

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.users > 0

    def scores(self, history: History) -> NDArray[np.float32]:
        """float32[items]: candidates above 1, the others below 1 by popularity, the item itself -inf."""
        scores = self._popular.copy()
        if not len(history.items):
            return scores
        item = int(history.items[-1])
        both = self.pairs.users_of_both(item)
        candidates = (both >= self.fewest_users) & (self.item_users > 0)
        candidates[item] = False
        if self.item_users[item] and candidates.any():
            relevance = self._relevance(history, item, both)[candidates]
            scores[candidates] = 1 + (relevance - relevance.min())
        scores[item] = -np.inf
        return scores

    def relevance(self, item: int) -> NDArray[np.float32]:
        """float32[items]: of every item, whether or not enough users visited both; that of `item` means nothing."""
        alone = History(np.array([item], np.int32), np.zeros(1, np.int64))
        return self._relevance(alone, item, self.pairs.users_of_both(item))

    def _relevance(self, history: History, item: int, both: NDArray[np.int64]) -> NDArray[np.float32]:
        trust = min(1.0, 2 * self.discount)
        if trust == 0.0:
            return self._log_users
        parts = self.affinities.scores(History(history.items[-1:], history.timestamps[-1:]), KERNELS)
        if self.discount > DEFAULT_DISCOUNT:
            for part in parts:
                np.multiply(part, self._damping, out=part)
        parts.append(both.astype(np.float32) * self._inverse_users)
        for part in parts:
            part[item] = 0.0
        relevance: NDArray[np.float32] = np.float32(trust) * blended(parts, WEIGHTS)
        return relevance if trust == 1.0 else relevance + np.float32(sum(WEIGHTS) * (1 - trust)) * self._log_users

    @cached_property
    def _popular(self) -> NDArray[np.float32]:
        return self.popularity.scores() / np.float32(max(1, len(self.catalog)))

    @cached_property
    def _log_users(self) -> NDArray[np.float32]:
        logarithms: NDArray[np.float32] = np.log(np.maximum(self.item_users, 1)).astype(np.float32)
        return logarithms

    @cached_property
    def _damping(self) -> NDArray[np.float32]:
        return self._users_to_the(DEFAULT_DISCOUNT - self.discount)

    @cached_property
    def _inverse_users(self) -> NDArray[np.float32]:
        return self._users_to_the(-(self.discount**DISCOUNT_POWER))

    def _users_to_the(self, power: float) -> NDArray[np.float32]:
        powers: NDArray[np.float32] = np.exp(np.float32(power) * self._log_users)
        return powers


@dataclass(frozen=True)
class RelatedRecipe(Recipe):
    """defaults: the percentiles of user history length, then of item interaction count (R-69b to R-69e)."""

    name: str
    defaults: tuple[float, float, float, float]
    kind = Kind.RELATED

    def fit(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> RelatedModel:
        del rng
        item_count = len(data.catalog)
        kept = self._kept(data, hyperparameters)
        fitted = fit_affinities(kept.visits, len(kept.user_ids), item_count, progress)
        affinities = Affinities(fitted.ease, fitted.transitions.symmetric(), fitted.ridge)
        model = RelatedModel(
            data.catalog,
            affinities,
            fit_cooccurrence(kept.visits, len(kept.user_ids), item_count),
            count_popularity(data.visits, item_count),
            count_popularity(kept.visits, item_count).users,
            number(hyperparameters, "popularity_discount_factor", DEFAULT_DISCOUNT),
            int(number(hyperparameters, "min_cointeraction_count", 3)),
        )
        progress("fitted", 1.0)
        return model

    def _kept(self, data: TrainingData, hyperparameters: Hyperparameters) -> TrainingData:
        shortest, longest, rarest, commonest = self.defaults
        users = percentiles(hyperparameters, "user_history_length", shortest, longest)
        low, high = percentiles(hyperparameters, "item_interaction_count", rarest, commonest)
        return items_within(users_within(data, users), (low, 1.0 if high == UNLIMITED else high))


def sims() -> RelatedRecipe:
    return RelatedRecipe("aws-sims", (0.005, 0.995, 0.01, 0.9))
