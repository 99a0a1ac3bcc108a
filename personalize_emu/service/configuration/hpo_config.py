"""hpoConfig of a solution: checks, and the ranges that are searched (T-30 to T-33)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from personalize_emu.service.catalog.parameter_values import (
    allowed_values,
    categorical_value,
    in_bounds,
    integer_value,
    parameter_named,
    shown,
)
from personalize_emu.service.catalog.recipe_facts import Hyperparameter, ParameterType, RecipeFacts
from personalize_emu.wire.errors import InvalidInputException

Document = Mapping[str, Any]

_LISTS: tuple[tuple[str, ParameterType], ...] = (
    ("integerHyperParameterRanges", "integer"),
    ("continuousHyperParameterRanges", "continuous"),
    ("categoricalHyperParameterRanges", "categorical"),
)
_RESOURCE_LIMITS = (("maxNumberOfTrainingJobs", 40), ("maxParallelTrainingJobs", 10))


def check_hpo(recipe: RecipeFacts, hpo_config: Document) -> None:
    """Raises InvalidInputException: a bad hpoConfig.

    A recipe without tunable parameters is accepted; nothing is tuned then (T-33, R-56).
    """
    _check_objective(hpo_config.get("hpoObjective", {}))
    resources = hpo_config.get("hpoResourceConfig", {})
    for member, limit in _RESOURCE_LIMITS:
        if member in resources:
            _check_job_count(member, resources[member], limit)
    searched_ranges(recipe, hpo_config)


def searched_ranges(recipe: RecipeFacts, hpo_config: Document) -> tuple[Hyperparameter, ...]:
    """The tunable parameters to search, each narrowed to its range in the configuration.

    Without ranges, all tunable parameters of the recipe over their full ranges (T-30).

    Raises:
        InvalidInputException: not a tunable parameter of the recipe, named twice, in the wrong list, or a
            range that is empty or reaches beyond the documented one (T-33).
    """
    asked: dict[str, Hyperparameter] = {}
    for kind, entry in _entries(hpo_config):
        narrowed = _narrowed(recipe, kind, entry)
        if narrowed.name in asked:
            raise InvalidInputException(f"hpoConfig gives a range of {narrowed.name} more than once.")
        asked[narrowed.name] = narrowed
    if asked:
        return tuple(asked.values())
    return tuple(parameter for parameter in recipe.hyperparameters if parameter.tunable)


def shown_hpo_config(recipe: RecipeFacts, hpo_config: Document) -> dict[str, Any]:
    """The configuration as DescribeSolution shows it: range names carry their stage (R-51)."""
    answer = dict(hpo_config)
    if "algorithmHyperParameterRanges" in hpo_config:
        ranges = hpo_config["algorithmHyperParameterRanges"]
        answer["algorithmHyperParameterRanges"] = {
            member: [entry | _staged_name(recipe, entry) for entry in entries] for member, entries in ranges.items()
        }
    return answer


def _staged_name(recipe: RecipeFacts, entry: Document) -> dict[str, str]:
    parameter = parameter_named(recipe, "algorithm", entry.get("name", ""))
    if parameter is None or parameter.staged_name is None:
        return {}
    return {"name": parameter.staged_name}


def _check_objective(objective: Document) -> None:
    # T-32: accepted and shown again, never used.
    if objective.get("type", "Maximize") not in ("Maximize", "Minimize"):
        raise InvalidInputException("hpoObjective type must be Maximize or Minimize.")


def _check_job_count(member: str, text: str, limit: int) -> None:
    count = integer_value(text)
    if count is None or not 1 <= count <= limit:
        raise InvalidInputException(f"{member} must be an integer from 1 to {limit}, not {shown(text)}.")


def _entries(hpo_config: Document) -> Iterator[tuple[ParameterType, Document]]:
    ranges = hpo_config.get("algorithmHyperParameterRanges", {})
    for member, kind in _LISTS:
        for entry in ranges.get(member, ()):
            yield kind, entry


def _narrowed(recipe: RecipeFacts, kind: ParameterType, entry: Document) -> Hyperparameter:
    name = entry.get("name", "")
    parameter = parameter_named(recipe, "algorithm", name)
    if parameter is None:
        # Recorded (spec 04 section 3).
        raise InvalidInputException(
            f"Provide a hyperparameter that is used in the algorithm: {recipe.algorithm_arn}"
        )
    if not parameter.tunable:
        raise InvalidInputException(f"Recipe {recipe.name} has no tunable parameter {shown(name)}.")
    if parameter.type != kind:
        raise InvalidInputException(f"{parameter.name} is {parameter.type}, its range was given as {kind}.")
    return _narrowed_values(parameter, entry) if kind == "categorical" else _narrowed_bounds(parameter, entry)


def _narrowed_values(parameter: Hyperparameter, entry: Document) -> Hyperparameter:
    if "values" not in entry:
        return parameter
    values = [categorical_value(parameter, text) for text in entry["values"]]
    known = tuple(dict.fromkeys(value for value in values if value is not None))
    if not known or None in values:
        raise _out_of_range(parameter)
    return replace(parameter, values=known)


def _narrowed_bounds(parameter: Hyperparameter, entry: Document) -> Hyperparameter:
    low = entry.get("minValue", parameter.minimum)
    high = entry.get("maxValue", parameter.maximum)
    if not (in_bounds(parameter, low) and in_bounds(parameter, high) and low <= high):
        raise _out_of_range(parameter)
    return replace(parameter, minimum=low, maximum=high)


def _out_of_range(parameter: Hyperparameter) -> InvalidInputException:
    return InvalidInputException(
        f"hpoConfig has an invalid range for {parameter.name}. Allowed: {allowed_values(parameter)}."
    )
