"""Scaling of scores: standardisation and logarithms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BACKGROUND = np.float32(0.3)
"""Scores are compared by their logarithms, above this share of their root mean square."""
FLAT = np.float32(1e-5)
TINY = np.float32(1e-30)
BLOCK = 1 << 14


def standardised(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row less its mean, over its standard deviation; rows without spread become 0.

    scores: float32[items] or float32[rows, items], finite.
    """
    centred = scores.copy()
    centred *= centre(centred)[..., None]
    return centred


def centre(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the mean from each row of float32[..., items]; what brings their deviation to 1, float32[...]."""
    count = np.float32(max(1, scores.shape[-1]))
    mean = scores.sum(axis=-1, keepdims=True) / count
    scores -= mean
    spread = np.sqrt(sum_of_squares(scores) / count).astype(np.float32)
    # A spread that is rounding error of equal scores must not be blown up.
    flat = spread <= FLAT * np.abs(mean[..., 0]) + TINY
    factors: NDArray[np.float32] = np.where(flat, np.float32(0), np.float32(1) / np.where(flat, np.float32(1), spread))
    return factors


def sum_of_squares(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[...] of float32[..., items]. Only blocks are added up in single precision, which over a large catalog
    is wrong by some thousandths.
    """
    total: NDArray[np.float64] = np.zeros(scores.shape[:-1])
    for start in range(0, scores.shape[-1], BLOCK):
        block = scores[..., start : start + BLOCK]
        total += np.einsum("...i,...i->...", block, block)
    return total


def row_sum_of_squares(scores: NDArray[np.float32]) -> float:
    """`sum_of_squares` of one row, float32[items]."""
    blocks = [scores] if len(scores) <= BLOCK else np.split(scores, range(BLOCK, len(scores), BLOCK))
    return sum([float(np.einsum("i,i->", block, block)) for block in blocks])


def in_logarithms(scores: NDArray[np.float32]) -> None:
    """log(1 + score / background) of each row, in the memory of float32[..., items]."""
    count = max(1, scores.shape[-1])
    np.maximum(scores, 0, out=scores)
    size = np.sqrt(sum_of_squares(scores) / count).astype(np.float32)[..., None]
    scores *= np.float32(1) / (np.where(size > 0, size, np.float32(1)) * BACKGROUND)
    scores += 1
    np.log(scores, out=scores)
