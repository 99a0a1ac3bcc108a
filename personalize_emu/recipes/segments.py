"""Item-Affinity and Item-Attribute-Affinity: which users will want an item, or items with an attribute (R-81, R-82).

A user's score for a group of items is a weighted sum of three features: the user's EASE scores added up over the group
and standardised over users; the logarithm of what is left to want there, which is little for who had the items and
never comes back to one; and how active the user is. The weights are learned from the newest interactions of the
training data (conditional logit over users). `hidden_dimension` has no counterpart here and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.base import (
    History,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
    TrainingRun,
    no_progress,
)
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.numerics.conditional_logit import Example, fit_conditional_logit
from personalize_emu.recipes.numerics.logits import standardised
from personalize_emu.recipes.scorers.ease import Ease, fit_ease, scaled, user_item_matrix
from personalize_emu.recipes.scorers.histories import Kernel
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity

TEST_SHARE = 0.2
"""The newest interactions of every user, held out for the metrics (M-10)."""
REGULARISATION = 300.0
PRIOR = np.array([0.3, 1.0, 1.0])
"""Weights of the features before any are learned."""
STRENGTH = 30.0
"""The prior counts as much as so many groups."""
MOST_EXAMPLES = 300
QUERIES_AT_ONCE = 256
MOST_CELLS = 2**24
"""Users times queries at once: 64 MB for each of several tables."""
MOST_MEASURED = 2**31
"""Users times groups that the metrics are measured on: every second, third, ... group where there are more."""
FEWEST_MEASURED = 100
WHOLE_HISTORY = Kernel(reach=1_000_000, decay=0.0, recency=False)

Groups = Sequence[NDArray[np.int32]]
"""int32[k] catalog numbers each, at least one."""
Table = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class UserHistories:
    """bags: float32 csr[users, items], what each user interacted with. interactions: int64[users], how often."""

    bags: sp.csr_matrix
    interactions: NDArray[np.int64]

    @cached_property
    def activity(self) -> Table:
        """float32[users]: standardised logarithm of the number of interactions."""
        return standardised(np.log1p(self.interactions).astype(np.float32))

    def group_shares(self, groups: sp.csc_matrix) -> Table:
        """float32[groups, users]: how much of each group of items a user interacted with."""
        owned = self.bags.copy()
        owned.data = np.ones_like(owned.data)
        sizes = np.maximum(np.diff(groups.indptr), 1).astype(np.float32)
        return np.ascontiguousarray(((owned @ groups).toarray() / sizes).T)


def user_histories(interactions: Interactions, user_count: int, item_count: int) -> UserHistories:
    return UserHistories(user_item_matrix(interactions, user_count, item_count), interactions.lengths)


def group_matrix(members: Groups, item_count: int) -> sp.csc_matrix:
    """float32 csc[items, groups]: 1 where the item, by its number, is in the group."""
    indptr = np.cumsum([0, *map(len, members)])
    indices = np.concatenate(members) if len(members) else np.zeros(0, np.int32)
    return sp.csc_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=(item_count, len(members)))


def repeat_log_odds(interactions: Interactions, item_count: int) -> float:
    """Log-ratio of the probability that a user's next interaction is with an item of the history, to that of another
    item. Far below 0 where users hardly ever come back to an item.
    """
    keys = interactions.users.astype(np.int64) * item_count + interactions.items
    first = np.zeros(len(interactions), np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    seen: NDArray[np.int64] = np.cumsum(first) - first
    seen -= seen[interactions.offsets[interactions.users]]
    returns = (np.count_nonzero(~first) + 0.5) / (float(seen.sum()) + 1.0)
    discoveries = (np.count_nonzero(first) + 0.5) / (float((item_count - seen).sum()) + 1.0)
    return float(np.log(returns / discoveries))


@dataclass(frozen=True, eq=False)
class SegmentModel(Model):
    """shift: see `repeat_log_odds`. weights: float64[3], of affinity, of what is left to want, and of activity."""

    catalog: tuple[str, ...]
    ease: Ease
    popularity: Popularity
    shift: float
    weights: NDArray[np.float64]
    has_scores = False

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.users > 0

    def scores_many(self, histories: Sequence[History]) -> Table:
        """EASE scores of each user; popular items for one without a history."""
        scores = self.ease.scores_many(histories, WHOLE_HISTORY)
        scores[[not self.trained_items[history.items].any() for history in histories]] = self.popularity.scores()
        return scores

    def user_scores(self, users: UserHistories, groups: Groups) -> Table:
        """float32[groups, users]: how likely each user will want one of the items of each group."""
        scores: Table = np.tensordot(self.weights.astype(np.float32), self.features(users, groups), axes=1)
        return scores

    def features(self, users: UserHistories, groups: Groups) -> Table:
        """float32[3, groups, users], along the weights. Items of the users are those of the catalog."""
        members = group_matrix(groups, len(self.catalog))
        owned = users.group_shares(members)
        if self.shift < 0:
            # Where nobody comes back, only who had all of a group has nothing left to want there.
            owned **= np.diff(members.indptr)[:, None]
        affinity = standardised(np.ascontiguousarray(self.ease.of_groups(users.bags, members).T) * (1 - owned))
        wants = np.log((1 - owned) + np.float32(np.exp(self.shift)) * owned)
        return np.stack((affinity, wants, np.broadcast_to(users.activity, affinity.shape)))


@dataclass(frozen=True)
class SegmentRecipe(Recipe):
    """by_attribute: asked for items with certain attributes, and measured on these."""

    name: str
    by_attribute: bool
    kind = Kind.SEGMENTS

    def fit(self, data: TrainingData, run: TrainingRun) -> SegmentModel:
        return self._fitted(data.interactions, data, run)

    def own_metrics(self, data: TrainingData, run: TrainingRun) -> dict[str, float]:
        """M-3, M-10, M-24, M-30: all the metrics there are."""
        past, future = _split(data.interactions)
        model = self._fitted(past, data, run.within(0.0, 0.7))
        users = user_histories(past, len(data.user_ids), len(data.catalog))
        return segment_metrics(model, users, self._groups(data, future), future, run.within(0.7, 1.0).progress)

    def _fitted(self, interactions: Interactions, data: TrainingData, run: TrainingRun) -> SegmentModel:
        past, future = _split(interactions)
        run.progress("EASE of the older interactions", 0.0)
        earlier = _with_prior(past, data)
        run.progress("histories", 0.3)
        users = user_histories(past, len(data.user_ids), len(data.catalog))
        run.progress("weights", 0.4)
        weights = learned_weights(earlier, users, self._groups(data, future), future)
        run.progress("EASE", 0.7)
        model = replace(_with_prior(interactions, data), weights=weights)
        run.progress("fitted", 1.0)
        return model

    def _groups(self, data: TrainingData, interactions: Interactions) -> Groups:
        """What segments are queried by: items with an attribute, or single items."""
        single = [np.array([item], np.int32) for item in np.unique(interactions.items)]
        return data.attributes if self.by_attribute else single


def segment_metrics(
    model: SegmentModel, users: UserHistories, groups: Groups, future: Interactions, progress: Progress
) -> dict[str, float]:
    """coverage, hits_at_1_percent and recall_at_1_percent over the groups with an interaction in `future` (M-30)."""
    count = len(users.interactions)
    most = max(1, count // 100)
    hits: list[int] = []
    recalls: list[float] = []
    found = np.zeros(count, np.bool_)
    limit = max(FEWEST_MEASURED, MOST_MEASURED // max(1, count))
    for queries, actual in _queries(model, groups, future, count, limit, progress):
        for scores, wanted in zip(model.user_scores(users, queries), actual, strict=True):
            if wanted.any():
                predicted = top_k(scores, most)
                found[predicted] = True
                hits.append(int(np.count_nonzero(wanted[predicted])))
                recalls.append(hits[-1] / min(int(np.count_nonzero(wanted)), most))
    return {
        "coverage": float(np.count_nonzero(found)) / max(1, count),
        "hits_at_1_percent": float(np.mean(hits)) if hits else 0.0,
        "recall_at_1_percent": float(np.mean(recalls)) if recalls else 0.0,
    }


def learned_weights(
    model: SegmentModel, users: UserHistories, groups: Groups, future: Interactions
) -> NDArray[np.float64]:
    """float64[3], none below 0, under which the users who interacted with each group in `future` are likeliest."""
    count = len(users.interactions)
    limit = max(1, min(MOST_EXAMPLES, MOST_CELLS // max(1, count)))
    examples = []
    for queries, actual in _queries(model, groups, future, count, limit):
        features = model.features(users, queries)
        examples += [
            Example(features[:, row].T, wanted.astype(np.float32)) for row, wanted in enumerate(actual) if wanted.any()
        ]
    return fit_conditional_logit(examples, PRIOR, STRENGTH / max(1, len(examples)), np.zeros(len(PRIOR)))


def segment_recipes() -> tuple[SegmentRecipe, ...]:
    return (SegmentRecipe("aws-item-affinity", False), SegmentRecipe("aws-item-attribute-affinity", True))


def _with_prior(interactions: Interactions, data: TrainingData) -> SegmentModel:
    users, items = len(data.user_ids), len(data.catalog)
    ease = fit_ease(interactions, users, items, scaled(REGULARISATION, interactions))
    return SegmentModel(
        data.catalog, ease, count_popularity(interactions, items), repeat_log_odds(interactions, items), PRIOR
    )


def _queries(
    model: SegmentModel,
    groups: Groups,
    future: Interactions,
    users: int,
    limit: int,
    progress: Progress = no_progress,
) -> Iterator[tuple[Groups, NDArray[np.bool_]]]:
    """Some groups at a time, and bool[groups, users], who interacted with them in `future`.

    limit: of more groups than that, every second, third, ... is taken.
    """
    later = user_histories(future, users, len(model.catalog))
    groups = groups[:: -(-len(groups) // limit) or 1]
    at_once = max(1, min(QUERIES_AT_ONCE, MOST_CELLS // max(1, users)))
    for start in range(0, len(groups), at_once):
        progress("measuring segments", start / len(groups))
        queries = groups[start : start + at_once]
        yield queries, later.group_shares(group_matrix(queries, len(model.catalog))) > 0


def _split(interactions: Interactions) -> tuple[Interactions, Interactions]:
    """The past, and the newest fifth of every user's interactions, rounded down."""
    held_out = np.floor(TEST_SHARE * interactions.lengths).astype(np.int64)
    first_tested = interactions.offsets[1:] - held_out
    tested = np.arange(len(interactions)) >= first_tested[interactions.users]
    return interactions.chosen(~tested), interactions.chosen(tested)
