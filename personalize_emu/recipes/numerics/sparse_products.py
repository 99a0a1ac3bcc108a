"""Products of sparse matrices with several dense vectors."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

FEW = 6
"""Fewer vectors than these are multiplied one by one: the routine for many is slow with them."""

Table = NDArray[np.float32]


def products(matrix: sp.csr_matrix, vectors: Table) -> Table:
    """float32[vectors, rows]: the matrix times each of float32[vectors, columns]."""
    if len(vectors) < FEW:
        few = np.empty((len(vectors), matrix.shape[0]), np.float32)
        for total, vector in zip(few, vectors, strict=True):
            total[:] = matrix @ vector
        return few
    many: Table = (matrix @ vectors.T).T
    return many
