"""Values of hyperparameters, which requests give as strings: parsing, checks and one normal form (R-50 to R-56)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from personalize_emu.service.catalog.recipe_facts import Hyperparameter, ParameterKind, RecipeFacts
from personalize_emu.wire.errors import InvalidInputException

# ASCII digits only, and so few that conversions are fast and do not overflow.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})(?:[eE][+-]?[0-9]{1,3})?")
_SHOWN = 60


def integer_value(text: str) -> int | None:
    """The number in a string, or None when it is not a plain integer."""
    return int(text) if _INTEGER.fullmatch(text) else None


def decimal_value(text: str) -> float | None:
    """The number in a string, or None when it is not a finite decimal number."""
    if not _DECIMAL.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def shown(value: object) -> str:
    """A value in an error text, cut where it gets long."""
    text = str(value)
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}...'"


def parameter_named(recipe: RecipeFacts, kind: ParameterKind, name: str) -> Hyperparameter | None:
    """The parameter a request calls `name`, by any of its names (R-51)."""
    return next((parameter for parameter in recipe.of_kind(kind) if name in parameter.names()), None)


def in_bounds(parameter: Hyperparameter, value: float) -> bool:
    if parameter.minimum is not None:
        if value < parameter.minimum:
            return False
        if parameter.above_minimum and value == parameter.minimum:
            return False
    return parameter.maximum is None or value <= parameter.maximum


def categorical_value(parameter: Hyperparameter, text: str) -> str | None:
    """The listed value, or None when it is not one; Booleans ignore case (R-54)."""
    value = text.lower() if parameter.is_boolean else parameter.spellings.get(text, text)
    return value if value in parameter.values else None


def normalised_value(parameter: Hyperparameter, text: str) -> str | None:
    """A value in normal form, or None when it is not a value of this parameter (R-54)."""
    if parameter.type == "categorical":
        return categorical_value(parameter, text)
    number = integer_value(text) if parameter.type == "integer" else decimal_value(text)
    if number is None or not in_bounds(parameter, number):
        return None
    return str(number)


def given_parameters(recipe: RecipeFacts, kind: ParameterKind, given: Mapping[str, str], member: str) -> dict[str, str]:
    """The parameters of a request under their names in the service, with normalised values.

    member: name of the map in the request, for error texts.

    Raises:
        InvalidInputException: unknown name, one parameter under two names, bad value (R-54), or a parameter
            that is set through HPO ranges only (R-67).
    """
    values: dict[str, str] = {}
    for name, text in given.items():
        parameter = parameter_named(recipe, kind, name)
        if parameter is None:
            raise InvalidInputException(f"{member} has an unknown parameter for recipe {recipe.name}: {shown(name)}.")
        if parameter.ranges_only:
            raise InvalidInputException(f"{parameter.name} can only be given as a range in hpoConfig.")
        if parameter.name in values:
            raise InvalidInputException(f"{member} gives {parameter.name} more than once.")
        value = normalised_value(parameter, text)
        if value is None:
            raise InvalidInputException(
                f"{member} has an invalid value for {parameter.name}: {shown(text)}. "
                f"Allowed: {allowed_values(parameter)}."
            )
        values[parameter.name] = value
    return values


def check_order_of_bounds(recipe: RecipeFacts, given: Mapping[str, str], member: str) -> None:
    """Check that no `min_` parameter is above its `max_` parameter. given: see `given_parameters`.

    Raises:
        InvalidInputException: one is, so that nothing would be left to train on (R-71).
    """
    values = {parameter.name: given.get(parameter.name, parameter.default) for parameter in recipe.hyperparameters}
    for least, value in values.items():
        greatest = least.replace("min_", "max_", 1)
        if least.startswith("min_") and greatest in values and float(value) > float(values[greatest]):
            both = [f"{name} {values[name]}{'' if name in given else ' (its default)'}" for name in (least, greatest)]
            raise InvalidInputException(
                f"{member} has {both[0]} above {both[1]}, which leaves nothing to train on. "
                f"Lower {least} or raise {greatest}."
            )


def allowed_values(parameter: Hyperparameter) -> str:
    """What an error text says of the values that are accepted."""
    if parameter.type == "categorical":
        return ", ".join(parameter.values)
    noun = "integer" if parameter.type == "integer" else "number"
    if parameter.maximum is None:
        relation = "greater than" if parameter.above_minimum else "of at least"
        return f"{noun} {relation} {parameter.minimum}"
    return f"{noun} from {parameter.minimum} to {parameter.maximum}"
