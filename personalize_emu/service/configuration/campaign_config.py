"""Campaign configurations: checks and resolved values (R-CMP-19, R-CMP-20, RT-50, RT-70)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalize_emu.data.schemas.avro import Schema
from personalize_emu.service.catalog.parameter_values import decimal_value, shown
from personalize_emu.service.catalog.recipe_facts import RecipeFacts
from personalize_emu.wire.errors import InvalidInputException

Document = Mapping[str, Any]
Schemas = Mapping[str, Schema]
"""Dataset type to the schema of the group's dataset of that type."""

EXPLORATION_DEFAULTS: Mapping[str, float] = {"explorationWeight": 0.3, "explorationItemAgeCutOff": 30.0}
"""R-62, R-63, R-CMP-18; the age is in days."""

METADATA_ALWAYS_ON = frozenset(
    {"aws-user-personalization-v2", "aws-personalized-ranking-v2", "aws-semantic-similarity"}
)
"""Recipes whose answers may carry metadata without the switch (R-73b, RT-65)."""


def check_campaign_config(recipe: RecipeFacts, config: Document | None, schemas: Schemas) -> None:
    """`config` is the campaignConfig of CreateCampaign or UpdateCampaign, None when it was left out.

    Raises:
        InvalidInputException: the recipe has no real-time answers (R-20), or a value is bad.
    """
    if recipe.operation is None:
        raise InvalidInputException(f"Recipe {recipe.name} does not support campaigns.")
    config = config or {}
    check_exploration(recipe, config.get("itemExplorationConfig", {}))
    check_ranking_influence(recipe, config.get("rankingInfluence", {}), schemas)
    if config.get("enableMetadataWithRecommendations", False) and recipe.operation != "GetActionRecommendations":
        check_metadata_columns(schemas)


def check_exploration(recipe: RecipeFacts, exploration: Mapping[str, str]) -> None:
    """For campaigns, recommenders and batch inference jobs (R-101, B-8); not checked for recipes that do not explore.

    Raises:
        InvalidInputException: an unknown name, or a bad value (RT-50).
    """
    if not recipe.explores:
        return
    for name, text in exploration.items():
        if name not in EXPLORATION_DEFAULTS:
            raise InvalidInputException(f"itemExplorationConfig has an unknown parameter: {shown(name)}.")
        value = decimal_value(text)
        if value is None or not _fits(recipe, name, value):
            raise InvalidInputException(f"itemExplorationConfig has an invalid {name}: {shown(text)}.")


def check_ranking_influence(recipe: RecipeFacts, influence: Mapping[str, float], schemas: Schemas) -> None:
    """For campaigns and batch inference jobs (B-8); checked for aws-semantic-similarity only.

    Raises:
        InvalidInputException: the data it needs are missing (RT-70).
    """
    if recipe.name != "aws-semantic-similarity":
        return
    # 0 is the default and needs nothing.
    wanted = {name for name, weight in influence.items() if weight > 0}
    if "FRESHNESS" in wanted and "CREATION_TIMESTAMP" not in _item_columns(schemas):
        raise InvalidInputException(
            "rankingInfluence FRESHNESS requires a column CREATION_TIMESTAMP in the ITEMS dataset."
        )
    if "POPULARITY" in wanted and "INTERACTIONS" not in schemas:
        raise InvalidInputException("rankingInfluence POPULARITY requires an INTERACTIONS dataset.")


def check_metadata_columns(schemas: Schemas) -> None:
    """Raises InvalidInputException: items have no metadata column to show (R-CMP-20)."""
    if not set(_item_columns(schemas)) - {"ITEM_ID", "CREATION_TIMESTAMP"}:
        raise InvalidInputException(
            "enableMetadataWithRecommendations requires an ITEMS dataset with a metadata column."
        )


def resolved_exploration(recipe: RecipeFacts, config: Document | None) -> dict[str, float] | None:
    """Weight (0 to 1) and age (days) of exploration, with defaults; None for recipes without this configuration."""
    if not recipe.explores:
        return None
    given: Mapping[str, str] = (config or {}).get("itemExplorationConfig", {})
    return {**EXPLORATION_DEFAULTS, **{name: float(text) for name, text in given.items()}}


def shows_metadata(recipe: RecipeFacts, config: Document | None) -> bool:
    """Whether answers may carry item metadata (RT-65); columns are checked by `check_metadata_columns`."""
    if recipe.name in METADATA_ALWAYS_ON:
        return True
    return bool((config or {}).get("enableMetadataWithRecommendations", False))


def _item_columns(schemas: Schemas) -> tuple[str, ...]:
    return schemas["ITEMS"].names if "ITEMS" in schemas else ()


def _fits(recipe: RecipeFacts, name: str, value: float) -> bool:
    if name == "explorationWeight":
        return 0.0 <= value <= 1.0
    return value > 0.0 and value >= (recipe.exploration_age_minimum or 0.0)
