"""Item embeddings to start from: items that are near each other in histories lie near each other.

The truncated singular value decomposition of the positive pointwise mutual information of pairs of visits up to
REACH apart, near pairs counting more. A network that starts here is, after two rounds, where one that starts from
noise is after ten.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.models.transitions import lagged_pairs
from personalize_emu.recipes.visits import Visits

REACH = 10
SPREAD = 0.08
"""Standard deviation of the embeddings."""
SPARE = 16
"""Directions more than wanted, while the leading ones are sought."""
ROUNDS = 4
MOST_PAIRS = 20_000_000


def start_embeddings(
    visits: Visits, places: NDArray[np.int64], size: int, width: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """float32[size, width]. places: int64[visits], the number of each visit's item below `size`, or -1."""
    information = positive_information(visits, places, size)
    leading = leading_directions(information, min(width, size), rng)
    embeddings = rng.standard_normal((size, width)).astype(np.float32)
    embeddings[:, : leading.shape[1]] = leading
    spread = float(leading.std())
    embeddings[:, : leading.shape[1]] *= 1 / spread if spread > 0 else 0
    embeddings += np.float32(0.1) * rng.standard_normal((size, width)).astype(np.float32)
    embeddings *= np.float32(SPREAD)
    return embeddings


def positive_information(visits: Visits, places: NDArray[np.int64], size: int) -> sp.csr_matrix:
    """float32 csr[size, size], symmetric: log of how much likelier a pair is than by chance, where it is likelier."""
    rows, columns, values = [], [], []
    reach = max(1, min(REACH, MOST_PAIRS // max(1, len(visits))))
    for distance, earlier, later in lagged_pairs(visits, reach):
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


def leading_directions(matrix: sp.csr_matrix, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32[n, width]: leading left singular vectors of a symmetric matrix times the roots of their values."""
    size = matrix.shape[0]
    basis = rng.standard_normal((size, min(size, width + SPARE))).astype(np.float32)
    for _ in range(ROUNDS):
        basis, _ = np.linalg.qr(matrix @ basis)
    left, values, _ = np.linalg.svd((matrix @ basis).T @ basis)
    directions: NDArray[np.float32] = (basis @ left)[:, :width] * np.sqrt(values[:width])
    return directions.astype(np.float32)
