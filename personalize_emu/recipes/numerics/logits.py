"""Several score vectors into one distribution over the catalog."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAME_TASTE = 0.5
"""How far the models' relevance, beside the hazard, decides among the items a user already had."""
GREATEST_RETURN = 0.98
BACKGROUND = np.float32(0.3)
"""Scores are compared by their logarithms, above this share of their root mean square."""
FLAT = np.float32(1e-5)
TINY = np.float32(1e-30)
CELLS = 1 << 15
"""Scores looked at together: as many as stay near the processor."""
OUT_OF_REACH = -1e5
"""Below the best: softmax gives it nothing at any sharpness."""

Vector = NDArray[np.float32]


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
    spread = np.sqrt(np.einsum("...i,...i->...", scores, scores) / count)
    # A spread that is rounding error of equal scores must not be blown up.
    flat = spread <= FLAT * np.abs(mean[..., 0]) + TINY
    factors: NDArray[np.float32] = np.where(flat, np.float32(0), np.float32(1) / np.where(flat, np.float32(1), spread))
    return factors


def in_logarithms(scores: NDArray[np.float32]) -> None:
    """log(1 + score / background) of each row, in the memory of float32[..., items]."""
    count = max(1, scores.shape[-1])
    np.maximum(scores, 0, out=scores)
    size = np.sqrt(np.einsum("...i,...i->...", scores, scores) / np.float32(count))[..., None]
    scores *= np.float32(1) / (np.where(size > 0, size, np.float32(1)) * BACKGROUND)
    scores += 1
    np.log(scores, out=scores)


def blended(parts: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    """Weighted sum of standardised score rows, float32[..., items]."""
    total = np.zeros_like(parts[0])
    for part, weight in zip(parts, weights, strict=True):
        total += np.float32(weight) * standardised(part)
    return total


def log_sum_exp(logits: Vector) -> float:
    """log of the sum of exp(logits), -inf for none."""
    if not len(logits):
        return float("-inf")
    greatest = float(logits.max())
    return greatest + float(np.log(np.exp(logits - np.float32(greatest)).sum(dtype=np.float64)))


def with_returns(logits: Vector, had: NDArray[np.int32], chances: NDArray[np.float64]) -> Vector:
    """Log-probabilities over the catalog: items the user had share the mass of their hazards.

    logits: float32[items], what the models say of every item. had: int32[h] distinct items of the user.
    chances: float64[h], the hazard of each (see Repeats). The rest of the mass is the softmax of `logits`
    over all other items.
    """
    result = logits - np.float32(log_sum_exp(logits))
    if not len(had):
        return result
    returning = min(float(chances.sum()), GREATEST_RETURN)
    relevance = logits[had].astype(np.float64)
    shares = np.log(chances) + SAME_TASTE * (relevance - relevance.max())
    new = np.ones(len(logits), np.bool_)
    new[had] = False
    rest = log_sum_exp(logits[new])
    if rest > float("-inf"):
        result = logits + np.float32(np.log1p(-returning) - rest)
    result[had] = np.log(returning) + shares - np.log(np.exp(shares - shares.max()).sum()) - shares.max()
    return result


def best_sharpness(scores: NDArray[np.float32], targets: Sequence[NDArray[np.int32]], default: float) -> float:
    """The factor by which to multiply `scores` so that their softmax gives the targets most likelihood.

    scores: float32[users, items], -inf for items that are left out. targets: for each user the items that
    came next; those left out are ignored. Newton's method on a concave function of one variable.
    """
    asked = [user for user, items in enumerate(targets) if (scores[user, items] > -np.inf).any()]
    if not asked:
        return default
    below = scores[asked].astype(np.float64)
    below -= below.max(axis=1, keepdims=True)
    np.maximum(below, OUT_OF_REACH, out=below)
    hits = [row[targets[user]] for row, user in zip(below, asked, strict=True)]
    reached = sum(float(had[had > OUT_OF_REACH].mean()) for had in hits)
    sharpness, size = default, max(1, CELLS // below.shape[1])
    for _ in range(12):
        parts = [_moments(below[start : start + size], sharpness) for start in range(0, len(asked), size)]
        slope, curve = reached - sum(mean for mean, _ in parts), 1e-9 + sum(variance for _, variance in parts)
        step = float(np.clip(slope / curve, -0.5 * sharpness, sharpness))
        sharpness = min(max(sharpness + step, 0.05), 50.0)
        if abs(step) < 1e-3 * sharpness:
            break
    return round(sharpness, 6)


def _moments(below: NDArray[np.float64], sharpness: float) -> tuple[float, float]:
    """Sums of the means and of the variances of rows, float64[n, items], every item as likely as the softmax says."""
    weights = np.exp(sharpness * below)
    totals = weights.sum(axis=1)
    weights *= below
    means = weights.sum(axis=1) / totals
    squares = np.einsum("ni,ni->n", weights, below) / totals
    return float(means.sum()), float((squares - means**2).sum())
