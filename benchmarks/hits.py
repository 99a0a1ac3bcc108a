"""Metrics of single queries, for paired comparison of recommenders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LIST_LENGTH = 25
RESAMPLES = 10_000

Lists = Sequence[NDArray[np.int32]]
PerQuery = NDArray[np.float64]


def hits_of(lists: Lists, truths: Lists) -> NDArray[np.float64]:
    """float64[queries, 25]: 1 for relevant items."""
    table = np.zeros((len(lists), LIST_LENGTH))
    for row, (ranked, truth) in enumerate(zip(lists, truths, strict=True)):
        table[row, : len(ranked)] = np.isin(ranked, truth)[:LIST_LENGTH]
    return table


def reciprocal_ranks_of(hits: NDArray[np.float64]) -> PerQuery:
    found = hits.any(axis=1)
    return np.where(found, 1 / (hits.argmax(axis=1) + 1), 0.0)


def ndcg_of(hits: NDArray[np.float64], cutoff: int, truths: Lists | None = None) -> PerQuery:
    """NDCG of each query. The ideal list has the hits found (M-23) or, if truths are given, all relevant items."""
    discounts = 1 / np.log2(np.arange(2, cutoff + 2))
    found = hits[:, :cutoff]
    count = (
        found.sum(axis=1).astype(int)
        if truths is None
        else np.array([min(len(truth), cutoff) for truth in truths], int)
    )
    ideal = np.append(0.0, np.cumsum(discounts))[count]
    return np.divide(found @ discounts, ideal, out=np.zeros(len(hits)), where=ideal > 0)


def interval(difference: PerQuery, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean."""
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[picks].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)
