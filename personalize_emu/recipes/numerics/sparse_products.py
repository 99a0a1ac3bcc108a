"""Products of sparse matrices with several dense vectors, and sums of some weighted rows of a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp

FEW = 6
"""Fewer vectors than these are multiplied one by one: the routine for many is slow with them."""
MOST_COPIED = 1 << 18
"""Cells of rows to be added up, 1 MB: a product with a sparse matrix takes 15 us more, and copies none of them."""

Table = NDArray[np.float32]
Numbers = NDArray[np.integer[Any]]


def products(matrix: sp.csr_matrix, vectors: Table) -> Table:
    """float32[vectors, rows]: the matrix times each of float32[vectors, columns]."""
    if len(vectors) < FEW:
        few = np.empty((len(vectors), matrix.shape[0]), np.float32)
        for total, vector in zip(few, vectors, strict=True):
            total[:] = matrix @ vector
        return few
    many: Table = (matrix @ vectors.T).T
    return many


@dataclass(frozen=True, eq=False)
class FullestRows:
    """A sparse matrix in two parts, as its fullest rows are multiplied several times as fast when they are dense.

    rows: int64[m], ascending. dense: float32[m, columns], those rows. rest: csr[rows, columns], the others.
    """

    rows: NDArray[np.int64]
    dense: Table
    rest: sp.csr_matrix

    def products(self, bags: sp.csr_matrix) -> Table:
        """float32[bags, columns]: weighted rows, csr[bags, rows], times the matrix."""
        result = dense_products(bags[:, self.rows], self.dense)
        result += (bags @ self.rest).toarray()
        return result


def fullest_rows(matrix: sp.csr_matrix, most: int) -> FullestRows:
    """With at most so many rows dense."""
    rows = np.sort(np.argsort(-np.diff(matrix.indptr), kind="stable")[:most])
    others = np.ones(matrix.shape[0], np.float32)
    others[rows] = 0
    rest = sp.csr_matrix(sp.diags_array(others) @ matrix)
    rest.eliminate_zeros()
    return FullestRows(rows, np.asarray(matrix[rows].toarray(), np.float32), rest)


def dense_products(bags: sp.csr_matrix, matrix: Table) -> Table:
    """float32[bags, columns]: weighted rows, csr[bags, rows], times float32[rows, columns].

    By columns of the bags, so that each row of the matrix is read once for all of them.
    """
    result: Table = bags.tocsc() @ matrix
    return result


def sum_of_dense_rows(table: Table, rows: Numbers, weights: Table) -> Table:
    """float32[columns]: some rows of a dense float32[rows, columns] times their weights, added up in that order.

    Equal columns have equal sums, which BLAS does not promise.
    """
    if len(rows) * table.shape[1] <= MOST_COPIED:
        total: Table = np.einsum("i,ij->j", weights, table.take(rows, axis=0))
        return total
    if not 0 <= int(rows.min()) <= int(rows.max()) < len(table):
        raise IndexError("no such row")
    bag = sp.csr_array((weights, rows, np.array([0, len(rows)], np.int32)), shape=(1, len(table)))
    many: Table = (bag @ table)[0]
    return many


def cells_of(indptr: Numbers, rows: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the cells of some rows of a csr matrix are, int64[cells], row after row; and how many each row has."""
    starts = indptr[rows].astype(np.int64)
    lengths = indptr[rows + 1] - starts
    ends = np.cumsum(lengths)
    cells = np.arange(int(ends[-1]) if len(ends) else 0)
    cells += np.repeat(starts - (ends - lengths), lengths)
    return cells, lengths


def weighted_cells(matrix: sp.csr_matrix, rows: Numbers, weights: Table) -> tuple[Numbers, Table]:
    """Columns and values, float32[cells], of some rows, each times its weight. Columns may come again."""
    cells, lengths = cells_of(matrix.indptr, rows)
    return matrix.indices[cells], matrix.data[cells] * np.repeat(weights, lengths)


def sum_of_rows(matrix: sp.csr_matrix, rows: Numbers, weights: Table) -> Table:
    """float32[columns]: the rows times their weights, added up."""
    columns, values = weighted_cells(matrix, rows, weights)
    total: Table = np.bincount(columns, values, minlength=matrix.shape[1]).astype(np.float32)
    return total
