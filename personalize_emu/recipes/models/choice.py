"""How much to trust each of several opinions, learned from what people chose (conditional logit).

A case is somebody's next visits and the candidates that several opinions agreed on. The probability of a candidate is
the softmax of the weighted sum of what the opinions say of it; the weights maximise the likelihood of what was
chosen, drawn towards a prior. Convex in the weights, so Newton's method ends in one and the same place.
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
    """opinions: float32[candidates, opinions]. chosen: bool[candidates], at least one."""

    opinions: NDArray[np.float32]
    chosen: NDArray[np.bool_]


def learned_weights(cases: Sequence[Case], prior: Weights, strength: float) -> Weights:
    """float64[opinions] that maximise mean log-likelihood - strength * squared distance to `prior`.

    All choices of a case count as much as one of another case. Without cases, the prior.
    """
    weights = prior.copy()
    if not cases:
        return weights
    value, slope, curve = _mean(cases, weights, prior, strength)
    for _ in range(STEPS):
        step = np.linalg.solve(curve, slope)
        for halving in range(HALVINGS):
            further = weights + step / 2**halving
            found = _mean(cases, further, prior, strength)
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


def _mean(cases: Sequence[Case], weights: Weights, prior: Weights, strength: float) -> tuple[float, Weights, Weights]:
    """The objective, its gradient, and minus its second derivative."""
    value, slope = 0.0, np.zeros(len(weights))
    curve = np.zeros((len(weights), len(weights)))
    for case in cases:
        opinions = case.opinions.astype(np.float64)
        logits = opinions @ weights
        logits -= logits.max()
        raised = np.exp(logits)
        total = float(raised.sum())
        shares = raised / total
        mean = shares @ opinions
        value += float(logits[case.chosen].mean()) - np.log(total)
        slope += opinions[case.chosen].mean(axis=0) - mean
        curve += (opinions * shares[:, None]).T @ opinions - np.outer(mean, mean)
    count, off = len(cases), weights - prior
    curve = curve / count + 2 * strength * np.eye(len(weights))
    return value / count - strength * float(off @ off), slope / count - 2 * strength * off, curve
