"""Which items are most alike by what is known of them.

Categories meet by cosine, rare ones counting more; so do the most telling terms of texts; distance in a number, as a
share of the items that lie between, takes away from what the categories say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.content.text_embedding import unit_rows
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.numerics.sparse_sums import sum_of_rows

NEIGHBOURS = 100
POWER = 2.0
"""Of the similarity, as weight of a neighbour."""
RANK_DECAY = 4.0
UNKNOWN = np.float32(3.0)
"""In place of a rank: as far from every rank as can be, and from other unknown numbers not at all."""
TEXT_WEIGHT = 0.5
TELLING_TERMS = 24
"""Terms of a text that count, the heaviest: bounds the work of comparing long texts."""
BLOCK = 512
MOST_CANDIDATES = 20_000
FEWEST_CANDIDATES, MOST_COMPARED = 1000, 2**31
"""Where many items ask, each is compared with fewer candidates, so that all take a minute and not an hour."""
FEWEST_NEIGHBOURS, MOST_STORED = 10, 12_000_000
"""And keeps fewer neighbours: 100 MB of all together."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Likeness:
    """What items are compared by. categories, terms: csr, rows of length 1. ranks: float32[items, numbers] from 0
    to 1, UNKNOWN where nothing is known.
    """

    categories: sp.csr_matrix
    terms: sp.csr_matrix
    ranks: Vector

    def describes(self) -> NDArray[np.bool_]:
        """bool[items]: whether anything is known of an item."""
        in_words = (np.diff(self.categories.indptr) > 0) | (np.diff(self.terms.indptr) > 0)
        known: NDArray[np.bool_] = in_words | (self.ranks != UNKNOWN).any(axis=1)
        return known

    def between(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> Vector:
        """float32[rows, others], 0 for nothing in common."""
        likeness: Vector = (self.categories[rows] @ self.categories[others].T).toarray()
        if self.ranks.shape[1]:
            if not self.categories.nnz:
                likeness[:] = 1.0
            likeness *= self._closeness(rows, others)
        if self.terms.nnz:
            likeness += np.float32(TEXT_WEIGHT) * (self.terms[rows] @ self.terms[others].T).toarray()
        return likeness

    def to_all(self, item: int) -> Vector:
        """float32[items]: `between` of one and all."""
        likeness = _products(self.categories, self._by_category, item)
        if self.ranks.shape[1]:
            if not self.categories.nnz:
                likeness[:] = 1.0
            likeness *= self._closeness(np.array([item]), slice(None))[0]
        if self.terms.nnz:
            likeness += np.float32(TEXT_WEIGHT) * _products(self.terms, self._by_term, item)
        return likeness

    @cached_property
    def _by_category(self) -> sp.csr_matrix:
        return self.categories.T.tocsr()

    @cached_property
    def _by_term(self) -> sp.csr_matrix:
        return self.terms.T.tocsr()

    def _closeness(self, rows: NDArray[np.int64], others: NDArray[np.int64] | slice) -> Vector:
        """From the mean distance over the numbers."""
        total = np.zeros((len(rows), len(self.ranks[others])), np.float32)
        for ranks in self.ranks.T:
            apart = ranks[rows][:, None] - ranks[others][None, :]
            np.abs(apart, out=apart)
            np.minimum(apart, np.float32(1), out=apart)
            total += apart
        total *= np.float32(-RANK_DECAY / self.ranks.shape[1])
        closeness: Vector = np.exp(total, out=total)
        return closeness


def _products(matrix: sp.csr_matrix, transposed: sp.csr_matrix, row: int) -> Vector:
    """float32[rows]: of one row and all of a matrix."""
    part = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return sum_of_rows(transposed, matrix.indices[part], matrix.data[part])


def likeness_of(features: Features, terms: sp.csr_matrix | None) -> Likeness:
    """terms: `TextEmbedding.terms` of the text columns, None where there are none."""
    blocks = [column.members @ sp.diags(rarity_of(column.members)) for column in features.categories]
    nothing = sp.csr_matrix((features.count, 1), dtype=np.float32)
    categories = unit_rows(sp.hstack(blocks, format="csr", dtype=np.float32)) if blocks else nothing
    terms = nothing if terms is None else unit_rows(heaviest(terms))
    ranks = [ranks_of(column.values) for column in features.numbers]
    empty = np.zeros((features.count, 0), np.float32)
    return Likeness(categories, terms, np.stack(ranks, axis=1) if ranks else empty)


def content_neighbours(
    likeness: Likeness, rows: NDArray[np.int64], candidates: NDArray[np.int64], nearest: int = NEIGHBOURS
) -> sp.csr_matrix:
    """float32 csr[rows, candidates]: weights of the nearest candidates of each row, which add up to 1.

    No item is its own neighbour. Rows of items that have nothing in common with any candidate are empty.
    """
    shape = (len(rows), len(candidates))
    # Spread over all candidates, should there be too many to compare.
    most = min(MOST_CANDIDATES, max(FEWEST_CANDIDATES, MOST_COMPARED // max(1, len(rows))))
    places_asked = np.arange(len(candidates))[:: -(-len(candidates) // most) or 1]
    candidates = candidates[places_asked]
    nearest = min(nearest, max(FEWEST_NEIGHBOURS, MOST_STORED // max(1, len(rows))), len(candidates))
    owners, places, weights = [], [], []
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        likeness_here = likeness.between(block, candidates)
        likeness_here[block[:, None] == candidates[None, :]] = 0
        chosen = np.argpartition(-likeness_here, nearest - 1, axis=1)[:, :nearest]
        weight = np.maximum(np.take_along_axis(likeness_here, chosen, axis=1), 0) ** np.float32(POWER)
        total = weight.sum(axis=1, keepdims=True)
        weights.append((weight / np.where(total > 0, total, 1)).ravel())
        places.append(places_asked[chosen].ravel())
        owners.append(np.repeat(np.arange(start, start + len(block)), nearest))
    if not owners or not nearest:
        return sp.csr_matrix(shape, dtype=np.float32)
    cells = (np.concatenate(weights), (np.concatenate(owners), np.concatenate(places)))
    matrix = sp.csr_matrix(cells, shape=shape, dtype=np.float32)
    matrix.eliminate_zeros()
    return matrix


def rarity_of(members: sp.csr_matrix) -> Vector:
    counts = np.asarray(members.sum(axis=0), np.float32).ravel()
    rarity: Vector = np.log((members.shape[0] + 1) / (counts + np.float32(0.5)))
    return np.maximum(rarity, 0)


def ranks_of(values: NDArray[np.float64]) -> Vector:
    """The share of the items with a smaller value, equal ones in between."""
    known = np.sort(values[np.isfinite(values)])
    twice = np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")
    ranks: Vector = np.where(np.isfinite(values), twice / (2 * max(1, len(known))), UNKNOWN).astype(np.float32)
    return ranks


def heaviest(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """The heaviest terms of each row."""
    matrix = matrix.tocsr()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    place = np.arange(len(order)) - matrix.indptr[rows[order]]
    kept = order[place < TELLING_TERMS]
    return sp.csr_matrix((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)
