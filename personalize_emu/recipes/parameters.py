"""Reading hyperparameters, which travel as strings, already checked."""

from __future__ import annotations

from personalize_emu.recipes.base import Hyperparameters


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
