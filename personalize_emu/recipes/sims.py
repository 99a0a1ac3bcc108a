"""SIMS: items related to one item by the histories of users (R-77), and the collaborative part of Similar-Items.

Candidates are the items that enough users interacted with beside the query item. They are ordered by a weighted
sum of standardised scores of that one item: the count c_ij / n_j^f of users of both (R-77b), of all times and within
sessions, EASE, transitions, and latent factors. The weights are fixed (docs/decisions/0002). Items that are no
candidates follow by popularity; an item that is unknown, or has no candidate, gets the global list of popular items.

`popularity_discount_factor` f: 0 sorts the candidates by popularity alone, up to .5 the scores take over, beyond .5
popular items are damped more and more. The default of `max_item_interaction_count_percentile`, .9, taken literally
leaves out the tenth of the items that most interactions belong to, and could not reach the recorded metrics (M-53): it
is taken as no upper limit. Every other value is applied as R-71 says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.base import (
    History,
    Hyperparameters,
    Kind,
    Model,
    Recipe,
    TrainingData,
    TrainingRun,
)
from personalize_emu.recipes.contract.hyperparameters import items_within, number, percentiles, users_within
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.numerics.logits import in_logarithms, standardised
from personalize_emu.recipes.scorers.ease import Ease, fit_ease, scaled, user_item_matrix
from personalize_emu.recipes.scorers.histories import Kernel
from personalize_emu.recipes.scorers.latent import LatentItems, fit_latent_items
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity
from personalize_emu.recipes.scorers.sessions import in_sessions, time_scale
from personalize_emu.recipes.scorers.transitions import Transitions, fit_transitions

WEIGHTS = np.array([0.3, 0.15, 0.6, 0.3, 0.1], np.float32)
"""Of EASE, transitions, co-occurrence, co-occurrence within sessions, and latent factors."""
REGULARISATION = 300.0
DEFAULT_DISCOUNT = 0.5
DISCOUNT_POWER = 1.74
"""The default factor .5 divides by n^.3, which predicts better than n^.5; 0 and 1 stay what they are."""
UNLIMITED = 0.9
"""The documented default of the upper item percentile, read as no limit."""
ONE_ITEM = Kernel(reach=1, decay=1.0)

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cooccurrence:
    """by_user: csr[users, items] and by_item: csr[items, users], 1 where the user interacted with the item."""

    by_user: sp.csr_matrix
    by_item: sp.csr_matrix

    def users_of_both(self, item: int) -> NDArray[np.int64]:
        """int64[items]: distinct users of `item` and each item; at `item` itself, its users."""
        users = self.by_item.indices[self.by_item.indptr[item] : self.by_item.indptr[item + 1]]
        return np.bincount(self.by_user[users].indices, minlength=self.by_user.shape[1])


def fit_cooccurrence(interactions: Interactions, item_count: int) -> Cooccurrence:
    """Only whether a user interacted with an item counts, not how often."""
    by_user = user_item_matrix(interactions, len(interactions.lengths), item_count)
    return Cooccurrence(by_user, by_user.T.tocsr())


@dataclass(frozen=True, eq=False)
class RelatedModel(Model):
    """Scores of the items related to the newest item of a history.

    item_users: int64[items], distinct users of each item in the co-occurrences; 0 for items left out by percentiles.
    """

    catalog: tuple[str, ...]
    ease: Ease
    transitions: Transitions
    pairs: Cooccurrence
    pairs_in_sessions: Cooccurrence
    latent: LatentItems
    popularity: Popularity
    item_users: NDArray[np.int64]
    discount: float
    fewest_users: int
    has_scores = False

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.users > 0

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """float32[histories, items]: candidates above 1, the others below 1 by popularity, the item itself -inf."""
        table = np.tile(self._popular, (len(histories), 1))
        for scores, history in zip(table, histories, strict=True):
            if len(history.items):
                self._rank_candidates(scores, int(history.items[-1]))
        return table

    def _rank_candidates(self, scores: Vector, item: int) -> None:
        """In the memory of float32[items]."""
        both = self.pairs.users_of_both(item)
        candidates = (both >= self.fewest_users) & (self.item_users > 0)
        candidates[item] = False
        if self.item_users[item] and candidates.any():
            relevance = self._relevance(item, both)[candidates]
            scores[candidates] = 1 + (relevance - relevance.min())
        scores[item] = -np.inf

    def relevance(self, item: int) -> Vector:
        """float32[items]: of every item, candidate or not; that of `item` itself means nothing."""
        return self._relevance(item, self.pairs.users_of_both(item))

    def _relevance(self, item: int, both: NDArray[np.int64]) -> Vector:
        share = np.float32(min(1.0, 2 * self.discount))
        if share == 0:
            return self._log_users
        relevance: Vector = WEIGHTS @ self._standardised_scores(item, both)
        relevance *= share
        relevance += (1 - share) * WEIGHTS.sum() * self._log_users
        return relevance

    def _standardised_scores(self, item: int, both: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[scores, items]. both: users of `item` and of every item."""
        alone = [History(np.array([item], np.int32), np.zeros(1, np.int64))]
        table = np.empty((len(WEIGHTS), len(self.catalog)), np.float32)
        table[0] = self.ease.scores_many(alone, ONE_ITEM)[0]
        table[1] = self.transitions.scores_many(alone, ONE_ITEM)[0]
        if self.discount > DEFAULT_DISCOUNT:
            table[:2] *= self._users_to_the(DEFAULT_DISCOUNT - self.discount)
        table[2] = both * self._inverse_users
        table[3] = self.pairs_in_sessions.users_of_both(item) * self._inverse_users
        table[4] = self.latent.of_item(item)
        table[:, item] = 0.0
        in_logarithms(table[:4])
        return standardised(table)

    @cached_property
    def _popular(self) -> Vector:
        return self.popularity.scores() / np.float32(max(1, len(self.catalog)))

    @cached_property
    def _log_users(self) -> Vector:
        logarithms: Vector = np.log(np.maximum(self.item_users, 1)).astype(np.float32)
        return logarithms

    @cached_property
    def _inverse_users(self) -> Vector:
        return self._users_to_the(-(self.discount**DISCOUNT_POWER))

    def _users_to_the(self, power: float) -> Vector:
        powers: Vector = np.exp(np.float32(power) * self._log_users)
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

    def fit(self, data: TrainingData, run: TrainingRun) -> RelatedModel:
        item_count, interactions = len(data.catalog), self._kept(data, run).interactions
        run.progress("EASE", 0.0)
        ease = fit_ease(interactions, len(interactions.lengths), item_count, scaled(REGULARISATION, interactions))
        run.progress("transitions", 0.4)
        transitions = fit_transitions(interactions, item_count)
        run.progress("latent factors", 0.6)
        latent = fit_latent_items(interactions, item_count)
        run.progress("co-occurrence", 0.8)
        sessions = in_sessions(interactions, *time_scale(interactions.timestamps))
        model = RelatedModel(
            data.catalog,
            ease,
            transitions,
            fit_cooccurrence(interactions, item_count),
            fit_cooccurrence(sessions, item_count),
            latent,
            count_popularity(data.interactions, item_count),
            count_popularity(interactions, item_count).users,
            _discount(run.hyperparameters),
            self._fewest_users(run.hyperparameters),
        )
        run.progress("fitted", 1.0)
        return model

    def fit_for_many(self, data: TrainingData, run: TrainingRun) -> Callable[[Hyperparameters], Model]:
        """Both tunable values (R-69, R-69a) are read where scores are made; what they are made from is the same."""
        model = self.fit(data, run)
        return lambda values: replace(model, discount=_discount(values), fewest_users=self._fewest_users(values))

    def _kept(self, data: TrainingData, run: TrainingRun) -> TrainingData:
        shortest, longest, rarest, commonest = self.defaults
        users = percentiles(run.hyperparameters, "user_history_length", shortest, longest)
        low, high = percentiles(run.hyperparameters, "item_interaction_count", rarest, commonest)
        return items_within(users_within(data, users), (low, 1.0 if high == UNLIMITED else high))

    def _fewest_users(self, hyperparameters: Hyperparameters) -> int:
        return int(number(hyperparameters, "min_cointeraction_count", self.fewest_users))


def _discount(hyperparameters: Hyperparameters) -> float:
    return number(hyperparameters, "popularity_discount_factor", DEFAULT_DISCOUNT)


def sims() -> RelatedRecipe:
    return RelatedRecipe("aws-sims", (0.005, 0.995, 0.01, 0.9))
