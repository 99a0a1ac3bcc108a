"""All users at once, as segments look at them: what they had, how active they are, and what EASE makes of it.

Item-Affinity and Item-Attribute-Affinity: which users will want an item, or items of a kind (R-81, R-82).

A user's score for a group of items is what EASE expects of the user there, beside how active the user is, both
standardised over the users. For items that the user had, what counts in place of EASE is how often users come back
to an item at all. How much taste counts beside activity is tried on the newest visits of the training data: where all
are about as active, activity is chance. `hidden_dimension` has no counterpart here and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from personalize_emu.recipes.contract.interactions import Visits
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.numerics.logits import standardised
from personalize_emu.recipes.scorers.ease import DualEase, Ease, PrimalEase, fit_ease, user_item_matrix
from personalize_emu.recipes.scorers.histories import Kernel
from personalize_emu.recipes.scorers.linear_models import EASE_REGULARISATION, REFERENCE_VISITS
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity


@dataclass(frozen=True, eq=False)
class Crowd:
    """bags: float32 csr[users, items], what each user had. visits: int64[users], how many visits each made."""

    bags: sp.csr_matrix
    visits: NDArray[np.int64]

    @cached_property
    def activity(self) -> NDArray[np.float32]:
        """float32[users]: standardised logarithm of the number of visits."""
        return standardised(np.log1p(self.visits).astype(np.float32))

    def share_had(self, groups: sp.csc_matrix) -> NDArray[np.float32]:
        """float32[users, groups]: how much of each group of items a user had. groups: 0 or 1, csc[items, groups]."""
        owned = self.bags.copy()
        owned.data = np.ones_like(owned.data)
        sizes = np.maximum(np.diff(groups.indptr), 1).astype(np.float32)
        shares: NDArray[np.float32] = (owned @ groups).toarray() / sizes
        return shares


def crowd_of(visits: Visits, user_count: int, item_count: int) -> Crowd:
    return Crowd(user_item_matrix(visits, user_count, item_count), visits.lengths)


def groups_of(members: list[NDArray[np.int32]], item_count: int) -> sp.csc_matrix:
    """float32 csc[items, groups]: 1 where the item, by its number, is in the group."""
    indptr = np.cumsum([0, *map(len, members)])
    indices = np.concatenate(members) if members else np.zeros(0, np.int32)
    return sp.csc_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=(item_count, len(members)))


def group_affinity(ease: Ease, bags: sp.csr_matrix, groups: sp.csc_matrix) -> NDArray[np.float32]:
    """float32[users, groups]: EASE scores added up over each group of items."""
    if isinstance(ease, PrimalEase):
        weights = (groups.T.tocsr()[:, ease.columns] @ ease.weights.T).T
        primal: NDArray[np.float32] = bags[:, ease.columns] @ np.ascontiguousarray(weights)
        return primal
    if not isinstance(ease, DualEase):
        raise TypeError("there are two forms of EASE")
    # score = bag - (bag - explained) / (r d), summed over the items of a group; see DualEase.
    inverse = np.float32(1) / (np.float32(ease.regularisation) * ease.diagonal)
    own = bags @ (sp.diags_array(1 - inverse).astype(np.float32) @ groups)
    through = ease.transposed.T @ (sp.diags_array(inverse) @ groups)
    dual: NDArray[np.float32] = own.toarray() + (bags @ ease.tastes) @ through.toarray()
    return dual.astype(np.float32, copy=False)


def return_shift(visits: Visits, item_count: int) -> float:
    """How much likelier a user's next visit is to an item the user had than to one the user had not, as a logarithm.

    Far below 0 where users hardly ever come back to an item.
    """
    keys = visits.users.astype(np.int64) * item_count + visits.items
    first = np.zeros(len(visits), np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    had: NDArray[np.int64] = np.cumsum(first) - first
    had -= had[visits.offsets[visits.users]]
    returns = (np.count_nonzero(~first) + 0.5) / (float(had.sum()) + 1.0)
    discoveries = (np.count_nonzero(first) + 0.5) / (float((item_count - had).sum()) + 1.0)
    return float(np.log(returns / discoveries))


TEST_SHARE = 0.2
"""The newest visits of every user, held out for the metrics (M-10)."""
TASTE = 0.3
"""Of EASE, where activity counts 1: unless the data say otherwise."""
TASTES = (0.0, 0.1, TASTE, 1.0, 3.0)
"""What is tried."""
CLEARLY = 2.0
"""Standard errors that the recall of another weight must be greater by."""
FEWEST_COMPARED = 10
MOST_COMPARED = 1000
"""Groups that weights are compared on."""
QUERIES_AT_ONCE = 256
MOST_CELLS = 2**24
"""Users times queries at once: 64 MB for each of several tables."""
MOST_MEASURED = 2**31
"""Users times groups that the metrics are measured on: of more groups an even choice."""
FEWEST_MEASURED = 100
WHOLE_HISTORY = Kernel(reach=1_000_000, decay=0.0, recency=False)


@dataclass(frozen=True, eq=False)
class SegmentModel(Model):
    """shift: logarithm of how much likelier a return is than a discovery (see `return_shift`).

    taste: how much EASE counts, where activity counts 1.
    """

    catalog: tuple[str, ...]
    ease: Ease
    popularity: Popularity
    shift: float
    taste: float = TASTE
    has_scores = False

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.users > 0

    def scores(self, history: History) -> NDArray[np.float32]:
        """float32[items]: what EASE says of one user; popular items of one without a history."""
        if not self.trained_items[history.items].any():
            return self.popularity.scores()
        return self.ease.scores(history, WHOLE_HISTORY)

    def user_scores(self, crowd: Crowd, groups: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """float32[groups, users]: how likely each user will want one of the items of each group.

        groups: int32[k] catalog numbers, at least one each. Items of the crowd are those of the catalog.
        """
        tastes, wants = self._opinions(crowd, groups)
        return _together(self.taste, tastes, wants, crowd)

    def user_scores_by_taste(
        self, crowd: Crowd, groups: Sequence[NDArray[np.int32]], weights: Sequence[float]
    ) -> Iterator[NDArray[np.float32]]:
        """`user_scores` with one weight of taste after the other."""
        tastes, wants = self._opinions(crowd, groups)
        return (_together(weight, tastes, wants, crowd) for weight in weights)

    def _opinions(
        self, crowd: Crowd, groups: Sequence[NDArray[np.int32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Two float32[groups, users]: what EASE says, standardised, and what is left to want, as a logarithm."""
        columns = groups_of(list(groups), len(self.catalog))
        owned = np.ascontiguousarray(crowd.share_had(columns).T)
        if self.shift < 0:
            # Where nobody comes back, only who had all of a group has nothing left to want there.
            owned **= np.diff(columns.indptr)[:, None]
        affinity = np.ascontiguousarray(group_affinity(self.ease, crowd.bags, columns).T)
        tastes = standardised(affinity * (1 - owned))
        return tastes, np.log((1 - owned) + np.float32(np.exp(self.shift)) * owned)


@dataclass(frozen=True)
class SegmentRecipe(Recipe):
    """by_attribute: asked for items with certain attributes, and measured on these."""

    name: str
    by_attribute: bool
    kind = Kind.SEGMENTS

    def fit(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> SegmentModel:
        del hyperparameters, rng
        model = self._fitted(data.visits, data, progress)
        progress("fitted", 1.0)
        return model

    def own_metrics(
        self, data: TrainingData, hyperparameters: Hyperparameters, progress: Progress
    ) -> dict[str, float]:
        """M-3, M-10, M-24, M-30: all the metrics there are."""
        del hyperparameters
        visits = data.visits
        past, future = _parted(visits)
        model = self._fitted(past, data, within(progress, 0.0, 0.7))
        crowd = crowd_of(past, len(data.user_ids), len(data.catalog))
        return segment_metrics(model, crowd, self._groups(data, future), future, within(progress, 0.7, 1.0))

    def _fitted(self, visits: Visits, data: TrainingData, progress: Progress) -> SegmentModel:
        past, future = _parted(visits)
        progress("who visited the same", 0.0)
        earlier = _model_of(past, data)
        progress("how active users were", 0.25)
        crowd = crowd_of(past, len(data.user_ids), len(data.catalog))
        taste = learned_taste(earlier, crowd, self._groups(data, future), future, within(progress, 0.3, 0.7))
        progress("who visits the same", 0.7)
        return replace(_model_of(visits, data), taste=taste)

    def _groups(self, data: TrainingData, visits: Visits) -> list[NDArray[np.int32]]:
        """What segments are asked for: items with an attribute, or single items."""
        return list(data.attributes) if self.by_attribute else _single_items(visits)


def segment_metrics(
    model: SegmentModel,
    crowd: Crowd,
    groups: Sequence[NDArray[np.int32]],
    future: Visits,
    progress: Progress,
) -> dict[str, float]:
    """coverage, hits_at_1_percent and recall_at_1_percent over the groups somebody met in `future` (M-30)."""
    users = len(crowd.visits)
    most = max(1, users // 100)
    hits: list[int] = []
    recalls: list[float] = []
    found = np.zeros(users, np.bool_)
    limit = max(FEWEST_MEASURED, MOST_MEASURED // max(1, users))
    for queries, actual in _asked(model, groups, future, users, limit, progress):
        for scores, wanted in zip(model.user_scores(crowd, queries), actual, strict=True):
            if wanted.any():
                predicted = top_k(scores, most)
                found[predicted] = True
                hits.append(int(np.count_nonzero(wanted[predicted])))
                recalls.append(hits[-1] / min(int(np.count_nonzero(wanted)), most))
    return {
        "coverage": float(np.count_nonzero(found)) / max(1, users),
        "hits_at_1_percent": float(np.mean(hits)) if hits else 0.0,
        "recall_at_1_percent": float(np.mean(recalls)) if recalls else 0.0,
    }


def learned_taste(
    model: SegmentModel,
    crowd: Crowd,
    groups: Sequence[NDArray[np.int32]],
    future: Visits,
    progress: Progress,
) -> float:
    """The weight of taste with the greatest recall at 1 % in `future`; TASTE unless another is clearly better."""
    users = len(crowd.visits)
    most = max(1, users // 100)
    limit = max(FEWEST_MEASURED, min(MOST_COMPARED, MOST_MEASURED // max(1, users)))
    recalls: list[list[list[float]]] = []
    for queries, actual in _asked(model, groups, future, users, limit, progress):
        rows = np.flatnonzero(actual.any(axis=1))
        tables = model.user_scores_by_taste(crowd, queries, TASTES)
        recalls.append([[_recall(scores[row], actual[row], most) for row in rows] for scores in tables])
    found = np.concatenate(recalls, axis=1) if recalls else np.zeros((len(TASTES), 0))
    return _clearly_best(found)


def _clearly_best(recalls: NDArray[np.float64]) -> float:
    """recalls: float64[TASTES, groups]."""
    groups = recalls.shape[1]
    if groups < FEWEST_COMPARED:
        return TASTE
    gains = recalls - recalls[TASTES.index(TASTE)]
    best = int(gains.mean(axis=1).argmax())
    error = float(gains[best].std()) / groups**0.5
    return TASTES[best] if gains[best].mean() > CLEARLY * error else TASTE


def _recall(scores: NDArray[np.float32], wanted: NDArray[np.bool_], most: int) -> float:
    """Of the users who want something, as far as so many can be found. At least one does."""
    return int(np.count_nonzero(wanted[top_k(scores, most)])) / min(int(np.count_nonzero(wanted)), most)


def segment_recipes() -> tuple[SegmentRecipe, ...]:
    return (SegmentRecipe("aws-item-affinity", False), SegmentRecipe("aws-item-attribute-affinity", True))


def _model_of(visits: Visits, data: TrainingData) -> SegmentModel:
    """All but the weight of taste."""
    users, items = len(data.user_ids), len(data.catalog)
    growth = float(max(1, len(visits)) / REFERENCE_VISITS) ** 0.25
    ease = fit_ease(visits, users, items, EASE_REGULARISATION * growth)
    return SegmentModel(data.catalog, ease, count_popularity(visits, items), return_shift(visits, items))


def _together(
    weight: float, tastes: NDArray[np.float32], wants: NDArray[np.float32], crowd: Crowd
) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = np.float32(weight) * tastes
    scores += wants
    scores += crowd.activity
    return scores


def _asked(
    model: SegmentModel,
    groups: Sequence[NDArray[np.int32]],
    future: Visits,
    users: int,
    limit: int,
    progress: Progress,
) -> Iterator[tuple[list[NDArray[np.int32]], NDArray[np.bool_]]]:
    """Some groups at a time, and bool[groups, users], who met them in `future`.

    limit: of more groups than that, an even choice.
    """
    met = crowd_of(future, users, len(model.catalog)).share_had
    groups = groups[:: -(-len(groups) // limit) or 1]
    at_once = max(1, min(QUERIES_AT_ONCE, MOST_CELLS // max(1, users)))
    for start in range(0, len(groups), at_once):
        progress("comparing segments with what followed", start / len(groups))
        queries = list(groups[start : start + at_once])
        yield queries, met(groups_of(queries, len(model.catalog))).T > 0


def _parted(visits: Visits) -> tuple[Visits, Visits]:
    """The past, and the newest visits of every user."""
    tested = _newest_share(visits)
    return visits.chosen(~tested), visits.chosen(tested)


def _newest_share(visits: Visits) -> NDArray[np.bool_]:
    """bool[n]: the newest fifth of every user's visits, rounded down."""
    held_out = np.floor(TEST_SHARE * visits.lengths).astype(np.int64)
    first_tested = visits.offsets[1:] - held_out
    tested: NDArray[np.bool_] = np.arange(len(visits)) >= first_tested[visits.users]
    return tested


def _single_items(visits: Visits) -> list[NDArray[np.int32]]:
    return [np.array([item], np.int32) for item in np.unique(visits.items)]
