"""Parsing of hyperparameters, which are strings, already checked, and the percentile filters of R-71."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import Hyperparameters, TrainingData
from personalize_emu.recipes.contract.split import rows_of_users


def flag(parameters: Hyperparameters, name: str, default: bool) -> bool:
    """`true` or `false` in any case (R-54)."""
    return parameters[name].strip().lower() == "true" if name in parameters else default


def number(parameters: Hyperparameters, name: str, default: float) -> float:
    """A decimal number."""
    return float(parameters[name]) if name in parameters else default


def percentiles(parameters: Hyperparameters, subject: str, least: float, greatest: float) -> tuple[float, float]:
    """`min_<subject>_percentile` and `max_<subject>_percentile`, with the synonyms of R-69c."""
    short = {"user_history_length": "hist_length"}.get(subject, subject)
    bounds = []
    for side, default in (("min", least), ("max", greatest)):
        synonym = number(parameters, f"{side}_{short}_percentile", default)
        bounds.append(number(parameters, f"{side}_{subject}_percentile", synonym))
    return bounds[0], bounds[1]


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
    """The users whose number of interactions lies within; all of them when none does."""
    if bounds == (0.0, 1.0):
        return data
    kept = within(data.interactions.lengths, bounds)
    return rows_of_users(data, kept) if kept.any() and not kept.all() else data


def items_within(data: TrainingData, bounds: Bounds) -> TrainingData:
    """The rows of items whose number of interactions lies within; the catalog stays whole."""
    if bounds == (0.0, 1.0):
        return data
    kept = within(np.bincount(data.interactions.items, minlength=len(data.catalog)), bounds)[data.items]
    if not kept.any() or kept.all():
        return data
    return data.of_rows(kept)
