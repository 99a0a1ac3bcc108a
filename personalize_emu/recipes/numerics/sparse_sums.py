"""Weighted sums of rows of sparse matrices into dense vectors, without making further matrices of them.

One request needs dozens of such sums, each so small that to make a sparse matrix costs more than to add it up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse import _sparsetools

FEW = 6
"""Fewer vectors than these are multiplied one by one: the routine for many is slow with them."""

Vector = NDArray[np.float32]
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


def add_run(matrix: sp.csr_matrix, first: int, weights: Vector, total: Vector) -> None:
    """Add the rows from `first` on, as many as there are weights, to `total`. All are float32."""
    pointers = matrix.indptr[first : first + len(weights) + 1]
    # The rows of a csr matrix are the columns of its transpose, of which this routine is the product with a vector.
    _sparsetools.csc_matvec(matrix.shape[1], len(weights), pointers, matrix.indices, matrix.data, weights, total)


def sum_of_rows(matrix: sp.csr_matrix, rows: NDArray[np.integer[Any]], weights: Vector) -> Vector:
    """float32[columns]: the weighted sum of some rows, which may come repeatedly, of a float32 matrix."""
    pointers, columns, values = _taken(matrix, rows)
    total = np.zeros(matrix.shape[1], np.float32)
    _sparsetools.csc_matvec(matrix.shape[1], len(rows), pointers, columns, values, weights, total)
    return total


def entries_of_rows(
    matrix: sp.csr_matrix, rows: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.integer[Any]], Vector]:
    """What stands in some rows of a float32 matrix: for each entry the place among `rows`, the column, the value."""
    pointers, columns, values = _taken(matrix, rows)
    return np.repeat(np.arange(len(rows)), np.diff(pointers)), columns, values


def _taken(
    matrix: sp.csr_matrix, rows: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]], Vector]:
    """Pointers, columns and values of the matrix that some rows of another make up."""
    kind = matrix.indices.dtype
    rows = rows.astype(kind, copy=False)
    pointers = np.zeros(len(rows) + 1, kind)
    np.cumsum(matrix.indptr[rows + 1] - matrix.indptr[rows], out=pointers[1:])
    columns, values = np.empty(int(pointers[-1]), kind), np.empty(int(pointers[-1]), np.float32)
    _sparsetools.csr_row_index(len(rows), rows, matrix.indptr, matrix.indices, matrix.data, columns, values)
    return pointers, columns, values
