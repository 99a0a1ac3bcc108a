"""The k best of many scores without sorting them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Scores a block: the k best block maxima bound the k best scores from below."""


def top_k(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """int32[at most k]: positions of the greatest `scores`, best first, equal scores by position (RT-32).

    scores: float32[n] without NaN. Positions of -inf are never returned.
    """
    if k <= 0 or not len(scores):
        return np.empty(0, np.int32)
    candidates = np.flatnonzero(scores >= _lower_bound(scores, k))
    values = scores[candidates]
    allowed = values > -np.inf
    if not allowed.all():
        candidates, values = candidates[allowed], values[allowed]
    best = np.lexsort((candidates, -values))[:k]
    return candidates[best].astype(np.int32)


def greatest(scores: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """float32[at most k]: the greatest of `scores`, greatest first, without -inf. scores: as for `top_k`."""
    if k <= 0 or not len(scores):
        return np.empty(0, np.float32)
    values = np.sort(scores[scores >= _lower_bound(scores, k)])[::-1][:k]
    return values[values > -np.inf]


def _lower_bound(scores: NDArray[np.float32], k: int) -> float:
    """A value that at least k scores reach (all scores, where there are fewer than k blocks)."""
    blocks = len(scores) // BLOCK
    if blocks <= k:
        return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if len(scores) > k else -np.inf
    maxima = scores[: blocks * BLOCK].reshape(BLOCK, blocks).max(axis=0)
    return float(np.partition(maxima, blocks - k)[blocks - k])
