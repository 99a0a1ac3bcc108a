"""EASE: the closed-form linear model of which items the same users visit.

B = I - P diag(1 / diag P) with P = (X'X + regularisation I)^-1 for the users x items matrix X; an item never
speaks for itself. Two forms give the same scores: `PrimalEase` inverts in item space, `DualEase` in user
space, for few users and many items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.base import History
from personalize_emu.recipes.models.dense import inverse_of_positive_definite
from personalize_emu.recipes.models.histories import Kernel, newest, weighted_rows
from personalize_emu.recipes.visits import Visits

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
        bags = weighted_rows(histories, kernel, len(self.place))
        scores = np.zeros((len(histories), len(self.place)), np.float32)
        scores[:, self.columns] = bags[:, self.columns] @ self.weights
        return scores


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
        items, weights = newest(history, kernel)
        similarity = weights @ self.tastes[items]
        bag = np.bincount(items, weights, minlength=len(self.diagonal)).astype(np.float32)
        return self._from(bag, self.transposed @ similarity)

    def scores_many(self, histories: Sequence[History], kernel: Kernel) -> NDArray[np.float32]:
        bags = weighted_rows(histories, kernel, len(self.diagonal))
        similarity = bags @ self.tastes
        return self._from(bags.toarray(), (self.transposed @ similarity.T).T)

    def _from(self, bag: NDArray[np.float32], explained: NDArray[np.float32]) -> NDArray[np.float32]:
        # P = (I - X' inner X) / r, so bag P = (bag - explained) / r.
        scores: NDArray[np.float32] = bag - (bag - explained) / (self.regularisation * self.diagonal)
        return scores.astype(np.float32, copy=False)


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


def most_visited(counts: NDArray[np.int64], most: int) -> NDArray[np.int32]:
    """int32[at most `most`], ascending: the items with most visits, those without any left out."""
    order = np.argsort(-counts, kind="stable")[:most]
    return np.sort(order[counts[order] > 0]).astype(np.int32)


def places_of(columns: NDArray[np.int32], item_count: int) -> NDArray[np.int32]:
    """int32[items]: position in `columns`, -1 for items outside."""
    place = np.full(item_count, -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    return place
