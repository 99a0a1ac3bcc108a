"""From scores to the items and numbers a client sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.topk import top_k

_SCORE_PLACES = 7
"""Decimals of a score (RT-33)."""


def best_items(
    scores: NDArray[np.float32],
    catalog: tuple[str, ...],
    count: int,
    *,
    show_scores: bool,
    allowed: NDArray[np.bool_] | None = None,
) -> list[dict[str, Any]]:
    """The best `count` items, best first, ties by item id (RT-32).

    scores: float32[items], -inf where an item must not appear. With `show_scores` each item carries its share
    of the softmax over all finite scores (R-72), also over those of items that `allowed` (bool[items]) leaves
    out (F-44).
    """
    considered = scores if allowed is None else np.where(allowed, scores, np.float32(-np.inf))
    numbers = top_k(considered, min(count, len(scores)))
    if not show_scores:
        return [{"itemId": catalog[number]} for number in numbers]
    shares = softmax_of(scores, numbers)
    return [
        {"itemId": catalog[number], "score": score} for number, score in zip(numbers, shares, strict=True)
    ]


def softmax_of(logits: NDArray[np.float32], numbers: NDArray[np.int32]) -> list[float]:
    """Shares of the softmax over all of `logits` (float32[n]) at `numbers`, rounded as on the wire."""
    if not len(numbers):
        return []
    peak = float(logits.max())
    total = float(np.exp(logits - np.float32(peak), dtype=np.float32).sum(dtype=np.float64))
    chosen = np.exp(logits[numbers].astype(np.float64) - peak) / total
    return [round(score, _SCORE_PLACES) for score in chosen.tolist()]
