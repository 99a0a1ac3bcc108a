"""EASE: the closed-form linear model of which items the same users visit.

B = I - P diag(1 / diag P) with P = (X'X + regularisation I)^-1 for the users x items matrix X; an item never
speaks for itself. Two forms give the same scores: `PrimalEase` inverts in item space, `DualEase` in user
space, for few users and many items.

EASE, asked twice: with the whole history, and with its newest items counting most (Steck 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Visits
from personalize_emu.recipes.numerics.sparse_sums import products
from personalize_emu.recipes.numerics.symmetric_inverse import inverse_of_positive_definite
from personalize_emu.recipes.scorers.base import Column, Kernels, Scorer, Table
from personalize_emu.recipes.scorers.histories import Kernel, newest, weighted_rows

DUAL_USERS = 1500
"""Up to so many users the dual form is used, unless there are even fewer items."""
DUAL_CELLS = 60_000_000
"""Users times items up to which the dual form fits in memory (240 MB)."""
MOST_ITEMS = 6000
"""The primal form is restricted to so many most popular items: 144 MB a matrix."""

Vector = NDArray[np.float32]


class Ease(Protocol):
    """Either form."""

    def scores(self, history: History, kernel: Kernel) -> Vector:
        """float32[items]: the weighted history times B."""

    def scores_many(self, histories: Sequence[History], kernel: Kernel) -> NDArray[np.float32]:
        """float32[histories, items]."""

    def scores_of(self, bags: sp.csr_matrix) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """The same of weighted histories, and, of the dual form, float32[histories, users]: who speaks for them."""


@dataclass(frozen=True, eq=False)
class PrimalEase:
    """columns: int32[m] the items modelled. place: int32[items], where in columns or -1. weights: B, [m, m]."""

    columns: NDArray[np.int32]
    place: NDArray[np.int32]
    weights: NDArray[np.float32]

    def scores(self, history: History, kernel: Kernel) -> Vector:
        items, weights = newest(history, kernel)
        places = self.place[items]
        known = places >= 0
        scores = np.zeros(len(self.place), np.float32)
        scores[self.columns] = weights[known] @ self.weights[places[known]]
        return scores

    def scores_many(self, histories: Sequence[History], kernel: Kernel) -> NDArray[np.float32]:
        return self.scores_of(weighted_rows(histories, kernel, item_count=len(self.place)))[0]

    def scores_of(self, bags: sp.csr_matrix) -> tuple[NDArray[np.float32], None]:
        return of_modelled(bags, self.columns, self.place, self.weights), None


@dataclass(frozen=True, eq=False)
class DualEase:
    """transposed: csr[items, users], X'. tastes: X' (XX' + rI)^-1, float32[items, users].

    diagonal: float32[items], the diagonal of P. regularisation: r.
    """

    transposed: sp.csr_matrix
    tastes: NDArray[np.float32]
    diagonal: Vector
    regularisation: float

    def scores(self, history: History, kernel: Kernel) -> Vector:
        only: Vector = self.scores_many([history], kernel)[0]
        return only

    def scores_many(self, histories: Sequence[History], kernel: Kernel) -> NDArray[np.float32]:
        return self.scores_of(weighted_rows(histories, kernel, item_count=len(self.diagonal)))[0]

    def scores_of(self, bags: sp.csr_matrix) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        similarity = bags @ self.tastes
        # P = (I - X' inner X) / r, so bag P = (bag - explained) / r.
        scores = products(self.transposed, similarity)
        scores *= self._share
        rows = np.repeat(np.arange(len(scores)), np.diff(bags.indptr))
        np.add.at(scores, (rows, bags.indices), bags.data * (1 - self._share[bags.indices]))
        return scores, similarity

    @cached_property
    def _share(self) -> Vector:
        share: Vector = np.float32(1) / (np.float32(self.regularisation) * self.diagonal)
        return share


def fit_ease(visits: Visits, user_count: int, item_count: int, regularisation: float) -> Ease:
    """Fit the cheaper form; a visit's weight is its value in X, the greatest where there are several."""
    matrix = user_item_matrix(visits, user_count, item_count)
    active = int((np.diff(matrix.tocsc().indptr) > 0).sum())
    if user_count <= min(DUAL_USERS, active) and user_count * item_count <= DUAL_CELLS:
        return fit_dual(matrix, regularisation)
    return fit_primal(matrix, regularisation, MOST_ITEMS)


def fit_dual(matrix: sp.csr_matrix, regularisation: float) -> DualEase:
    """matrix: float32 csr[users, items]."""
    gram = (matrix @ matrix.T).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularisation
    inner = inverse_of_positive_definite(gram).astype(np.float32)
    transposed = matrix.T.tocsr()
    tastes = transposed @ inner
    rows = np.repeat(np.arange(matrix.shape[1]), np.diff(transposed.indptr))
    explained = np.bincount(rows, transposed.data * tastes[rows, transposed.indices], minlength=matrix.shape[1])
    diagonal = ((1.0 - explained) / regularisation).astype(np.float32)
    return DualEase(transposed, tastes, diagonal, regularisation)


def fit_primal(matrix: sp.csr_matrix, regularisation: float, most_items: int) -> PrimalEase:
    """matrix: float32 csr[users, items]; only its `most_items` most visited columns are modelled."""
    columns = most_visited(np.bincount(matrix.indices, minlength=matrix.shape[1]), most_items)
    part = matrix[:, columns]
    gram = np.asarray((part.T @ part).toarray(), np.float32)
    gram[np.diag_indices_from(gram)] += np.float32(regularisation)
    return PrimalEase(columns, places_of(columns, matrix.shape[1]), without_self(inverse_of_positive_definite(gram)))


def without_self(inverse: NDArray[np.float32]) -> NDArray[np.float32]:
    """I - P diag(1 / diag P), in the memory of P; its diagonal is 0."""
    inverse /= -np.diag(inverse).copy()
    np.fill_diagonal(inverse, 0.0)
    return inverse


def user_item_matrix(visits: Visits, user_count: int, item_count: int) -> sp.csr_matrix:
    """float32 csr[users, items]: the greatest weight of the user's visits to the item."""
    keys = visits.users.astype(np.int64) * item_count + visits.items
    order = np.argsort(keys, kind="stable")
    firsts = np.flatnonzero(np.r_[True, np.diff(keys[order]) > 0]) if len(keys) else order
    values = np.maximum.reduceat(visits.weights[order], firsts) if len(keys) else visits.weights
    rows, columns = np.divmod(keys[order][firsts], max(1, item_count))
    return sp.csr_matrix((values.astype(np.float32), (rows, columns)), shape=(user_count, item_count))


def of_modelled(
    bags: sp.csr_matrix, columns: NDArray[np.int32], place: NDArray[np.int32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """float32[histories, items]: bags times `weights`, 0 for items outside; see PrimalEase for columns and place."""
    if len(columns) == len(place):
        whole: NDArray[np.float32] = bags @ weights
        return whole
    places = place[bags.indices]
    values = np.where(places >= 0, bags.data, np.float32(0))
    shape = bags.shape[0], len(columns)
    scores = np.zeros((len(bags.indptr) - 1, len(place)), np.float32)
    if len(columns):
        scores[:, columns] = sp.csr_matrix((values, np.maximum(places, 0), bags.indptr), shape=shape) @ weights
    return scores


def most_visited(counts: NDArray[np.int64], most: int) -> NDArray[np.int32]:
    """int32[at most `most`], ascending: the items with most visits, those without any left out."""
    order = np.argsort(-counts, kind="stable")[:most]
    return np.sort(order[counts[order] > 0]).astype(np.int32)


def places_of(columns: NDArray[np.int32], item_count: int) -> NDArray[np.int32]:
    """int32[items]: position in `columns`, -1 for items outside."""
    place = np.full(item_count, -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    return place


REGULARISATION = 100.0
REFERENCE_VISITS = 100_000
"""Data size of the regularisation, which grows with its fourth root."""


@dataclass(frozen=True, eq=False)
class EaseScorer(Scorer):
    """ease: of all interactions."""

    ease: Ease
    kernels: Kernels
    item_count: int

    @property
    def columns(self) -> tuple[Column, ...]:
        return Column("ease", True, 0.6), Column("ease on recent items", True, 0.2)

    def scores(self, histories: Sequence[History]) -> Table:
        whole = weighted_rows(histories, self.kernels.whole, item_count=self.item_count)
        whole.sum_duplicates()
        # Somebody who bought bread fifty times is not interested in fifty times as much of what goes with it.
        np.log1p(whole.data, out=whole.data)
        recent = weighted_rows(histories, self.kernels.recent, item_count=self.item_count)
        both, _ = self.ease.scores_of(sp.vstack((whole, recent), format="csr"))
        return np.ascontiguousarray(both).reshape(2, len(histories), self.item_count)


def fit_ease_scorer(visits: Visits, item_count: int, kernels: Kernels) -> EaseScorer:
    growth = float(max(1, len(visits)) / REFERENCE_VISITS) ** 0.25
    ease = fit_ease(visits, len(visits.lengths), item_count, REGULARISATION * growth)
    return EaseScorer(ease, kernels, item_count)
