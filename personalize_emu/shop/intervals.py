"""Estimates of an experiment with 95 % intervals from the bootstrap over visitors.

Visitors are split at random into groups, so visitors are drawn with replacement, and not sessions or clicks: the
sessions of a visitor depend on each other (Kohavi, Tang and Xu, 2020, "Trustworthy Online Controlled Experiments",
chapters 14 and 18). Limits are percentiles of the resampled values (Efron and Tibshirani, 1993, "An Introduction to the
Bootstrap", chapter 13).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES, BLOCK = 2000, 100
LIMITS = (2.5, 97.5)
"""Percentiles."""
FEWEST = 2
"""Visitors of whom an interval is given."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """value with its interval; low and high are None with too few visitors."""

    value: float
    low: float | None = None
    high: float | None = None


def resampled_ratios(numerators: Floats, denominators: Floats, rng: np.random.Generator) -> Floats:
    """float64[RESAMPLES]: sum of numerators over sum of denominators of visitors drawn with replacement.

    numerators, denominators: float64[visitors]. NaN where all drawn denominators are 0.
    """
    count = len(numerators)
    sums = np.stack([numerators, denominators], axis=1)
    # In blocks, which bounds the memory.
    blocks = [rng.multinomial(count, np.full(count, 1 / count), size=BLOCK) @ sums for _ in range(RESAMPLES // BLOCK)]
    above, below = np.concatenate(blocks).T
    ratios: Floats = np.divide(above, below, out=np.full(RESAMPLES, np.nan), where=below > 0)
    return ratios


def with_interval(value: float, resampled: Floats | None) -> Estimate:
    """resampled: None if there are too few visitors."""
    finite = np.zeros(0) if resampled is None else resampled[np.isfinite(resampled)]
    if not len(finite):
        return Estimate(value)
    low, high = np.percentile(finite, LIMITS)
    return Estimate(value, float(low), float(high))


def uplifts(treated: Floats | None, control: Floats | None) -> Floats | None:
    """float64[RESAMPLES]: by how much the treated are above the control, as a share of it."""
    if treated is None or control is None:
        return None
    quotients: Floats = np.divide(treated, control, out=np.full(len(treated), np.nan), where=control > 0)
    return quotients - 1
