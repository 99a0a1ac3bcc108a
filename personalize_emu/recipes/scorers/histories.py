"""Histories as weighted bags of items, the common input of the linear models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.base import History


@dataclass(frozen=True)
class Kernel:
    """How much each past interaction counts, by how many interactions it lies back (0 is the newest).

    weight(k) = exp(-k / decay) + harmonic / (k + 1), cut after `reach` interactions; decay 0 leaves the first
    term out. Without `recency` every interaction within reach counts 1 (R-72b, R-73c).
    """

    reach: int
    decay: float
    harmonic: float = 0.0
    recency: bool = True

    def weights(self, length: int) -> NDArray[np.float32]:
        """float32[min(length, reach)], newest interaction first; not to be written to."""
        return _kernel_weights(self, min(length, self.reach))

    def bag(self, history: History) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The items within reach, newest first, and the weight of each. An item may come several times."""
        items = history.items[::-1][: self.reach]
        return items, self.weights(len(items))


@lru_cache(maxsize=512)
def _kernel_weights(kernel: Kernel, length: int) -> NDArray[np.float32]:
    """Remembered: histories of the same length come again and again."""
    back = np.arange(length, dtype=np.float32)
    if not kernel.recency:
        return np.ones(length, np.float32)
    decaying = np.exp(-back / kernel.decay) if kernel.decay else np.zeros_like(back)
    weights: NDArray[np.float32] = (decaying + kernel.harmonic / (back + 1)).astype(np.float32)
    return weights


def weighted_rows(histories: Sequence[History], *kernels: Kernel, item_count: int) -> sp.csr_matrix:
    """float32 csr[kernels * histories, items]: kernel weights of each item, summed over its occurrences."""
    parts = [history.items[::-1][: kernel.reach] for kernel in kernels for history in histories]
    lengths = np.array([len(items) for items in parts], np.int64)
    ends = np.zeros(len(parts) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    columns = np.concatenate(parts) if parts else np.empty(0, np.int32)
    values = np.empty(len(columns), np.float32)
    for number, kernel in enumerate(kernels):
        of_kernel = slice(number * len(histories), (number + 1) * len(histories))
        weights = kernel.weights(int(lengths[of_kernel].max(initial=0)))
        for length, end in zip(lengths[of_kernel].tolist(), ends[1:][of_kernel].tolist(), strict=True):
            values[end - length : end] = weights[:length]
    return sp.csr_matrix((values, columns, ends), shape=(len(parts), item_count))


def first_unseen(history: History, item_count: int) -> int:
    """The first item that is not in a history; where all are, the last."""
    seen = np.unique(history.items)
    gaps = np.flatnonzero(seen != np.arange(len(seen)))
    return min(int(gaps[0]) if len(gaps) else len(seen), item_count - 1)
