"""How much to trust each of several opinions, learned from what people chose (conditional logit).

A case is somebody's next visits and the candidates that several opinions agreed on. The probability of a candidate is
the softmax of the weighted sum of what the opinions say of it; the weights maximise the likelihood of what was
chosen, drawn towards a prior and held above a floor. Concave in the weights, so Newton's method ends in one place.

Several opinions on every item into one: a weighted sum of logits, the weights learned from what people chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 25
HALVINGS = 8
PRECISE = 1e-7

Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """opinions: float32[candidates, opinions]. worth: float32[candidates], what each choice counts beside the others of
    the case, 0 for what was not chosen; something was.
    """

    opinions: NDArray[np.float32]
    worth: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Stack:
    """All cases one below the other. opinions: float64[rows, opinions]. worth: float64[rows], what each choice counts.

    starts: int64[cases], the first row of each; owners: int64[rows], the case of each.
    """

    opinions: NDArray[np.float64]
    worth: NDArray[np.float64]
    starts: NDArray[np.int64]
    owners: NDArray[np.int64]


def learned_weights(cases: Sequence[Case], prior: Weights, strength: float, floor: Weights | None = None) -> Weights:
    """float64[opinions] that maximise mean log-likelihood - strength * squared distance to `prior`.

    All choices of a case together count as much as those of another. Without cases, the prior. floor:
    float64[opinions], at most `prior`; below it no weight goes.
    """
    weights = prior.copy()
    if not cases:
        return weights
    stack, low = _stacked(cases), np.full(len(prior), -np.inf) if floor is None else floor
    value, slope, curve = _mean(stack, weights, prior, strength)
    for _ in range(STEPS):
        free = (weights > low) | (slope > 0)
        step = np.zeros(len(weights))
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        for halving in range(HALVINGS):
            further = np.maximum(weights + step / 2**halving, low)
            found = _mean(stack, further, prior, strength)
            if found[0] >= value:
                break
        else:
            break
        gain = found[0] - value
        weights = further
        value, slope, curve = found
        if gain < PRECISE:
            break
    return weights


def _stacked(cases: Sequence[Case]) -> _Stack:
    sizes = np.array([len(case.worth) for case in cases])
    worth = np.concatenate([case.worth / case.worth.sum(dtype=np.float64) for case in cases])
    opinions = np.concatenate([case.opinions for case in cases]).astype(np.float64)
    return _Stack(opinions, worth, np.cumsum(sizes) - sizes, np.repeat(np.arange(len(cases)), sizes))


def _mean(stack: _Stack, weights: Weights, prior: Weights, strength: float) -> tuple[float, Weights, Weights]:
    """The objective, its gradient, and minus its second derivative."""
    logits = stack.opinions @ weights
    logits -= np.maximum.reduceat(logits, stack.starts)[stack.owners]
    raised = np.exp(logits)
    totals = np.add.reduceat(raised, stack.starts)
    shares = raised / totals[stack.owners]
    shared = stack.opinions * shares[:, None]
    means = np.add.reduceat(shared, stack.starts, axis=0)
    value = float(stack.worth @ logits - np.log(totals).sum())
    slope = stack.worth @ stack.opinions - means.sum(axis=0)
    curve = shared.T @ stack.opinions - means.T @ means
    count, off = len(totals), weights - prior
    curve = curve / count + 2 * strength * np.eye(len(weights))
    return value / count - strength * float(off @ off), slope / count - 2 * strength * off, curve


Rows = NDArray[np.float32]
POOLING_STEPS = 20
POOLING_PRECISION = 1e-6
STRENGTH = 1e-3
"""How firmly weights are held to those that were usual."""


def pooled(parts: Sequence[Rows], weights: Sequence[float]) -> Rows:
    """float32[rows, items]: the weighted sum of parts of that shape."""
    total = np.float32(weights[0]) * parts[0]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total += np.float32(weight) * part
    return total


def learned_pooling_weights(
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
    for _ in range(POOLING_STEPS):
        slope, curve = _slope_and_curve(cases, weights)
        slope -= 2 * STRENGTH * (weights - prior)
        curve += 2 * STRENGTH * np.eye(len(prior))
        free = (weights > 0) | (slope > 0)
        step = np.zeros(len(prior))
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        # A weight changes by half of all weights at most: far from the optimum the curve is no guide.
        step *= min(1.0, 0.5 * weights.sum() / max(np.abs(step).sum(), POOLING_PRECISION))
        weights = np.maximum(weights + step, 0)
        if np.abs(step).max() < POOLING_PRECISION:
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
