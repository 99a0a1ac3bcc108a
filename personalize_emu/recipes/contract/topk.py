"""The k best of many scores without sorting them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Scores a block: the k best block maxima bound the k best scores from below."""
BLOCKS_PER_RESULT = 4


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


def top_k_rows(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """int32[rows, at most k]: `top_k` of every row of float32[rows, n], followed by -1 where a row has fewer."""
    rows, count = len(scores), min(max(k, 0), scores.shape[1])
    best = np.full((rows, count), -1, np.int32)
    if best.size:
        bounds = np.maximum(_lower_bounds(scores, k), np.finfo(np.float32).min)
        cells = np.flatnonzero(scores >= bounds[:, None])
        owners, columns = np.divmod(cells, scores.shape[1])
        # Stable: the cells of a row are in the order of their columns.
        order = np.lexsort((-scores.ravel()[cells], owners))
        ranks = np.arange(len(cells)) - np.searchsorted(owners, np.arange(rows))[owners]
        kept = ranks < count
        best[owners[kept], ranks[kept]] = columns[order[kept]]
    return best


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


def _lower_bounds(scores: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """float32[rows]: the same of each row, by narrower blocks, as the candidates of all rows are sorted."""
    rows, items = scores.shape
    if items <= k:
        return np.full(rows, -np.inf, np.float32)
    width = max(1, items // (BLOCKS_PER_RESULT * k))
    blocks = items // width
    maxima = scores[:, : blocks * width].reshape(rows, width, blocks).max(axis=1) if width > 1 else scores
    bounds: NDArray[np.float32] = np.partition(maxima, blocks - k, axis=1)[:, blocks - k]
    return bounds
