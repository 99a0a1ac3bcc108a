"""Inverting symmetric positive definite matrices in place of general ones: half the work, LAPACK only."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import lapack

Number = TypeVar("Number", np.float32, np.float64)


def inverse_of_positive_definite(matrix: NDArray[Number]) -> NDArray[Number]:
    """The inverse, symmetric, in the matrix's own precision; the argument's memory may be reused.

    Raises np.linalg.LinAlgError when the matrix is not positive definite.
    """
    if not len(matrix):
        return matrix
    single = matrix.dtype == np.float32
    factorise, invert = (lapack.spotrf, lapack.spotri) if single else (lapack.dpotrf, lapack.dpotri)
    # The matrix is symmetric: its transpose is the same numbers in the column order LAPACK works in.
    factor, failed = factorise(matrix.T, lower=1, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("not positive definite")
    lower, failed = invert(factor, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError("singular")
    _mirror(lower)
    inverse: NDArray[Number] = lower.T
    return inverse


def _mirror(lower: NDArray[Number]) -> None:
    """Copy the lower triangle over the upper one, block by block to stay in the cache."""
    size, block = len(lower), 512
    for start in range(0, size, block):
        stop = min(start + block, size)
        corner = lower[start:stop, start:stop]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
        lower[start:stop, stop:] = lower[stop:, start:stop].T
