"""From the configuration of a solution to the search for its hyperparameters (T-14, T-30 to T-35)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from personalize_emu.recipes.tuning import Axis, Search
from personalize_emu.service.hpo_config import searched_ranges
from personalize_emu.service.recipe_facts import Hyperparameter, RecipeFacts
from personalize_emu.service.solution_config import resolved_hyperparameters

DEFAULT_JOBS = 16
"""Where nothing is said: fewer than may be asked for, as a search is to end in a minute on small data."""
DEFAULT_PARALLEL_JOBS = 10
AUTO_ML_JOBS = 10
"""AutoML cannot be told how many (T-40)."""


def auto_ml_search(facts: RecipeFacts) -> Search | None:
    """The search that AutoML does with the recipe it chose."""
    search = requested_search(facts, {})
    return search and replace(search, jobs=AUTO_ML_JOBS)


def requested_search(facts: RecipeFacts, config: Mapping[str, Any]) -> Search | None:
    """The search that a checked configuration asks for; None for a recipe without anything to tune."""
    hpo: Mapping[str, Any] = config.get("hpoConfig", {})
    resources: Mapping[str, str] = hpo.get("hpoResourceConfig", {})
    given = resolved_hyperparameters(facts, config)
    axes = tuple(_axis(parameter, given[parameter.name]) for parameter in searched_ranges(facts, hpo))
    if not axes:
        return None
    jobs = int(resources.get("maxNumberOfTrainingJobs", DEFAULT_JOBS))
    return Search(axes, jobs, int(resources.get("maxParallelTrainingJobs", DEFAULT_PARALLEL_JOBS)))


def _axis(parameter: Hyperparameter, usual: str) -> Axis:
    if parameter.type == "categorical":
        return Axis(parameter.name, usual, values=parameter.values)
    low, high = parameter.minimum, parameter.maximum
    if low is None or high is None:
        raise ValueError(f"{parameter.name} has no bounds to search between")
    return Axis(parameter.name, usual, low, high, whole=parameter.type == "integer")
