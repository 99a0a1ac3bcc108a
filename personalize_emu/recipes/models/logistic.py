"""Logistic regression with an offset and a ridge, by Newton's method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_STEPS = 30
PRECISION = 1e-8

Vector = NDArray[np.float64]


def sigmoid(logits: Vector) -> Vector:
    """1 / (1 + exp(-x)) without overflow."""
    raised = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, raised) / (1.0 + raised)


def logit(shares: Vector) -> Vector:
    """The inverse of `sigmoid`, for shares above 0 and below 1."""
    return np.log(shares) - np.log1p(-shares)


def log_loss(logits: Vector, outcomes: NDArray[np.bool_]) -> float:
    """Minus the log-likelihood, added up."""
    return float(np.logaddexp(0.0, np.where(outcomes, -logits, logits)).sum())


def fit_logistic(inputs: Vector, outcomes: NDArray[np.bool_], offsets: Vector, ridge: Vector) -> Vector:
    """float64[d]: the weights w of least log_loss(offsets + inputs w) + (ridge * w * w).sum() / 2.

    inputs: float64[n, d]. outcomes: bool[n]. offsets: float64[n]. ridge: float64[d], above 0, so that there is one
    answer, and a finite one, for any outcomes.
    """
    weights = np.zeros(inputs.shape[1])
    loss = _penalised(inputs, outcomes, offsets, ridge, weights)
    for _ in range(MOST_STEPS):
        chances = sigmoid(offsets + inputs @ weights)
        slope = inputs.T @ (chances - outcomes) + ridge * weights
        curve = (inputs * (chances * (1 - chances))[:, None]).T @ inputs
        curve[np.diag_indices_from(curve)] += ridge
        step = np.linalg.solve(curve, slope)
        share = 1.0
        # A whole step may overshoot where the chances are nearly 0 or 1; half of one, often enough, does not.
        while (stepped := _penalised(inputs, outcomes, offsets, ridge, weights - share * step)) > loss and share > 1e-6:
            share /= 2
        if loss - stepped <= PRECISION * (1 + abs(loss)):
            return weights - share * step if stepped <= loss else weights
        weights, loss = weights - share * step, stepped
    return weights


def _penalised(
    inputs: Vector, outcomes: NDArray[np.bool_], offsets: Vector, ridge: Vector, weights: Vector
) -> float:
    return log_loss(offsets + inputs @ weights, outcomes) + float((ridge * weights * weights).sum()) / 2
