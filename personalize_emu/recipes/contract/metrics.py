"""Metrics of GetSolutionMetrics, by the service's own definitions (spec 07, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LIST_LENGTH = 25
CUTOFFS = (5, 10, 25)
WEIGHTED_NAME = "normalized_discounted_cumulative_gain_with_event_weights"

Ids = NDArray[np.int32]


def evaluate(
    lists: Sequence[Ids],
    truths: Sequence[Ids],
    catalog_size: int,
    gains: Sequence[NDArray[np.float32]] | None = None,
) -> dict[str, float]:
    """Metrics of ranked lists against held-out items, named and rounded as in M-2 and M-3.

    lists: for each query int32[at most 25] distinct items, best first. truths: for each query int32[t]
    distinct items. gains: for each query float32[t], the gain of each held-out item (M-28); given only
    where events have weights.
    """
    hits = _gains_at_positions(lists, truths, None)
    metrics = {"coverage": coverage(lists, catalog_size), "mean_reciprocal_rank_at_25": reciprocal_rank(hits)}
    for cutoff in CUTOFFS:
        metrics[f"normalized_discounted_cumulative_gain_at_{cutoff}"] = ndcg(hits[:, :cutoff])
        metrics[f"precision_at_{cutoff}"] = float(hits[:, :cutoff].sum(axis=1).mean() / cutoff)
    if gains is not None:
        weighted = _gains_at_positions(lists, truths, gains)
        for cutoff in CUTOFFS:
            metrics[f"{WEIGHTED_NAME}_at_{cutoff}"] = ndcg(weighted[:, :cutoff])
    return rounded(metrics)


def coverage(lists: Sequence[Ids], catalog_size: int) -> float:
    """Share of the catalog that is in any list (M-24)."""
    if not catalog_size or not lists:
        return 0.0
    return len(np.unique(np.concatenate(lists))) / catalog_size


def reciprocal_rank(gains: NDArray[np.float64]) -> float:
    """Mean over queries of 1 / position of the first hit, or 0 (M-21). gains: float64[queries, k]."""
    found = gains > 0
    first = found.argmax(axis=1)
    return float(np.where(found.any(axis=1), 1.0 / (first + 1), 0.0).mean())


def ndcg(gains: NDArray[np.float64]) -> float:
    """Mean over queries of DCG over that of the same hits moved to the top (M-22, M-23, M-28).

    gains: float64[queries, k], the gain of the item at each position, 0 for a miss.
    """
    discounts = 1.0 / np.log2(np.arange(2, gains.shape[1] + 2))
    reached = gains @ discounts
    ideal = -np.sort(-gains, axis=1) @ discounts
    return float(np.divide(reached, ideal, out=np.zeros_like(reached), where=ideal > 0).mean())


def rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """Alphabetical, four decimals (M-2)."""
    return {name: round(metrics[name], 4) for name in sorted(metrics)}


def _gains_at_positions(
    lists: Sequence[Ids], truths: Sequence[Ids], gains: Sequence[NDArray[np.float32]] | None
) -> NDArray[np.float64]:
    """float64[queries, 25]; without queries one row of misses, so that every mean is 0."""
    table = np.zeros((max(1, len(lists)), LIST_LENGTH), np.float64)
    for row, (ranked, truth) in enumerate(zip(lists, truths, strict=True)):
        found = np.isin(ranked[:LIST_LENGTH], truth)
        table[row, : len(found)] = found
        if gains is not None and found.any():
            gain_of = dict(zip(truth.tolist(), gains[row].tolist(), strict=True))
            positions = np.flatnonzero(found)
            table[row, positions] = [gain_of[item] for item in ranked[positions].tolist()]
    return table
