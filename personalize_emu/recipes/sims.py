"""How many users visited both of two items (R-77b).

What goes with one item by the histories of users: SIMS (R-77), and the part of Similar-Items that reads these.

Candidates are the items that enough users visited beside the one asked about. They are ordered by a weighted sum of
scores: the count c_ij / n_j^f (R-77b; f runs through a curve that keeps 0 and 1), of all times and of single sessions,
linear models of the same histories, which see past popularity and know about order, and nearness in few dimensions.
The weights are fixed: learned ones were no better. Items that are no candidates follow by popularity;
an item that is unknown, or has no candidate, gets the global list of popular items.

`popularity_discount_factor` f: 0 sorts the candidates by popularity alone, up to .5 the blend takes over, and
beyond .5 popular items are damped ever more. The default of `max_item_interaction_count_percentile`, .9, taken
literally leaves out the tenth of the items that most interactions belong to, and could not reach the recorded
metrics (M-53): it is taken as no upper limit. Every other value is applied as R-71 says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import (
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
    within,
)
from personalize_emu.recipes.contract.hyperparameters import items_within, number, percentiles, users_within
from personalize_emu.recipes.contract.interactions import Visits
from personalize_emu.recipes.numerics.logits import in_logarithms, standardised
from personalize_emu.recipes.scorers.ease import user_item_matrix
from personalize_emu.recipes.scorers.histories import Kernel
from personalize_emu.recipes.scorers.latent import LatentItems, fit_latent_items
from personalize_emu.recipes.scorers.linear_models import Affinities, Kernels, fit_affinities
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity
from personalize_emu.recipes.scorers.sessions import in_sessions, time_scale
from personalize_emu.recipes.scorers.transitions import Transitions


@dataclass(frozen=True, eq=False)
class Cooccurrence:
    """by_user: csr[users, items] and by_item: csr[items, users], who visited what at all."""

    by_user: sp.csr_matrix
    by_item: sp.csr_matrix

    def users_of_both(self, item: int) -> NDArray[np.int64]:
        """int64[items]: distinct users of `item` who also visited each item; at `item` itself, its users."""
        rows = self.by_item.indices[self.by_item.indptr[item] : self.by_item.indptr[item + 1]]
        starts, lengths = self.by_user.indptr[rows], np.diff(self.by_user.indptr)[rows]
        # Positions of all entries of those rows, without a loop over the rows.
        before = np.cumsum(lengths) - lengths
        entries = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
        return np.bincount(self.by_user.indices[entries], minlength=self.by_user.shape[1])


def fit_cooccurrence(visits: Visits, user_count: int, item_count: int) -> Cooccurrence:
    """Only whether a user visited an item counts, not how often."""
    by_user = user_item_matrix(visits, user_count, item_count)
    return Cooccurrence(by_user, by_user.T.tocsr())


OPINIONS = (
    "visited by the same",
    "follows",
    "precedes",
    "comes next",
    "both",
    "both in one session",
    "near",
    "popular",
)
WEIGHTS = (0.3, 0.15, 0.0, 0.1, 0.6, 0.3, 0.1, 0.0)
POPULAR = OPINIONS.index("popular")
DEFAULT_DISCOUNT = 0.5
DISCOUNT_POWER = 1.74
"""The default factor .5 divides by n^.3, which foresees more than n^.5; 0 and 1 stay what they are."""
UNLIMITED = 0.9
"""The documented default of the upper item percentile, read as no limit."""
ONE_ITEM = Kernel(reach=1, decay=1.0)
KERNELS = Kernels(ONE_ITEM, ONE_ITEM, ONE_ITEM)
NO_TIME = np.zeros(1, np.int64)


@dataclass(frozen=True, eq=False)
class RelatedModel(Model):
    """Scores of the items that go with the newest item of a history."""

    catalog: tuple[str, ...]
    affinities: Affinities
    precedes: Transitions
    pairs: Cooccurrence
    pairs_in_sessions: Cooccurrence
    latent: LatentItems
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
            relevance = self._relevance(item, both)[candidates]
            scores[candidates] = 1 + (relevance - relevance.min())
        scores[item] = -np.inf
        return scores

    def relevance(self, item: int) -> NDArray[np.float32]:
        """float32[items]: of every item, whether or not enough users visited both; that of `item` means nothing."""
        return self._relevance(item, self.pairs.users_of_both(item))

    def _relevance(self, item: int, both: NDArray[np.int64]) -> NDArray[np.float32]:
        trust = min(1.0, 2 * self.discount)
        if trust == 0.0:
            return self._log_users
        said = self.opinions(item, both)
        relevance: NDArray[np.float32] = self._weights_now @ said
        if trust == 1.0:
            return relevance
        others = sum(WEIGHTS)
        return np.float32(trust) * relevance + np.float32((1 - trust) * others) * self._log_users

    def open_to(self, relevance: NDArray[np.float32], item: int, both: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[items]: -inf for what is no candidate."""
        candidates = np.where((both >= self.fewest_users) & (self.item_users > 0), relevance, -np.inf)
        candidates[item] = -np.inf
        return candidates.astype(np.float32, copy=False)

    def opinions(self, item: int, both: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[opinions, items]: each row standardised. both: users of `item` and of every item."""
        alone = History(np.array([item], np.int32), NO_TIME)
        table = np.empty((len(OPINIONS), len(self.catalog)), np.float32)
        table[0], table[1], table[3] = self.affinities.scores(alone, KERNELS)
        table[2] = self.precedes.scores(alone, ONE_ITEM)
        if self.discount > DEFAULT_DISCOUNT:
            table[:4] *= self._damping
        table[4] = both * self._inverse_users
        table[5] = self.pairs_in_sessions.users_of_both(item) * self._inverse_users
        table[6] = self.latent.of_item(item)
        table[7] = self._log_users
        table[:7, item] = 0.0
        in_logarithms(table[:3])
        in_logarithms(table[4:6])
        return standardised(table)

    @cached_property
    def _weights_now(self) -> NDArray[np.float32]:
        """Beyond the default discount, popularity says ever less."""
        weights = np.array(WEIGHTS, np.float32)
        weights[POPULAR] *= min(1.0, 2 - 2 * self.discount)
        return weights

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
    """defaults: the percentiles of user history length, then of item interaction count (R-69b to R-69e).

    fewest_users: of both of two items, where `min_cointeraction_count` does not say.
    """

    name: str
    defaults: tuple[float, float, float, float]
    fewest_users: int = 3
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
        affinities = fit_affinities(kept.visits, len(kept.user_ids), item_count, within(progress, 0.0, 0.7))
        sessions = in_sessions(kept.visits, *time_scale(kept.visits.timestamps))
        popularity, popular = count_popularity(data.visits, item_count), count_popularity(kept.visits, item_count)
        model = RelatedModel(
            data.catalog,
            affinities,
            affinities.transitions.backwards(),
            fit_cooccurrence(kept.visits, len(kept.user_ids), item_count),
            fit_cooccurrence(sessions, len(sessions.lengths), item_count),
            fit_latent_items(kept.visits, item_count),
            popularity,
            popular.users,
            _discount(hyperparameters),
            _fewest_users(hyperparameters, self.fewest_users),
        )
        progress("fitted", 1.0)
        return model

    def fit_for_many(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> Callable[[Hyperparameters], Model]:
        """Both tunable values (R-69, R-69a) are read where scores are made; what they are made from is the same."""
        model = self.fit(data, hyperparameters, rng, progress)
        return lambda values: replace(
            model, discount=_discount(values), fewest_users=_fewest_users(values, self.fewest_users)
        )

    def _kept(self, data: TrainingData, hyperparameters: Hyperparameters) -> TrainingData:
        shortest, longest, rarest, commonest = self.defaults
        users = percentiles(hyperparameters, "user_history_length", shortest, longest)
        low, high = percentiles(hyperparameters, "item_interaction_count", rarest, commonest)
        return items_within(users_within(data, users), (low, 1.0 if high == UNLIMITED else high))


def _discount(hyperparameters: Hyperparameters) -> float:
    return number(hyperparameters, "popularity_discount_factor", DEFAULT_DISCOUNT)


def _fewest_users(hyperparameters: Hyperparameters, usual: int) -> int:
    return int(number(hyperparameters, "min_cointeraction_count", usual))


def sims() -> RelatedRecipe:
    return RelatedRecipe("aws-sims", (0.005, 0.995, 0.01, 0.9))
