"""Scores of items without interactions, from their metadata: ridge regression of a model's scores on item vectors.

For each user, the scores of the items with interactions are regressed on the vectors of these items; the coefficients
predict scores of other items (in the manner of a content-based linear model for cold start).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.content.item_vectors import ItemVectoriser, ItemVectors, fit_item_vectoriser
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.numerics.sparse_products import products
from personalize_emu.recipes.numerics.symmetric_inverse import inverse_of_positive_definite

STRENGTH = 10.0
"""Of the ridge."""
MOST_COLUMNS = 500
"""Categories and knots of the regression: those of most items."""
CROSSED = 48
"""Of these, the most common ones, every two of which have a column for their product."""
FEWEST_ITEMS = 20
"""With interactions and metadata, to learn from."""
RARE_SHARE = 0.1

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Predicted:
    """levels: float32[rows], the score of an item whose metadata predict the mean: lower than the mean by as much as
    the rarest trained items score below their prediction. estimates: float32[rows, n], beside that.
    """

    levels: Vector
    estimates: Vector


@dataclass(frozen=True, eq=False)
class ContentRegression:
    """trained: int64[t], described items with interactions; design: float32 csr[t, d] of these. rare: int64[r], places
    in `trained` of the tenth with fewest interactions. new: int64[c], described items without interactions;
    new_design: csr[c, d]. columns: int64[s], those of the sparse vectors that are used, most common first. inverse:
    float32[d, d], of the normal equations.
    """

    vectoriser: ItemVectoriser
    columns: NDArray[np.int64]
    trained: NDArray[np.int64]
    design: sp.csr_matrix
    rare: NDArray[np.int64]
    new: NDArray[np.int64]
    new_design: sp.csr_matrix
    inverse: Vector

    def of_new(self, scores: Vector) -> Predicted:
        """Of the new items, in the units of `scores`, float32[rows, items]."""
        known = scores[:, self.trained]
        if len(known) > 1 or len(self.new) > len(self.inverse):
            return self._predicted(known, self.new_design)
        # For one user the product with the inverse would take longer than everything else.
        found: Vector = products(self._transposed, known) @ self._solutions
        return self._beside_level(known, found[:, 0], found[:, 1], found[:, 2:])

    def of_others(self, scores: Vector, features: Features) -> Predicted:
        """The same of items outside the catalog."""
        return self._predicted(scores[:, self.trained], self._others(features)[0])

    def describes(self, features: Features) -> NDArray[np.bool_]:
        """bool[features.count]: whether anything is known of each item that was known of others."""
        return self._others(features)[1]

    def _others(self, features: Features) -> tuple[sp.csr_matrix, NDArray[np.bool_]]:
        vectors = _vectors(self.vectoriser, features)
        return design_of(vectors, self.columns), vectors.described

    def _predicted(self, known: Vector, design: sp.csr_matrix) -> Predicted:
        slopes: Vector = products(self._transposed, known) @ self.inverse
        estimates: Vector = products(design, slopes)
        return self._beside_level(known, slopes @ self._mean_design, slopes @ self._rare_design, estimates)

    def _beside_level(self, known: Vector, centre: Vector, rare: Vector, estimates: Vector) -> Predicted:
        """centre, rare: float32[rows], the estimates of all trained items and of the rarest, on average."""
        mean = known.mean(axis=1)
        missed = known[:, self.rare].mean(axis=1) - mean - (rare - centre)
        beside = np.ascontiguousarray(estimates - centre[:, None], np.float32)
        return Predicted(mean + np.minimum(missed, np.float32(0)), beside)

    @cached_property
    def _transposed(self) -> sp.csr_matrix:
        return self.design.T.tocsr()

    @cached_property
    def _solutions(self) -> Vector:
        """float32[d, 2 + c]: the inverse times the mean design, that of the rarest, and those of the new items."""
        designs = np.vstack((self._mean_design, self._rare_design, self.new_design.toarray()))
        solutions: Vector = np.ascontiguousarray((designs @ self.inverse).T, np.float32)
        return solutions

    @cached_property
    def _mean_design(self) -> Vector:
        return np.asarray(self.design.mean(axis=0), np.float32).ravel()

    @cached_property
    def _rare_design(self) -> Vector:
        return np.asarray(self.design[self.rare].mean(axis=0), np.float32).ravel()


@lru_cache(maxsize=64)
def _vectors(vectoriser: ItemVectoriser, features: Features) -> ItemVectors:
    """Remembered, as the same few items are asked for again and again."""
    return vectoriser.vectors(features)


def design_of(vectors: ItemVectors, columns: NDArray[np.int64]) -> sp.csr_matrix:
    """float32 csr[items, d]: an intercept, some columns of the sparse vectors, the products of all pairs of the first
    of these (a comedy of the forties is not a comedy plus a film of the forties), and the dense vectors.
    """
    intercept = sp.csr_matrix(np.ones((vectors.sparse.shape[0], 1), np.float32))
    chosen = vectors.sparse[:, columns].tocsc()
    first, second = np.triu_indices(min(CROSSED, len(columns)), 1)
    blocks = [intercept, chosen, chosen[:, first].multiply(chosen[:, second]), sp.csr_matrix(vectors.dense)]
    return sp.hstack(blocks, format="csr", dtype=np.float32)


def fit_content_regression(features: Features | None, interactions: NDArray[np.int64]) -> ContentRegression | None:
    """None where there are too few items to learn from.

    features: along the catalog. interactions: int64[items], how many each item has.
    """
    vectoriser = fit_item_vectoriser(features)
    if features is None or vectoriser is None:
        return None
    vectors = vectoriser.vectors(features)
    trained = np.flatnonzero(vectors.described & (interactions > 0))
    new = np.flatnonzero(vectors.described & (interactions == 0))
    if len(trained) < FEWEST_ITEMS:
        return None
    counts = np.bincount(vectors.sparse.indices, minlength=vectors.sparse.shape[1])
    columns = np.argsort(-counts, kind="stable")[:MOST_COLUMNS]
    design = design_of(vectors, columns)
    known = design[trained]
    gram = (known.T @ known).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += STRENGTH
    return ContentRegression(
        vectoriser,
        columns,
        trained,
        known,
        np.argsort(interactions[trained], kind="stable")[: max(1, int(RARE_SHARE * len(trained)))],
        new,
        design[new],
        inverse_of_positive_definite(gram).astype(np.float32),
    )
