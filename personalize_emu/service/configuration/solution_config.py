"""Solution configurations: checks of CreateSolution and UpdateSolution, and resolved values for trainings (spec 07)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.data.schemas.avro import Schema
from personalize_emu.service.catalog.parameter_values import (
    check_order_of_bounds,
    decimal_value,
    given_parameters,
    shown,
)
from personalize_emu.service.catalog.recipe_facts import ParameterKind, RecipeFacts
from personalize_emu.service.configuration.hpo_config import check_hpo, shown_hpo_config
from personalize_emu.service.recipes import required_recipe
from personalize_emu.service.state.training_selection import check_training_columns, columns_in_training
from personalize_emu.wire.errors import InvalidInputException

Document = Mapping[str, Any]
Schemas = Mapping[str, Schema]
"""Dataset type to the schema of the group's dataset of that type."""

NO_INTERACTIONS = (
    "Dataset group must contain an INTERACTIONS dataset with successfully completed dataset import job "
    "or EVENT_INTERACTIONS"
)
"""Recorded text (E-12)."""

_PARAMETER_MEMBERS: tuple[tuple[str, ParameterKind], ...] = (
    ("algorithmHyperParameters", "algorithm"),
    ("featureTransformationParameters", "featurization"),
)
_OBJECTIVE_RECIPES = frozenset(
    {
        "aws-user-personalization",
        "aws-user-personalization-v2",
        "aws-personalized-ranking",
        "aws-personalized-ranking-v2",
    }
)
"""The guide names the two families and leaves their second versions open (R-24)."""
_SCHEDULE = re.compile(r"rate\(([0-9]{1,8}) days?\)")
_DEFAULT_SCHEDULE_DAYS = 7


def check_solution(
    recipe: RecipeFacts | None, params: Document, schemas: Schemas, *, legacy: bool = False
) -> None:
    """params: of CreateSolution. recipe: the one they name, if any. legacy: whether withdrawn ones are allowed (R-32).

    Imported data (R-SOL-12) are checked by the caller.

    Raises:
        InvalidInputException: a combination, recipe, dataset or value that cannot be trained (spec 07
            section 1; 06 R-32, R-54, R-56, R-107; 02 R-SOL-2, R-SOL-11, R-SOL-20).
        ResourceNotFoundException: autoMLConfig names a recipe that does not exist.
    """
    auto_ml = bool(params.get("performAutoML", False))
    if auto_ml == (recipe is not None):
        raise InvalidInputException("Provide either recipeArn or performAutoML, not both and not neither.")
    config: Document = params.get("solutionConfig", {})
    if recipe is None:
        # T-40: AutoML ignores the rest of the configuration.
        check_recipe_datasets(None, {}, schemas)
        check_event_selection(params.get("eventType"), {}, schemas)
        _check_auto_ml(config.get("autoMLConfig", {}), legacy=legacy)
        return
    _check_can_train(recipe, legacy=legacy)
    check_recipe_datasets(recipe, config, schemas)
    check_incremental_update(recipe, params)
    check_hpo(recipe, config.get("hpoConfig", {}))
    check_event_selection(params.get("eventType"), config, schemas)
    for member, kind in _PARAMETER_MEMBERS:
        given = given_parameters(recipe, kind, config.get(member, {}), member)
        check_order_of_bounds(recipe, given, member)
    check_training_columns(config.get("trainingDataConfig", {}), schemas)
    _check_objective(recipe, config.get("optimizationObjective", {}), schemas)
    schedule_days(config)


def check_solution_update(
    recipe: RecipeFacts | None, event_type: str | None, params: Document, schemas: Schemas
) -> None:
    """params: of UpdateSolution. recipe, event_type: of the solution.

    Raises:
        InvalidInputException: nothing to change (R-SOL-22), or a value CreateSolution would refuse.
    """
    if not params.keys() - {"solutionArn"}:
        raise InvalidInputException("Provide at least one value to update.")
    if recipe is not None:
        check_incremental_update(recipe, params)
    update: Document = params.get("solutionUpdateConfig", {})
    check_event_selection(event_type, {"eventsConfig": update.get("eventsConfig", {})}, schemas)
    schedule_days(update)


def resolved_hyperparameters(recipe: RecipeFacts, solution_config: Document | None) -> dict[str, str]:
    """Every parameter of the recipe, of both kinds, with its value in the configuration or its default.

    Names are unprefixed (R-51), Booleans lower case (R-54).
    """
    config = solution_config or {}
    resolved = {parameter.name: parameter.default for parameter in recipe.hyperparameters}
    for member, kind in _PARAMETER_MEMBERS:
        resolved |= given_parameters(recipe, kind, config.get(member, {}), member)
    return resolved


def shown_solution_config(recipe: RecipeFacts | None, solution_config: Document) -> dict[str, Any]:
    """The configuration as Describe shows it: as given (R-SOL-24), HPO range names staged (R-51)."""
    answer = dict(solution_config)
    if recipe is not None and "hpoConfig" in answer:
        answer["hpoConfig"] = shown_hpo_config(recipe, answer["hpoConfig"])
    return answer


def schedule_days(config: Document) -> int:
    """Days between automatic trainings, 7 by default (R-SOL-8).

    Raises:
        InvalidInputException: not 1 to 30 days (T-51).
    """
    expression = config.get("autoTrainingConfig", {}).get("schedulingExpression")
    if expression is None:
        return _DEFAULT_SCHEDULE_DAYS
    matched = _SCHEDULE.fullmatch(expression)
    if matched is None or not 1 <= int(matched[1]) <= 30:
        raise InvalidInputException(
            f"schedulingExpression must be rate(N day) or rate(N days) with N from 1 to 30, not {shown(expression)}."
        )
    return int(matched[1])


def check_incremental_update(recipe: RecipeFacts, params: Document) -> None:
    """Raises InvalidInputException: requested for a recipe without incremental training (R-SOL-11)."""
    if params.get("performIncrementalUpdate", False) and recipe.name != "aws-semantic-similarity":
        raise InvalidInputException(f"Recipe {recipe.name} does not support performIncrementalUpdate.")


def check_recipe_datasets(recipe: RecipeFacts | None, config: Document, schemas: Schemas) -> None:
    """Check that the datasets and columns that a recipe requires exist (T-84, R-SOL-12).

    Raises:
        InvalidInputException: a dataset or column is missing.
    """
    name = "" if recipe is None else recipe.name
    if name == "aws-semantic-similarity":
        _check_semantic_items(schemas)
        return
    if "INTERACTIONS" not in schemas:
        raise InvalidInputException(NO_INTERACTIONS)
    if name == "aws-next-best-action" and "ACTIONS" not in schemas:
        raise InvalidInputException("Recipe aws-next-best-action requires an ACTIONS dataset.")
    if name == "aws-item-attribute-affinity" and not attribute_columns(config, schemas):
        raise InvalidInputException(
            "Recipe aws-item-attribute-affinity requires an ITEMS dataset with a categorical or numeric "
            "metadata column."
        )


def _check_can_train(recipe: RecipeFacts, *, legacy: bool = False) -> None:
    if recipe.domain is not None:
        raise InvalidInputException(f"Recipe {recipe.arn} is a domain use case and requires a recommender.")
    if not recipe.listed and not legacy:
        raise InvalidInputException(f"Recipe {recipe.arn} is no longer available.")


def _check_auto_ml(auto_ml_config: Document, *, legacy: bool) -> None:
    for arn in auto_ml_config.get("recipeList", ()):
        recipe = required_recipe(arn)
        _check_can_train(recipe, legacy=legacy)
        if recipe.recipe_type != "USER_PERSONALIZATION":
            raise InvalidInputException(f"Recipe {arn} cannot be used with performAutoML.")


def _check_semantic_items(schemas: Schemas) -> None:
    """A column flagged as item name and another textual column are required (R-79)."""
    fields = schemas["ITEMS"].fields if "ITEMS" in schemas else ()
    named = [field for field in fields if field.names_item and field.type == "string"]
    if not named or not any(field.textual for field in fields if field != named[0]):
        raise InvalidInputException(
            "Recipe aws-semantic-similarity requires an ITEMS dataset with an item name column and a textual column."
        )


def attribute_columns(config: Document, schemas: Schemas) -> list[str]:
    """Item columns that segments can be requested by: trained on, categorical or numeric (D-13, D-14)."""
    if "ITEMS" not in schemas:
        return []
    schema = schemas["ITEMS"]
    trained = columns_in_training(config.get("trainingDataConfig", {}), "ITEMS", schema)
    return [
        field.name
        for field in schema.fields
        if field.name in trained
        and field.name not in ("ITEM_ID", "CREATION_TIMESTAMP")
        and (field.categorical or field.numeric)
    ]


def _check_objective(recipe: RecipeFacts, objective: Document, schemas: Schemas) -> None:
    """T-26, T-27, R-24."""
    if not objective:
        return
    if recipe.name not in _OBJECTIVE_RECIPES:
        raise InvalidInputException(f"Recipe {recipe.name} does not support optimizationObjective.")
    column = objective.get("itemAttribute")
    if column is None:
        if objective.get("objectiveSensitivity", "OFF") == "OFF":
            return
        raise InvalidInputException("optimizationObjective requires an itemAttribute.")
    field = schemas["ITEMS"].field(column) if "ITEMS" in schemas else None
    if field is None:
        raise InvalidInputException(f"itemAttribute {shown(column)} is not a column of the ITEMS dataset.")
    if not field.numeric or field.nullable:
        raise InvalidInputException(f"itemAttribute {shown(column)} must be numeric and must not allow null.")


def check_event_selection(event_type: str | None, config: Document, schemas: Mapping[str, Schema]) -> None:
    """config: a solutionConfig. schemas: of the datasets of the group, by dataset type.

    Raises:
        InvalidInputException: a column that the selection reads is missing (T-21), the threshold is no
            number, or the events configuration has no meaning (T-22).
    """
    if event_type is not None:
        _require_column(schemas, "EVENT_TYPE", "eventType")
    if "eventValueThreshold" in config:
        threshold = config["eventValueThreshold"]
        if decimal_value(threshold) is None:
            raise InvalidInputException(f"eventValueThreshold must be a number, not {shown(threshold)}.")
        _require_column(schemas, "EVENT_VALUE", "eventValueThreshold")
    _check_events_config(config.get("eventsConfig", {}), schemas)


def _check_events_config(events_config: Document, schemas: Mapping[str, Schema]) -> None:
    entries: Sequence[Document] = events_config.get("eventParametersList", ())
    if not entries:
        return
    _require_column(schemas, "EVENT_TYPE", "eventsConfig")
    types = [entry.get("eventType") for entry in entries]
    if None in types:
        raise InvalidInputException("Each entry of eventParametersList must have an eventType.")
    if len(set(types)) < len(types):
        raise InvalidInputException("eventParametersList must not name an eventType more than once.")
    if any("eventValueThreshold" in entry for entry in entries):
        _require_column(schemas, "EVENT_VALUE", "eventValueThreshold")
    # Weights act relative to their mean (T-23), which must not be zero.
    if not any(entry.get("weight", 1.0) > 0 for entry in entries):
        raise InvalidInputException("At least one weight of eventParametersList must be greater than 0.")


def _require_column(schemas: Mapping[str, Schema], column: str, member: str) -> None:
    schema = schemas.get("INTERACTIONS")
    if schema is None or column not in schema.names:
        raise InvalidInputException(f"{member} requires a column {column} in the INTERACTIONS dataset.")
