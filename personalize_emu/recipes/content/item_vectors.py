"""Items as vectors of their metadata: one-hot categories weighted by rarity, binned numbers, and embedded texts.

The vectoriser is fitted to the items of one training and vectorises any items with the same columns. Every column is
a block of length 1 (or 0 where nothing is known), so that the inner product of two items adds up cosines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.content.text_embedding import TextEmbedding, fit_text_embedding, term_counts, unit_rows
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.numerics.sparse_products import products, sum_of_dense_rows, sum_of_rows

MOST_COLUMNS = 6
"""Of categories, and of numbers, that are used; those known of most items come first."""
KNOTS = 30
NUMBER_WEIGHT = np.float32(0.5)
"""Of a number, where a column of categories weighs 1."""
SEED = 13

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ItemVectors:
    """sparse: float32 csr[items, columns], categories and numbers. dense: float32[items, dimensions], texts."""

    sparse: sp.csr_matrix
    dense: Vector

    @property
    def described(self) -> NDArray[np.bool_]:
        """bool[items]: whether anything is known of an item."""
        known: NDArray[np.bool_] = (np.diff(self.sparse.indptr) > 0) | self.dense.any(axis=1)
        return known

    def scores_of(self, bags: sp.csr_matrix) -> Vector:
        """float32[histories, items]: similarity of each item to a weighted history, csr[histories, items]."""
        scores = products(self.sparse, np.asarray((bags @ self.sparse).todense(), np.float32))
        if self.dense.shape[1]:
            scores += (bags @ self.dense) @ self.dense.T
        return scores

    def scores_of_bag(self, items: NDArray[np.int32], weights: Vector) -> Vector:
        """float32[items]: the same of one history, its items with their weights."""
        scores: Vector = self.sparse @ sum_of_rows(self.sparse, items, weights)
        if self.dense.shape[1]:
            scores += self.dense @ sum_of_dense_rows(self.dense, items, weights)
        return scores

    def similarity(self, item: int) -> Vector:
        """float32[items]: of one item and all."""
        return self.scores_of_bag(np.array([item], np.int32), np.ones(1, np.float32))


@dataclass(frozen=True, eq=False)
class ItemVectoriser:
    """categories: name, values and idf float32[values] of each column. numbers: name and knots, float64, ascending."""

    categories: tuple[tuple[str, tuple[str, ...], Vector], ...]
    numbers: tuple[tuple[str, NDArray[np.float64]], ...]
    text: TextEmbedding | None

    def vectors(self, features: Features) -> ItemVectors:
        """Of any items; columns and values that were not there in training are ignored."""
        known = {column.name: column for column in features.categories}
        values = {column.name: column.values for column in features.numbers}
        blocks = [sp.csr_matrix((features.count, 0), dtype=np.float32)]
        for name, kept, idf in self.categories:
            if name in known:
                blocks.append(unit_rows(known[name].of_values(kept).multiply(idf).tocsr()))
            else:
                blocks.append(sp.csr_matrix((features.count, len(kept)), dtype=np.float32))
        for name, knots in self.numbers:
            block = hat_functions(values.get(name, np.full(features.count, np.nan)), knots)
            blocks.append(NUMBER_WEIGHT * unit_rows(block))
        dense = np.zeros((features.count, 0), np.float32)
        if self.text is not None:
            dense = self.text.vectors(self.text.terms(term_counts(joined_texts(features))))
        return ItemVectors(sp.hstack(blocks, format="csr", dtype=np.float32), dense)


def fit_item_vectoriser(features: Features | None) -> ItemVectoriser | None:
    """None where no column tells items apart."""
    if not features:
        return None
    by_entries = sorted(features.categories, key=lambda column: -column.members.nnz)
    categories = []
    for column in by_entries[:MOST_COLUMNS]:
        counts = np.bincount(column.members.indices, minlength=len(column.values))
        # A value of one item only, such as its name, makes it similar to none; one of all items, to each.
        kept = np.flatnonzero((counts > 1) & (counts < features.count))
        if len(kept):
            idf = np.log((features.count + 1) / (counts[kept] + 0.5)).astype(np.float32)
            categories.append((column.name, tuple(column.values[value] for value in kept), idf))
    numbers = []
    for number in features.numbers:
        known = number.values[np.isfinite(number.values)]
        if len(known) and known.min() < known.max():
            numbers.append((number.name, np.unique(np.quantile(known, np.linspace(0.0, 1.0, KNOTS)))))
    text = fit_text_embedding(term_counts(joined_texts(features)), SEED) if features.texts else None
    if text is not None and not text.directions.shape[1]:
        text = None
    if not categories and not numbers and text is None:
        return None
    return ItemVectoriser(tuple(categories), tuple(numbers[:MOST_COLUMNS]), text)


def vectors_of(features: Features | None) -> ItemVectors | None:
    """Of the items that the vectoriser is fitted to; None where no column tells items apart."""
    vectoriser = fit_item_vectoriser(features)
    return None if vectoriser is None or features is None else vectoriser.vectors(features)


def joined_texts(features: Features) -> list[str]:
    """All text columns of each row together."""
    if not features.texts:
        return [""] * features.count
    return [" ".join(parts) for parts in zip(*(column.texts for column in features.texts), strict=True)]


def hat_functions(values: NDArray[np.float64], knots: NDArray[np.float64]) -> sp.csr_matrix:
    """float32 csr[values, knots]: a linear B-spline basis: weights of the two knots about each value, none for NaN."""
    rows = np.flatnonzero(np.isfinite(values))
    known = np.clip(values[rows], knots[0], knots[-1])
    left = np.clip(np.searchsorted(knots, known, side="right") - 1, 0, len(knots) - 2)
    share = (known - knots[left]) / (knots[left + 1] - knots[left])
    cells = (np.r_[1 - share, share].astype(np.float32), (np.r_[rows, rows], np.r_[left, left + 1]))
    matrix = sp.csr_matrix(cells, shape=(len(values), len(knots)))
    matrix.eliminate_zeros()
    return matrix
