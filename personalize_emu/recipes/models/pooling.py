"""Several opinions on every item into one: a weighted sum of logits, the weights learned from what people chose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
STEPS = 20
PRECISE = 1e-6
STRENGTH = 1e-3
"""How firmly weights are held to those that were usual."""


def pooled(parts: Sequence[Rows], weights: Sequence[float]) -> Rows:
    """float32[rows, items]: the weighted sum of parts of that shape."""
    total = np.float32(weights[0]) * parts[0]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total += np.float32(weight) * part
    return total


def learned_weights(
    parts: Sequence[Rows], allowed: NDArray[np.bool_], worth: Rows, usual: Sequence[float]
) -> tuple[float, ...]:
    """The weights, none below 0, under which the softmax over what is allowed gives what was chosen most likelihood.

    parts: float32[rows, items] each. allowed: bool[rows, items]. worth: float32[rows, items], what each choice counts
    beside the others of its row, 0 for what was not chosen; choices that are not allowed do not count, nor do rows
    without any. usual: the answer where there is nothing to learn from.
    """
    cases = [
        (np.stack([part[row][open_to] for part in parts], axis=1).astype(np.float64), choices / choices.sum())
        for row, open_to in enumerate(allowed)
        if (choices := worth[row][open_to].astype(np.float64)).any()
    ]
    prior = np.array(usual, np.float64)
    weights = prior.copy()
    if not cases:
        return tuple(usual)
    for _ in range(STEPS):
        slope, curve = _slope_and_curve(cases, weights)
        slope -= 2 * STRENGTH * (weights - prior)
        curve += 2 * STRENGTH * np.eye(len(prior))
        free = (weights > 0) | (slope > 0)
        step = np.zeros(len(prior))
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        # A weight changes by half of all weights at most: far from the optimum the curve is no guide.
        step *= min(1.0, 0.5 * weights.sum() / max(np.abs(step).sum(), PRECISE))
        weights = np.maximum(weights + step, 0)
        if np.abs(step).max() < PRECISE:
            break
    return tuple(round(float(weight), 5) for weight in weights)


def _slope_and_curve(
    cases: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the mean log-likelihood of what was chosen: its gradient, and minus its second derivative."""
    slope, curve = np.zeros(len(weights)), np.zeros((len(weights), len(weights)))
    for said, choices in cases:
        logits = said @ weights
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        mean = shares @ said
        slope += choices @ said - mean
        curve += (said * shares[:, None]).T @ said - np.outer(mean, mean)
    return slope / len(cases), curve / len(cases)
