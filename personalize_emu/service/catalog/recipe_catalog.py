"""All recipes the service offers: fifteen for custom dataset groups (spec 06 section 1) and the use cases."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from personalize_emu.service.catalog import hyperparameter_tables as tables
from personalize_emu.service.catalog.recipe_facts import ARN_PREFIX, Hyperparameter, RecipeFacts, midnight
from personalize_emu.service.catalog.use_cases import USE_CASES

__all__ = ["ARN_PREFIX", "LAST_UPDATED", "Hyperparameter", "RecipeFacts", "all_recipes", "recipe_by_arn"]

LAST_UPDATED = midnight(2024, 7, 1) + 54_461.686
"""The same for all recipes, algorithms and feature transformations (R-31, R-RCP-2)."""

_ORIGINAL = midnight(2019, 6, 10)
_RECENT = midnight(2024, 1, 1)

_CUSTOM: tuple[RecipeFacts, ...] = (
    RecipeFacts(
        name="aws-user-personalization-v2",
        recipe_type="USER_PERSONALIZATION",
        description="Chooses items for each user from catalogs of up to 5 million items.",
        created=_RECENT,
        algorithm_name="aws-user-personalization-v2",
        feature_transformation_name="aws-user-personalization-v2",
        hyperparameters=tables.RECENCY_BIAS,
        real_time=True,
        auto_update=True,
        has_scores=True,
        batch="inference",
    ),
    RecipeFacts(
        name="aws-user-personalization",
        recipe_type="USER_PERSONALIZATION",
        description="Chooses items for each user from the order of events, and explores new ones.",
        created=_ORIGINAL,
        algorithm_name="aws-user-personalization",
        feature_transformation_name="JSON-percentile-filtering",
        hyperparameters=tables.USER_PERSONALIZATION,
        real_time=True,
        auto_update=True,
        exploration_age_minimum=0.0,
        has_scores=True,
        batch="inference",
    ),
    RecipeFacts(
        name="aws-popularity-count",
        # the runtime treats it as POPULAR_ITEMS, DescribeRecipe does not say so.
        recipe_type="USER_PERSONALIZATION",
        description="Counts the users of each item and offers the most popular items to everyone.",
        created=_ORIGINAL,
        algorithm_name="aws-popularity-count",
        feature_transformation_name="sims",
        needs=(),
        batch="inference",
    ),
    RecipeFacts(
        name="aws-trending-now",
        recipe_type="POPULAR_ITEMS",
        description="Finds the items whose popularity grows fastest in the latest interval.",
        created=midnight(2023, 1, 1),
        algorithm_name="aws-trending-now-custom",
        feature_transformation_name="aws-trending-now",
        hyperparameters=tables.TRENDING_NOW,
        needs=(),
        auto_update=True,
    ),
    RecipeFacts(
        name="aws-personalized-ranking-v2",
        recipe_type="PERSONALIZED_RANKING",
        description="Puts a list of items, out of up to 5 million, in the order of one user's interest.",
        created=_RECENT,
        algorithm_name="aws-personalized-ranking-v2",
        feature_transformation_name="aws-personalized-ranking-v2",
        hyperparameters=tables.RECENCY_BIAS,
        operation="GetPersonalizedRanking",
        needs=("userId", "inputList"),
        real_time=True,
        has_scores=True,
        batch="inference",
    ),
    RecipeFacts(
        name="aws-personalized-ranking",
        recipe_type="PERSONALIZED_RANKING",
        description="Puts a list of items in the order of one user's interest.",
        created=_ORIGINAL,
        algorithm_name="aws-personalized-ranking",
        feature_transformation_name="JSON-percentile-filtering",
        hyperparameters=tables.USER_PERSONALIZATION,
        operation="GetPersonalizedRanking",
        needs=("userId", "inputList"),
        real_time=True,
        has_scores=True,
        batch="inference",
    ),
    RecipeFacts(
        name="aws-similar-items",
        recipe_type="RELATED_ITEMS",
        description="Finds items like a given one from shared histories and item metadata.",
        created=_ORIGINAL,
        algorithm_name="aws-similar-items",
        feature_transformation_name="similar-items",
        hyperparameters=tables.SIMILAR_ITEMS,
        needs=("itemId",),
        batch="inference",
    ),
    RecipeFacts(
        name="aws-semantic-similarity",
        recipe_type="RELATED_ITEMS",
        description="Finds items whose names and texts mean about the same as those of a given one.",
        created=_RECENT,
        algorithm_name="aws-semantic-similarity",
        feature_transformation_name="aws-semantic-similarity",
        needs=("itemId",),
        batch="inference",
    ),
    RecipeFacts(
        name="aws-sims",
        recipe_type="RELATED_ITEMS",
        description="Finds items that occur together with a given one in the histories of users.",
        created=_ORIGINAL,
        algorithm_name="aws-sims",
        feature_transformation_name="sims",
        hyperparameters=tables.SIMS,
        needs=("itemId",),
        batch="inference",
    ),
    RecipeFacts(
        name="aws-next-best-action",
        recipe_type="PERSONALIZED_ACTIONS",
        description="Finds the actions a user will most likely take, and how likely that is.",
        created=midnight(2023, 8, 11),
        algorithm_name="aws-next-best-action",
        feature_transformation_name="aws-next-best-action",
        hyperparameters=tables.NEXT_BEST_ACTION,
        operation="GetActionRecommendations",
        real_time=True,
        auto_update=True,
        has_scores=True,
    ),
    RecipeFacts(
        name="aws-item-affinity",
        recipe_type="USER_SEGMENTATION",
        description="Finds the users who will most likely interact with each of the given items.",
        created=midnight(2021, 7, 15),
        algorithm_name="aws-item-affinity",
        feature_transformation_name="item-affinity",
        hyperparameters=tables.AFFINITY,
        operation=None,
        needs=(),
        batch="segment",
    ),
    RecipeFacts(
        name="aws-item-attribute-affinity",
        recipe_type="USER_SEGMENTATION",
        description="Finds the users who will most likely interact with items of the given attributes.",
        created=midnight(2021, 8, 25),
        algorithm_name="aws-item-attribute-affinity",
        feature_transformation_name="item-attribute-affinity",
        hyperparameters=tables.AFFINITY,
        operation=None,
        needs=(),
        batch="segment",
    ),
    RecipeFacts(
        name="aws-hrnn",
        recipe_type="USER_PERSONALIZATION",
        description="Legacy: predicts the items a user will interact with from the order of events.",
        created=_ORIGINAL,
        algorithm_name="aws-hrnn",
        feature_transformation_name="JSON-percentile-filtering",
        listed=False,
        hyperparameters=tables.HRNN,
        real_time=True,
        has_scores=True,
        batch="inference",
    ),
    RecipeFacts(
        name="aws-hrnn-metadata",
        recipe_type="USER_PERSONALIZATION",
        description="Legacy: as aws-hrnn, with attributes of users, items and context.",
        created=_ORIGINAL,
        algorithm_name="aws-hrnn-metadata",
        feature_transformation_name="featurize_metadata",
        listed=False,
        hyperparameters=tables.HRNN,
        real_time=True,
        has_scores=True,
        batch="inference",
    ),
    RecipeFacts(
        name="aws-hrnn-coldstart",
        recipe_type="USER_PERSONALIZATION",
        description="Legacy: as aws-hrnn-metadata, with exploration of new items.",
        created=_ORIGINAL,
        algorithm_name="aws-hrnn-coldstart",
        feature_transformation_name="featurize_coldstart",
        listed=False,
        hyperparameters=tables.HRNN_COLDSTART,
        real_time=True,
        has_scores=True,
        batch="inference",
    ),
)
"""R-1 to R-15 and the flags of section 1.1."""


@cache
def all_recipes() -> tuple[RecipeFacts, ...]:
    """Every recipe and use case, legacy ones included, sorted by name (R-30)."""
    return tuple(sorted((*_CUSTOM, *USE_CASES), key=lambda recipe: recipe.name))


@cache
def _by_arn() -> Mapping[str, RecipeFacts]:
    return {recipe.arn: recipe for recipe in all_recipes()}


def recipe_by_arn(arn: str) -> RecipeFacts | None:
    return _by_arn().get(arn)
