"""Newton's method for smooth concave functions of a few variables, with lower bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

STEPS, HALVINGS = 30, 12
PRECISION = 1e-8
"""Relative gain of a step at which the search ends."""

Vector = NDArray[np.float64]
Objective = Callable[[Vector], tuple[float, Vector, Vector]]
"""Of float64[d]: the value, its gradient float64[d], and minus its Hessian float64[d, d], positive definite."""


def maximise(objective: Objective, start: Vector, floor: Vector | None = None) -> Vector:
    """float64[d]: where `objective` is greatest, no variable below its `floor` (float64[d], at most `start`).

    Variables at their floor that would fall further are held; steps that gain nothing are halved.
    """
    point = start.copy()
    low = np.full(len(start), -np.inf) if floor is None else floor
    value, gradient, curvature = objective(point)
    for _ in range(STEPS):
        free = (point > low) | (gradient > 0)
        step = np.zeros(len(point))
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        for halving in range(HALVINGS):
            moved = np.maximum(point + step / 2**halving, low)
            found = objective(moved)
            if found[0] >= value:
                break
        else:
            break
        gain = found[0] - value
        point, (value, gradient, curvature) = moved, found
        if gain <= PRECISION * (1 + abs(value)):
            break
    return point
