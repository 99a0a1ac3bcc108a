"""Items as points in a few dimensions: items that are near each other in histories lie near each other.

The co-visits of rare items say little by themselves; in few dimensions they borrow from those of their like. Truncated
singular value decomposition of the positive pointwise mutual information of near pairs of visits (Levy and Goldberg
2014; the same that the recurrent network starts from).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.models.recurrent.start import leading_directions, positive_information
from personalize_emu.recipes.visits import Visits

DIMENSIONS = 48
MOST_NUMBERS = 12_000_000
"""Fewer dimensions in large catalogs: a request multiplies every item's vector."""
FEWEST_DIMENSIONS = 16
SEED = 11

Table = NDArray[np.float32]


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
        scores: Table = self.vectors @ self.vectors[item]
        lengths = np.linalg.norm(self.vectors, axis=1)
        scores /= np.maximum(lengths * lengths[item], np.float32(1e-6))
        return scores


def fit_latent_items(visits: Visits, item_count: int) -> LatentItems:
    """The same for the same visits: chance decides only from where the directions are sought."""
    information = positive_information(visits, visits.items.astype(np.int64), item_count)
    if not information.nnz:
        return LatentItems(np.zeros((item_count, 1), np.float32))
    width = int(np.clip(MOST_NUMBERS // max(1, item_count), FEWEST_DIMENSIONS, DIMENSIONS))
    vectors = leading_directions(information, min(width, item_count), np.random.default_rng(SEED))
    return LatentItems(np.ascontiguousarray(vectors))
