"""Latent factors: truncated SVD of the positive pointwise mutual information of near pairs of interactions.

Items that are near each other in histories get similar vectors (Levy and Goldberg 2014). Rare items, whose own
co-occurrences are few, borrow from similar ones. The GRU starts from the same vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.numerics.sparse_products import sum_of_dense_rows
from personalize_emu.recipes.numerics.truncated_svd import truncated_svd
from personalize_emu.recipes.scorers.base import Column, Kernels, Part, Scorer, Table
from personalize_emu.recipes.scorers.histories import weighted_rows
from personalize_emu.recipes.scorers.transitions import lagged_pairs

REACH = 10
SPREAD = 0.08
"""Standard deviation of the embeddings."""
MOST_PAIRS = 20_000_000


def start_embeddings(
    interactions: Interactions, places: NDArray[np.int64], size: int, width: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """float32[size, width]. places: int64[interactions], the number of each interaction's item below `size`, or -1."""
    leading = latent_factors(interactions, places, size, width, int(rng.integers(2**32)), power=0.5)
    embeddings = rng.standard_normal((size, width)).astype(np.float32)
    spread = float(leading.std()) if leading.size else 0.0
    embeddings[:, : leading.shape[1]] = leading / spread if spread > 0 else 0
    embeddings += np.float32(0.1) * rng.standard_normal((size, width)).astype(np.float32)
    embeddings *= np.float32(SPREAD)
    return embeddings


def positive_information(interactions: Interactions, places: NDArray[np.int64], size: int) -> sp.csr_matrix:
    """float32 csr[size, size], symmetric: log of how much likelier a pair is than by chance, where it is likelier."""
    rows, columns, values = [], [], []
    reach = max(1, min(REACH, MOST_PAIRS // max(1, len(interactions))))
    for distance, earlier, later in lagged_pairs(interactions, reach):
        first, second = places[earlier], places[later]
        known = (first >= 0) & (second >= 0) & (first != second)
        rows.append(first[known])
        columns.append(second[known])
        values.append(np.full(int(known.sum()), 1 / distance, np.float32))
    if not rows:
        return sp.csr_matrix((size, size), dtype=np.float32)
    triples = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    counts = sp.coo_matrix(triples, shape=(size, size)).tocsr()
    counts = (counts + counts.T).tocsr()
    totals = np.asarray(counts.sum(axis=1)).ravel()
    totals[totals == 0] = 1
    counts.data *= np.float32(totals.sum())
    counts.data /= np.repeat(totals, np.diff(counts.indptr)).astype(np.float32)
    counts.data /= totals[counts.indices].astype(np.float32)
    counts.data = np.log(np.maximum(counts.data, 1)).astype(np.float32)
    counts.eliminate_zeros()
    return counts


def latent_factors(
    interactions: Interactions, places: NDArray[np.int64], size: int, rank: int, seed: int, power: float = 1.0
) -> NDArray[np.float32]:
    """float32[size, at most rank]: soft-thresholded truncated SVD of the positive information.

    Values are reduced by the first one left out (Mazumder, Hastie and Tibshirani 2010): without it, the last
    directions, which are mostly noise, count as much as the others. power: of the values.
    """
    values, vectors = truncated_svd(positive_information(interactions, places, size), rank + 1, seed, symmetric=True)
    threshold = values[rank] if len(values) > rank else np.float32(0)
    return (vectors[:, :rank] * (values[:rank] - threshold) ** power).astype(np.float32)


DIMENSIONS = 32
MOST_NUMBERS = 12_000_000
"""Fewer dimensions in large catalogs: a request multiplies every item's vector."""
FEWEST_DIMENSIONS = 16
SEED = 11




@dataclass(frozen=True, eq=False)
class LatentItems:
    """vectors: float32[items, dimensions], 0 for items that were never next to another."""

    vectors: Table

    def scores_of(self, bags: sp.csr_matrix) -> Table:
        """float32[histories, items]: of each item and the sum of a weighted history, csr[histories, items]."""
        scores: Table = (bags @ self.vectors) @ self.vectors.T
        return scores

    def of_item(self, item: int) -> Table:
        """float32[items]: cosine of one item and all."""
        scores: Table = self._unit_vectors @ self._unit_vectors[item]
        return scores

    @cached_property
    def _unit_vectors(self) -> Table:
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        units: Table = self.vectors / np.maximum(lengths, np.float32(1e-6))
        return units


def fit_latent_items(interactions: Interactions, item_count: int) -> LatentItems:
    """The same for the same interactions: chance decides only where ARPACK starts."""
    width = int(np.clip(MOST_NUMBERS // max(1, item_count), FEWEST_DIMENSIONS, DIMENSIONS))
    return LatentItems(latent_factors(interactions, interactions.items.astype(np.int64), item_count, width, SEED))


@dataclass(frozen=True, eq=False)
class LatentScorer(Scorer):
    """items: a vector each."""

    items: LatentItems
    kernels: Kernels

    @property
    def columns(self) -> tuple[Column, ...]:
        # Inner products, so no logarithm is taken; negative weights are possible and hardly ever learned.
        return (Column("latent", False, 0.0),)

    def part(self, column: int, history: History) -> Part:
        del column
        items, weights = self.kernels.last.bag(history)
        return Part(self.items.vectors @ (sum_of_dense_rows(self.items.vectors, items, weights)))

    def scores(self, histories: Sequence[History]) -> Table:
        bags = weighted_rows(histories, self.kernels.last, item_count=len(self.items.vectors))
        return self.items.scores_of(bags)[None]


def fit_latent_scorer(interactions: Interactions, item_count: int, kernels: Kernels) -> LatentScorer:
    return LatentScorer(fit_latent_items(interactions, item_count), kernels)
