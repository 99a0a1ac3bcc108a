"""Conditional logit (multinomial choice model; McFadden 1974): weights of features, learned from what users chose.

A training example is a set of candidates, some of them chosen. The probability of a candidate is the softmax of the
weighted sum of its features; the weights maximise the likelihood of the choices, drawn towards a prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.numerics.newton import maximise

GREATEST_LOSS = 1e5
"""Logits further below the best of their example are cut: softmax gives them nothing."""
TEMPERATURES = 0.05, 50.0
"""Bounds of an inverse temperature."""
STRENGTH = 1e-6

Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Example:
    """features: float32[candidates, features]. relevance: float32[candidates], 0 for what was not chosen, greater
    than 0 for at least one.
    """

    features: NDArray[np.float32]
    relevance: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Stack:
    """All examples one below the other. features: float64[rows, features]. relevance: float64[rows], of sum 1 in each
    example. starts: int64[examples], the first row of each. owners: int64[rows], the example of each.
    """

    features: NDArray[np.float64]
    relevance: NDArray[np.float64]
    starts: NDArray[np.int64]
    owners: NDArray[np.int64]


def fit_conditional_logit(
    examples: Sequence[Example], prior: Weights, strength: float, floor: Weights | None = None
) -> Weights:
    """float64[features] that maximise the mean log-likelihood - strength * squared distance to `prior`.

    Every example counts the same. Without examples, the prior. floor: float64[features], at most `prior`; no weight
    goes below it.
    """
    if not examples:
        return prior.copy()
    stack = _stacked(examples)

    def objective(weights: Weights) -> tuple[float, Weights, Weights]:
        value, gradient, curvature = _mean_likelihood(stack, weights)
        off = weights - prior
        penalty = 2 * strength * np.eye(len(weights))
        return value - strength * float(off @ off), gradient - 2 * strength * off, curvature + penalty

    return maximise(objective, prior, floor)


def mean_log_likelihood(examples: Sequence[Example], weights: Weights) -> float:
    """Of the choices of at least one example."""
    return _mean_likelihood(_stacked(examples), weights)[0]


def fit_inverse_temperature(
    scores: NDArray[np.float32], targets: Sequence[NDArray[np.int32]], default: float
) -> float:
    """The factor of `scores` under which the softmax of each row makes the targets likeliest.

    scores: float32[users, items], -inf for items that are left out. targets: for each user the items chosen, of which
    those left out are ignored. default: where nothing can be learned.
    """
    examples = []
    for row, items in zip(scores, targets, strict=True):
        relevance = np.zeros(len(row), np.float32)
        relevance[items[row[items] > -np.inf]] = 1
        if relevance.any():
            allowed = row > -np.inf
            examples.append(Example((row[allowed] - row.max())[:, None], relevance[allowed]))
    low, high = TEMPERATURES
    found = fit_conditional_logit(examples, np.array([default]), STRENGTH, np.array([low]))
    return round(min(float(found[0]), high), 6)


def _stacked(examples: Sequence[Example]) -> _Stack:
    sizes = np.array([len(example.relevance) for example in examples])
    relevance = np.concatenate([each.relevance / each.relevance.sum(dtype=np.float64) for each in examples])
    features = np.concatenate([example.features for example in examples]).astype(np.float64)
    return _Stack(features, relevance, np.cumsum(sizes) - sizes, np.repeat(np.arange(len(examples)), sizes))


def _mean_likelihood(stack: _Stack, weights: Weights) -> tuple[float, Weights, Weights]:
    """The mean log-likelihood, its gradient, and minus its Hessian."""
    logits = stack.features @ weights
    logits -= np.maximum.reduceat(logits, stack.starts)[stack.owners]
    np.maximum(logits, -GREATEST_LOSS, out=logits)
    raised = np.exp(logits)
    totals = np.add.reduceat(raised, stack.starts)
    shares = raised / totals[stack.owners]
    weighted = stack.features * shares[:, None]
    means = np.add.reduceat(weighted, stack.starts, axis=0)
    value = float(stack.relevance @ logits - np.log(totals).sum())
    gradient = stack.relevance @ stack.features - means.sum(axis=0)
    curvature = weighted.T @ stack.features - means.T @ means
    count = len(totals)
    return value / count, gradient / count, curvature / count
