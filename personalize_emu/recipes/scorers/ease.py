"""EASE (Steck 2019): the closed-form linear autoencoder of user histories.

B = I - P diag(1 / diag P) with P = (X'X + regularisation I)^-1 for the users x items matrix X; its diagonal is 0. Two
forms give the same scores: `PrimalEase` inverts in item space, `DualEase` in user space, for few users and many items.
The scorer has two columns: for the whole history, and for its newest items counting most.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.numerics.sparse_products import dense_products, products, sum_of_dense_rows
from personalize_emu.recipes.numerics.symmetric_inverse import inverse_of_positive_definite
from personalize_emu.recipes.scorers.base import Column, Kernels, Part, Scorer, Table
from personalize_emu.recipes.scorers.histories import Kernel, weighted_rows

DUAL_USERS = 1500
"""Up to so many users the dual form is used, unless there are even fewer items."""
DUAL_CELLS = 60_000_000
"""Users times items up to which the dual form fits in memory (240 MB)."""
MOST_ITEMS = 6000
"""The primal form is restricted to so many most popular items: 144 MB a matrix."""

Vector = NDArray[np.float32]


class Ease(ABC):
    """Either form. item_count: of the catalog."""

    @property
    @abstractmethod
    def item_count(self) -> int: ...

    def scores_many(self, histories: Sequence[History], kernel: Kernel) -> NDArray[np.float32]:
        """float32[histories, items]: each history, weighted by the kernel, times B."""
        return self.scores_of(weighted_rows(histories, kernel, item_count=self.item_count))

    @abstractmethod
    def scores_of(self, bags: sp.csr_matrix) -> NDArray[np.float32]:
        """The same of weighted histories, csr[histories, items]."""

    @abstractmethod
    def part_of(self, items: NDArray[np.int32], weights: Vector) -> Part:
        """The same of one history: distinct items with their weights."""

    @abstractmethod
    def of_groups(self, bags: sp.csr_matrix, groups: sp.csc_matrix) -> NDArray[np.float32]:
        """float32[histories, groups]: scores added up over groups of items, 0 or 1, csc[items, groups]."""


@dataclass(frozen=True, eq=False)
class PrimalEase(Ease):
    """columns: int32[m] the items modelled. place: int32[items], where in columns or -1. weights: B, [m, m]."""

    columns: NDArray[np.int32]
    place: NDArray[np.int32]
    weights: NDArray[np.float32]

    @property
    def item_count(self) -> int:
        return len(self.place)

    def scores_of(self, bags: sp.csr_matrix) -> NDArray[np.float32]:
        if len(self.columns) == len(self.place):
            return dense_products(bags, self.weights)
        scores = np.zeros((bags.shape[0], len(self.place)), np.float32)
        scores[:, self.columns] = dense_products(bags[:, self.columns], self.weights)
        return scores

    def part_of(self, items: NDArray[np.int32], weights: Vector) -> Part:
        if len(self.columns) == len(self.place):
            return Part(sum_of_dense_rows(self.weights, items, weights))
        rows = self.place[items]
        known = rows >= 0
        return Part(sum_of_dense_rows(self.weights, rows[known], weights[known]), self.columns)

    def of_groups(self, bags: sp.csr_matrix, groups: sp.csc_matrix) -> NDArray[np.float32]:
        weights = (groups.T.tocsr()[:, self.columns] @ self.weights.T).T
        scores: NDArray[np.float32] = bags[:, self.columns] @ np.ascontiguousarray(weights)
        return scores


@dataclass(frozen=True, eq=False)
class DualEase(Ease):
    """transposed: csr[items, users], X'. user_factors: X' (XX' + rI)^-1, float32[items, users].

    diagonal: float32[items], the diagonal of P. regularisation: r.
    """

    transposed: sp.csr_matrix
    user_factors: NDArray[np.float32]
    diagonal: Vector
    regularisation: float

    @property
    def item_count(self) -> int:
        return len(self.diagonal)

    def scores_of(self, bags: sp.csr_matrix) -> NDArray[np.float32]:
        # P = (I - X' inner X) / r, so bag P = (bag - explained) / r.
        scores = products(self.transposed, bags @ self.user_factors)
        scores *= self._share
        rows = np.repeat(np.arange(len(scores)), np.diff(bags.indptr))
        np.add.at(scores, (rows, bags.indices), bags.data * (1 - self._share[bags.indices]))
        return scores

    def part_of(self, items: NDArray[np.int32], weights: Vector) -> Part:
        scores = self.transposed @ sum_of_dense_rows(self.user_factors, items, weights)
        scores *= self._share
        scores[items] += weights * (1 - self._share[items])
        return Part(scores)

    def of_groups(self, bags: sp.csr_matrix, groups: sp.csc_matrix) -> NDArray[np.float32]:
        own = bags @ (sp.diags_array(1 - self._share) @ groups)
        through = self.transposed.T @ (sp.diags_array(self._share) @ groups)
        scores: NDArray[np.float32] = own.toarray() + (bags @ self.user_factors) @ through.toarray()
        return scores.astype(np.float32, copy=False)

    @cached_property
    def _share(self) -> Vector:
        share: Vector = np.float32(1) / (np.float32(self.regularisation) * self.diagonal)
        return share


def fit_ease(interactions: Interactions, user_count: int, item_count: int, regularisation: float) -> Ease:
    """Fit the cheaper form; a interaction's weight is its value in X, the greatest where there are several."""
    matrix = user_item_matrix(interactions, user_count, item_count)
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
    user_factors = transposed @ inner
    rows = np.repeat(np.arange(matrix.shape[1]), np.diff(transposed.indptr))
    explained = np.bincount(rows, transposed.data * user_factors[rows, transposed.indices], minlength=matrix.shape[1])
    diagonal = ((1.0 - explained) / regularisation).astype(np.float32)
    return DualEase(transposed, user_factors, diagonal, regularisation)


def fit_primal(matrix: sp.csr_matrix, regularisation: float, most_items: int) -> PrimalEase:
    """matrix: float32 csr[users, items]; only its `most_items` most known columns are modelled."""
    columns = most_popular(np.bincount(matrix.indices, minlength=matrix.shape[1]), most_items)
    part = matrix[:, columns]
    gram = np.asarray((part.T @ part).toarray(), np.float32)
    gram[np.diag_indices_from(gram)] += np.float32(regularisation)
    return PrimalEase(columns, places_of(columns, matrix.shape[1]), without_self(inverse_of_positive_definite(gram)))


def without_self(inverse: NDArray[np.float32]) -> NDArray[np.float32]:
    """I - P diag(1 / diag P), in the memory of P; its diagonal is 0."""
    inverse /= -np.diag(inverse).copy()
    np.fill_diagonal(inverse, 0.0)
    return inverse


def user_item_matrix(interactions: Interactions, user_count: int, item_count: int) -> sp.csr_matrix:
    """float32 csr[users, items]: the greatest weight of the user's interactions to the item."""
    keys = interactions.users.astype(np.int64) * item_count + interactions.items
    order = np.argsort(keys, kind="stable")
    firsts = np.flatnonzero(np.r_[True, np.diff(keys[order]) > 0]) if len(keys) else order
    values = np.maximum.reduceat(interactions.weights[order], firsts) if len(keys) else interactions.weights
    rows, columns = np.divmod(keys[order][firsts], max(1, item_count))
    return sp.csr_matrix((values.astype(np.float32), (rows, columns)), shape=(user_count, item_count))


def most_popular(counts: NDArray[np.int64], most: int) -> NDArray[np.int32]:
    """int32[at most `most`], ascending: the items with most interactions, those without any left out."""
    order = np.argsort(-counts, kind="stable")[:most]
    return np.sort(order[counts[order] > 0]).astype(np.int32)


def places_of(columns: NDArray[np.int32], item_count: int) -> NDArray[np.int32]:
    """int32[items]: position in `columns`, -1 for items outside."""
    place = np.full(item_count, -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    return place


REGULARISATION = 100.0
REFERENCE_INTERACTIONS = 100_000
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

    def part(self, column: int, history: History) -> Part:
        if column == 1:
            return self.ease.part_of(*_distinct(*self.kernels.recent.bag(history)))
        items, weights = _distinct(*self.kernels.whole.bag(history))
        return self.ease.part_of(items, np.log1p(weights))

    def scores(self, histories: Sequence[History]) -> Table:
        bags = weighted_rows(histories, self.kernels.whole, self.kernels.recent, item_count=self.item_count)
        bags.sum_duplicates()
        # A user who bought bread fifty times is not interested in fifty times as much of what goes with it.
        whole = bags.data[: bags.indptr[len(histories)]]
        np.log1p(whole, out=whole)
        both = self.ease.scores_of(bags)
        return np.ascontiguousarray(both).reshape(2, len(histories), self.item_count)


def _distinct(items: NDArray[np.int32], weights: Vector) -> tuple[NDArray[np.int32], Vector]:
    """The weights of each item added up; items ascending."""
    order = np.argsort(items, kind="stable")
    ordered = items[order]
    first = np.ones(len(items), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    if len(starts) == len(items):
        return ordered, weights[order]
    return ordered[starts], np.add.reduceat(weights[order], starts)


def fit_ease_scorer(interactions: Interactions, item_count: int, kernels: Kernels) -> EaseScorer:
    ease = fit_ease(interactions, len(interactions.lengths), item_count, scaled(REGULARISATION, interactions))
    return EaseScorer(ease, kernels, item_count)


def scaled(regularisation: float, interactions: Interactions) -> float:
    """Stated for REFERENCE_INTERACTIONS, it grows with the fourth root of the data."""
    return float(regularisation * (max(1, len(interactions)) / REFERENCE_INTERACTIONS) ** 0.25)
