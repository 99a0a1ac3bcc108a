"""What goes with one item by the histories of users: SIMS (R-77), and the part of Similar-Items that reads these.

Candidates are the items that enough users visited beside the one asked about. They are ordered by several opinions:
the count c_ij / n_j^f (R-77b; f runs through a curve that keeps 0 and 1), of all times and of single stays, linear
models of the same histories, which see past popularity and know about order, nearness in few dimensions, and when an
item came up. What each is worth is learned from users whom the models had not seen, and the best candidates are looked
at once more (reranker). Items that are no candidates follow by popularity; an item that is unknown, or has no
candidate, gets the global list of popular items.

`popularity_discount_factor` f: 0 sorts the candidates by popularity alone, up to .5 the blend takes over, and
beyond .5 popular items are damped ever more. The default of `max_item_interaction_count_percentile`, .9, taken
literally leaves out the tenth of the items that most interactions belong to, and could not reach the recorded
metrics (M-53): it is taken as no upper limit. Every other value is applied as R-71 says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.affinities import Affinities, Kernels, fit_affinities
from personalize_emu.recipes.base import (
    HeldOut,
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
    parts_of,
    within,
)
from personalize_emu.recipes.models.blend import in_logarithms, standardised
from personalize_emu.recipes.models.candidate_traits import ItemTraits, item_traits
from personalize_emu.recipes.models.choice import Case, learned_weights
from personalize_emu.recipes.models.cooccurrence import Cooccurrence, fit_cooccurrence
from personalize_emu.recipes.models.crowd_in_time import in_stays, time_scale
from personalize_emu.recipes.models.histories import Kernel
from personalize_emu.recipes.models.kinds import Kinds, kinds_of
from personalize_emu.recipes.models.latent import LatentItems, fit_latent_items
from personalize_emu.recipes.models.popularity import Popularity, count_popularity
from personalize_emu.recipes.models.reranker import Question, Reranker, fit_reranker
from personalize_emu.recipes.models.transitions import Transitions
from personalize_emu.recipes.parameters import number, percentiles
from personalize_emu.recipes.percentiles import items_within, users_within
from personalize_emu.recipes.visits import Visits
from personalize_emu.recipes.weighing import FEWEST_CASES, GROUPS, STRENGTH, Group, best_candidates, dealt

OPINIONS = (
    "visited by the same",
    "follows",
    "precedes",
    "comes next",
    "both",
    "both in one stay",
    "near",
    "one era",
    "popular",
)
DEFAULT_WEIGHTS = (0.3, 0.15, 0.0, 0.1, 0.6, 0.3, 0.1, 0.1, 0.1)
POPULAR = OPINIONS.index("popular")
FLOOR = np.where(np.arange(len(OPINIONS)) == POPULAR, -np.inf, 0.0)
"""Of the weights: whatever goes with an item does not speak against another, be there ever so few cases."""
LOOKED_AT_AGAIN = 400
"""Candidates of a request: many of them, as whoever asks may have most of the best already."""
DEFAULT_DISCOUNT = 0.5
DISCOUNT_POWER = 1.74
"""The default factor .5 divides by n^.3, which foresees more than n^.5; 0 and 1 stay what they are."""
UNLIMITED = 0.9
"""The documented default of the upper item percentile, read as no limit."""
ONE_ITEM = Kernel(reach=1, decay=1.0)
KERNELS = Kernels(ONE_ITEM, ONE_ITEM, ONE_ITEM)
NO_TIME = np.zeros(1, np.int64)
DAY = 86_400
JUDGING = 0.75
"""Share of a fit that learning what to make of the opinions is said to be."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """weights: float64[opinions]. reranker: None where a second look is of no use."""

    weights: NDArray[np.float64]
    reranker: Reranker | None = None


@dataclass(frozen=True, eq=False)
class RelatedModel(Model):
    """Scores of the items that go with the newest item of a history."""

    catalog: tuple[str, ...]
    affinities: Affinities
    precedes: Transitions
    pairs: Cooccurrence
    pairs_in_stays: Cooccurrence
    latent: LatentItems
    traits: ItemTraits
    first_seen: NDArray[np.float32]
    """float32[items]: days from the first visit of all to the first of each item."""
    popularity: Popularity
    item_users: NDArray[np.int64]
    """int64[items]: distinct users in the pairs; 0 for items the percentiles left out."""
    discount: float
    fewest_users: int
    judgement: Judgement
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
        if self.judgement.reranker is not None:
            self._look_again(self.judgement.reranker, relevance, said, item, both)
        if trust == 1.0:
            return relevance
        others = np.abs(self.judgement.weights).sum()
        return np.float32(trust) * relevance + np.float32((1 - trust) * others) * self._log_users

    def _look_again(
        self,
        reranker: Reranker,
        relevance: NDArray[np.float32],
        said: NDArray[np.float32],
        item: int,
        both: NDArray[np.int64],
    ) -> None:
        best = best_candidates(self.open_to(relevance, item, both), LOOKED_AT_AGAIN)
        if len(best) > 1:
            reranker.look_again(relevance, best, self.traits_of(item, best, said, both))

    def open_to(self, relevance: NDArray[np.float32], item: int, both: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[items]: -inf for what is no candidate."""
        candidates = np.where((both >= self.fewest_users) & (self.item_users > 0), relevance, -np.inf)
        candidates[item] = -np.inf
        return candidates.astype(np.float32, copy=False)

    def traits_of(
        self, item: int, candidates: NDArray[np.int64], said: NDArray[np.float32], both: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """float32[candidates, d]: what the second look goes by. said: float32[opinions, items]."""
        shared = both[candidates].astype(np.float32)
        mine, theirs = np.float32(max(1, self.item_users[item])), np.maximum(self.item_users[candidates], 1)
        rows = [np.log1p(shared), np.log(shared / np.sqrt(mine * theirs) + np.float32(0.01)), shared / mine]
        rows.append((shared / theirs).astype(np.float32))
        parts = [said[:, candidates].T, np.stack(rows, axis=1), self.traits.of_pair(item, candidates)]
        return np.concatenate(parts, axis=1).astype(np.float32, copy=False)

    def opinions(self, item: int, both: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[opinions, items]: each row standardised. both: users of `item` and of every item."""
        alone = History(np.array([item], np.int32), NO_TIME)
        table = np.empty((len(OPINIONS), len(self.catalog)), np.float32)
        table[0], table[1], table[3] = self.affinities.scores(alone, KERNELS)
        table[2] = self.precedes.scores(alone, ONE_ITEM)
        if self.discount > DEFAULT_DISCOUNT:
            table[:4] *= self._damping
        table[4] = both * self._inverse_users
        table[5] = self.pairs_in_stays.users_of_both(item) * self._inverse_users
        table[6] = self.latent.of_item(item)
        table[7] = -np.abs(self.first_seen - self.first_seen[item])
        table[8] = self._log_users
        table[:7, item] = 0.0
        in_logarithms(table[:3])
        in_logarithms(table[4:6])
        return standardised(table)

    @cached_property
    def _weights_now(self) -> NDArray[np.float32]:
        """Beyond the default discount, popularity says ever less."""
        weights = self.judgement.weights.astype(np.float32)
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

    fewest_users: of both of two items, where `min_cointeraction_count` does not say. reads_items: the second look goes
    by metadata, too.
    """

    name: str
    defaults: tuple[float, float, float, float]
    fewest_users: int = 3
    reads_items: bool = False
    kind = Kind.RELATED

    def fit(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> RelatedModel:
        kinds = kinds_of(data.item_features) if self.reads_items else None
        parts = parts_of(within(progress, 0.0, JUDGING), GROUPS)

        def fitted(part: TrainingData) -> RelatedModel:
            prior = Judgement(np.array(DEFAULT_WEIGHTS))
            return self.fit_judged(part, prior, hyperparameters, within(next(parts), 0.0, 0.5), kinds)

        judgement = learned_judgement(data, fitted, rng)
        return self.fit_judged(data, judgement, hyperparameters, within(progress, JUDGING, 1.0), kinds)

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

    def fit_after_evaluation(
        self,
        evaluated: Model,
        test_users: Sequence[HeldOut],
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> RelatedModel:
        """Judging as was learned for the evaluated model."""
        del test_users
        if not isinstance(evaluated, RelatedModel):
            return self.fit(data, hyperparameters, rng, progress)
        kinds = kinds_of(data.item_features) if self.reads_items else None
        return self.fit_judged(data, evaluated.judgement, hyperparameters, progress, kinds)

    def fit_judged(
        self,
        data: TrainingData,
        judgement: Judgement,
        hyperparameters: Hyperparameters,
        progress: Progress,
        kinds: Kinds | None = None,
    ) -> RelatedModel:
        """With what was learned of the opinions. kinds: of the items of the catalog."""
        item_count = len(data.catalog)
        kept = self._kept(data, hyperparameters)
        affinities = fit_affinities(kept.visits, len(kept.user_ids), item_count, within(progress, 0.0, 0.7))
        stays = in_stays(kept.visits, *time_scale(kept.visits.timestamps))
        popularity, popular = count_popularity(data.visits, item_count), count_popularity(kept.visits, item_count)
        model = RelatedModel(
            data.catalog,
            affinities,
            affinities.transitions.backwards(),
            fit_cooccurrence(kept.visits, len(kept.user_ids), item_count),
            fit_cooccurrence(stays, len(stays.lengths), item_count),
            fit_latent_items(kept.visits, item_count),
            item_traits(kept.visits, item_count, popular.log_shares(), kinds),
            first_seen(kept.visits, item_count),
            popularity,
            popular.users,
            _discount(hyperparameters),
            _fewest_users(hyperparameters, self.fewest_users),
            judgement,
        )
        progress("fitted", 1.0)
        return model

    def _kept(self, data: TrainingData, hyperparameters: Hyperparameters) -> TrainingData:
        shortest, longest, rarest, commonest = self.defaults
        users = percentiles(hyperparameters, "user_history_length", shortest, longest)
        low, high = percentiles(hyperparameters, "item_interaction_count", rarest, commonest)
        return items_within(users_within(data, users), (low, 1.0 if high == UNLIMITED else high))


def learned_judgement(
    data: TrainingData, fit: Callable[[TrainingData], RelatedModel], rng: np.random.Generator
) -> Judgement:
    """From what users, whom the models had not seen, did after an item."""
    prior = np.array(DEFAULT_WEIGHTS)
    cases = [case for group in dealt(data) for case in _cases_of(fit(group.data), group)]
    if len(cases) < FEWEST_CASES:
        return Judgement(prior)
    strength = STRENGTH / len({case.owner for case in cases})
    weights = learned_weights([case.as_case() for case in cases], prior, strength, FLOOR)
    return Judgement(weights, fit_reranker([case.as_question(weights) for case in cases], rng))


@dataclass(frozen=True, eq=False)
class _Asked:
    """opinions: float32[candidates, opinions]. traits: float32[candidates, d]. chosen: float32[candidates], 1 for what
    came next, how soon being of no account: what goes with an item does so whenever it comes.
    """

    opinions: NDArray[np.float32]
    traits: NDArray[np.float32]
    chosen: NDArray[np.float32]
    owner: int

    def as_case(self) -> Case:
        return Case(self.opinions, self.chosen)

    def as_question(self, weights: NDArray[np.float64]) -> Question:
        return Question(self.opinions @ weights.astype(np.float32), self.traits, self.chosen, self.owner)


def _cases_of(model: RelatedModel, group: Group) -> Iterator[_Asked]:
    weights = np.array(DEFAULT_WEIGHTS, np.float32)
    asked = sorted(zip(map(_newest, group.asked), range(len(group.asked)), strict=True))
    for item, rows in groupby(asked, key=lambda pair: pair[0]):
        both = model.pairs.users_of_both(item)
        opinions = model.opinions(item, both)
        relevance = model.open_to(weights @ opinions, item, both)
        for _, row in rows:
            user = group.asked[row]
            open_to = relevance.copy()
            open_to[user.history.items] = -np.inf
            best = best_candidates(open_to)
            chosen = np.isin(best, user.truth).astype(np.float32)
            if chosen.any():
                traits = model.traits_of(item, best, opinions, both)
                yield _Asked(opinions[:, best].T, traits, chosen, group.owners[row])


def _discount(hyperparameters: Hyperparameters) -> float:
    return number(hyperparameters, "popularity_discount_factor", DEFAULT_DISCOUNT)


def _fewest_users(hyperparameters: Hyperparameters, usual: int) -> int:
    return int(number(hyperparameters, "min_cointeraction_count", usual))


def _newest(user: HeldOut) -> int:
    return int(user.history.items[-1])


def first_seen(visits: Visits, item_count: int) -> NDArray[np.float32]:
    """float32[items]: days from the first visit of all to the first of each item; the last for items without any."""
    first = np.full(item_count, visits.timestamps.max(initial=0), np.int64)
    np.minimum.at(first, visits.items, visits.timestamps)
    days: NDArray[np.float32] = ((first - first.min(initial=0)) / DAY).astype(np.float32)
    return days


def sims() -> RelatedRecipe:
    return RelatedRecipe("aws-sims", (0.005, 0.995, 0.01, 0.9))
