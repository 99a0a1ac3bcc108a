"""The leading singular vectors of a sparse matrix, by ARPACK."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.lazy_imports import sparse_linalg

TOLERANCE = 0.05
"""Of the iteration: enough for directions that only similarities are made of."""
LEAST_SHARE = 1e-4
"""Of the greatest singular value; what is smaller is rounding error."""


def truncated_svd(
    matrix: sp.csr_matrix, rank: int, seed: int, *, symmetric: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Singular values, float32[k], greatest first, and right singular vectors, float32[columns, k], k at most `rank`.

    seed: of the vector to start from, and of new ones that ARPACK takes in invariant subspaces. symmetric: the
    matrix is, and only positive eigenvalues are wanted; half the work. The largest part of each vector is positive.
    """
    smaller = min(matrix.shape)
    if not matrix.nnz or rank < 1:
        return np.zeros(0, np.float32), np.zeros((matrix.shape[1], 0), np.float32)
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(smaller).astype(np.float32)
    if rank + 1 >= smaller:
        _, values, rows = np.linalg.svd(matrix.toarray(), full_matrices=False)
    elif symmetric:
        values, columns = sparse_linalg.eigsh(matrix, rank, which="LA", v0=start, tol=TOLERANCE, rng=rng)
        rows = columns.T
    else:
        wanted = {"rng": rng, "return_singular_vectors": "vh"}
        _, values, rows = sparse_linalg.svds(matrix, rank, v0=start, tol=TOLERANCE, **wanted)
    order = np.argsort(-values, kind="stable")[:rank]
    order = order[values[order] > LEAST_SHARE * values.max()]
    vectors = rows[order].T
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(order))])
    return values[order].astype(np.float32), np.ascontiguousarray(vectors * signs, np.float32)
