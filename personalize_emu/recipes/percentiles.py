"""Leaving out users with too short or too long histories, and items with too few or too many visits (R-71)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import TrainingData
from personalize_emu.recipes.split import rows_of_users

Bounds = tuple[float, float]


def within(counts: NDArray[np.int64], bounds: Bounds) -> NDArray[np.bool_]:
    """bool[n]: which counts lie between two quantiles (linear interpolation) of those that are not 0."""
    present = counts[counts > 0]
    if not len(present):
        return counts > 0
    low, high = np.quantile(present, bounds)
    kept: NDArray[np.bool_] = (counts >= low) & (counts <= high) & (counts > 0)
    return kept


def users_within(data: TrainingData, bounds: Bounds) -> TrainingData:
    """The users whose number of visits lies within; all of them when none does."""
    if bounds == (0.0, 1.0):
        return data
    kept = within(data.visits.lengths, bounds)
    return rows_of_users(data, kept) if kept.any() and not kept.all() else data


def items_within(data: TrainingData, bounds: Bounds) -> TrainingData:
    """The rows of items whose number of visits lies within; the catalog stays whole."""
    if bounds == (0.0, 1.0):
        return data
    kept = within(np.bincount(data.visits.items, minlength=len(data.catalog)), bounds)[data.items]
    if not kept.any() or kept.all():
        return data
    return data.of_rows(kept)
