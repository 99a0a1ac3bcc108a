"""Many histories at once: what `repeats` and `blend` do for one, in a few passes over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import History
from personalize_emu.recipes.models.blend import GREATEST_RETURN, SAME_TASTE
from personalize_emu.recipes.models.repeats import Repeats


@dataclass(frozen=True, eq=False)
class Had:
    """What the owners of some histories had. rows: int64[h] numbers of histories, ascending; items: int32[h],
    distinct within a row. chances: float64[h], that the next visit is to this item (see Repeats).
    """

    rows: NDArray[np.int64]
    items: NDArray[np.int64]
    chances: NDArray[np.float64]


def chances_of_many(repeats: Repeats, histories: Sequence[History], item_count: int) -> Had:
    """`Repeats.chances` of every history."""
    lengths = np.array([len(history.items) for history in histories], np.int64)
    ends = np.cumsum(lengths)
    rows = np.repeat(np.arange(len(histories)), lengths)
    # Newest first within each row, as an item's newest visit is the first that `unique` finds.
    backwards = np.repeat(2 * ends - lengths, lengths) - 1 - np.arange(len(rows))
    items = _joined([history.items for history in histories])[backwards]
    keys, places, times = np.unique(rows * item_count + items, return_index=True, return_counts=True)
    rows, items = np.divmod(keys, max(1, item_count))
    gaps = places - (ends - lengths)[rows] + 1
    if repeats.in_time:
        when = _joined([history.timestamps for history in histories])[backwards]
        gaps = when[(ends - lengths)[rows]] - when[places]
    return Had(rows, items, repeats.hazard(gaps, times, items))


def with_returns_of_many(logits: NDArray[np.float32], had: Had) -> NDArray[np.float32]:
    """`with_returns` of every row of float32[rows, items], in its memory."""
    relevance = logits[had.rows, had.items].astype(np.float64)
    owners, starts = np.unique(had.rows, return_index=True)
    returning = np.zeros(len(logits))
    if len(owners):
        returning[owners] = np.minimum(np.add.reduceat(had.chances, starts), GREATEST_RETURN)
        shares = _shares(relevance, had, starts)
    logits[had.rows, had.items] = -np.inf
    logits += (np.log1p(-returning) - _log_sum_exp(logits)).astype(np.float32)[:, None]
    if len(owners):
        logits[had.rows, had.items] = np.log(returning[had.rows]) + shares
    return logits


def _shares(relevance: NDArray[np.float64], had: Had, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logarithms of how the items of each row share its returns, float64[h]."""
    sizes = np.diff(np.append(starts, len(had.rows)))
    greatest = np.repeat(np.maximum.reduceat(relevance, starts), sizes)
    shares = np.log(had.chances) + SAME_TASTE * (relevance - greatest)
    peak = np.maximum.reduceat(shares, starts)
    total = np.log(np.add.reduceat(np.exp(shares - np.repeat(peak, sizes)), starts)) + peak
    logarithms: NDArray[np.float64] = shares - np.repeat(total, sizes)
    return logarithms


def _log_sum_exp(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[rows]; 0 for a row of nothing but -inf."""
    peak = logits.max(axis=1)
    peak[peak == -np.inf] = 0
    raised = logits - peak[:, None]
    np.exp(raised, out=raised)
    total = raised.sum(axis=1, dtype=np.float64)
    return np.where(total > 0, np.log(np.where(total > 0, total, 1)) + peak, 0)


def _joined(parts: Sequence[NDArray[np.int32]] | Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
