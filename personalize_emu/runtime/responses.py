"""Builds the members of a response: items with their scores, and the recommendation id (RT-5, RT-32, RT-33)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.service.core.context import Context, Params

SCORE_PLACES = 7
"""Decimals of a score (RT-33)."""
HALF = 0.5 - 1e-6


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
    return shares_of(logits, numbers, softmax_scales(logits[None])[0]) if len(numbers) else []


def softmax_scales(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[rows, 2] of float32[rows, n]: maximum and sum of exponentials of each row, for `shares_of`."""
    peaks = logits.max(axis=1)
    raised = logits - peaks[:, None]
    np.exp(raised, out=raised)
    return np.stack((peaks.astype(np.float64), raised.sum(axis=1, dtype=np.float64)), axis=1)


def shares_of(logits: NDArray[np.float32], numbers: NDArray[np.int32], scale: NDArray[np.float64]) -> list[float]:
    """Shares of the softmax of one row at `numbers`, rounded as on the wire. scale: of that row, float64[2]."""
    chosen = np.exp(logits[numbers].astype(np.float64) - scale[0]) / scale[1]
    return rounded(chosen)


def rounded(shares: NDArray[np.float64]) -> list[float]:
    """As `round` does with SCORE_PLACES, of float64[n] from 0 to 1, in a tenth of the time."""
    scaled = shares * 10**SCORE_PLACES
    whole = np.rint(scaled)
    found: list[float] = (whole / 10**SCORE_PLACES).tolist()
    # Half way between two decimals the product may have been rounded to the other side.
    for place in np.flatnonzero(np.abs(scaled - whole) > HALF).tolist():
        found[place] = round(float(shares[place]), SCORE_PLACES)
    return found


def new_recommendation_id(context: Context, params: Params, item_ids: Sequence[str]) -> str:
    """A new recommendation id for a response with these items; stored for events that refer to it."""
    deployment_arn = params["campaignArn"] if "campaignArn" in params else params["recommenderArn"]
    recommendation_id = context.identifiers.recommendation_id(deployment_arn)
    context.state.answers.remember(recommendation_id, deployment_arn, params.get("userId"), item_ids)
    return recommendation_id
