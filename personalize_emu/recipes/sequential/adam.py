"""Adam with a rising then falling rate, and gradients clipped by their common length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FIRST_DECAY, SECOND_DECAY = 0.9, 0.98
TINY = 1e-9
WARM_UP = 100
"""Updates in which the rate rises."""
LAST_SHARE = 0.05
"""Of the peak rate, where the half wave of the cosine ends."""


@dataclass(frozen=True)
class Schedule:
    """The rate of each update: up to `peak` in a straight line, then half a wave down over the rest of `updates`."""

    peak: float
    updates: int

    def rate(self, update: int) -> float:
        """update: counted from 0."""
        warm_up = min(WARM_UP, max(1, self.updates // 10))
        if update < warm_up:
            return self.peak * (update + 1) / warm_up
        done = min(1.0, (update - warm_up) / max(1, self.updates - warm_up))
        return self.peak * (LAST_SHARE + (1 - LAST_SHARE) * 0.5 * (1 + cos(pi * done)))


class Adam:
    """Updates arrays in place."""

    def __init__(self, weights: Sequence[Array]) -> None:
        self._weights = tuple(weights)
        self._means = tuple(np.zeros_like(array) for array in weights)
        self._squares = tuple(np.zeros_like(array) for array in weights)
        self._updates = 0

    def update(self, gradients: Sequence[Array], rate: float) -> None:
        """gradients: along the weights; they are used up."""
        self._updates += 1
        rate = rate / (1 - FIRST_DECAY**self._updates)
        spread = 1 / np.sqrt(1 - SECOND_DECAY**self._updates)
        state = zip(self._weights, gradients, self._means, self._squares, strict=True)
        for arrays in state:
            _update(*arrays, rate, float(spread))


def _update(weight: Array, gradient: Array, mean: Array, square: Array, rate: float, spread: float) -> None:
    """All in place."""
    mean *= FIRST_DECAY
    mean += (1 - FIRST_DECAY) * gradient
    np.multiply(gradient, gradient, out=gradient)
    gradient *= 1 - SECOND_DECAY
    square *= SECOND_DECAY
    square += gradient
    np.sqrt(square, out=gradient)
    gradient *= spread
    gradient += TINY
    np.divide(mean, gradient, out=gradient)
    gradient *= rate
    weight -= gradient


def clip(gradients: Sequence[Array], longest: float) -> float:
    """Shorten all gradients together, in place, to a length of at most `longest`; their length before."""
    length = float(np.sqrt(sum(float(np.vdot(array, array)) for array in gradients)))
    if length > longest:
        for array in gradients:
            np.multiply(array, longest / length, out=array)
    return length
