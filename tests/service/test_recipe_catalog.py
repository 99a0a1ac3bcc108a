"""The recipe catalog against tables of spec 06."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from personalize_emu.service.catalog.recipe_catalog import LAST_UPDATED, RecipeFacts, all_recipes, recipe_by_arn
from personalize_emu.service.catalog.recipe_facts import Hyperparameter

# name -> algorithm, feature transformation, type, listed.
CUSTOM = {
    "aws-user-personalization-v2": (
        "aws-user-personalization-v2",
        "aws-user-personalization-v2",
        "USER_PERSONALIZATION",
        True,
    ),
    "aws-user-personalization": (
        "aws-user-personalization",
        "JSON-percentile-filtering",
        "USER_PERSONALIZATION",
        True,
    ),
    "aws-popularity-count": ("aws-popularity-count", "sims", "USER_PERSONALIZATION", True),
    "aws-trending-now": ("aws-trending-now-custom", "aws-trending-now", "POPULAR_ITEMS", True),
    "aws-personalized-ranking-v2": (
        "aws-personalized-ranking-v2",
        "aws-personalized-ranking-v2",
        "PERSONALIZED_RANKING",
        True,
    ),
    "aws-personalized-ranking": (
        "aws-personalized-ranking",
        "JSON-percentile-filtering",
        "PERSONALIZED_RANKING",
        True,
    ),
    "aws-similar-items": ("aws-similar-items", "similar-items", "RELATED_ITEMS", True),
    "aws-semantic-similarity": (
        "aws-semantic-similarity",
        "aws-semantic-similarity",
        "RELATED_ITEMS",
        True,
    ),
    "aws-sims": ("aws-sims", "sims", "RELATED_ITEMS", True),
    "aws-next-best-action": ("aws-next-best-action", "aws-next-best-action", "PERSONALIZED_ACTIONS", True),
    "aws-item-affinity": ("aws-item-affinity", "item-affinity", "USER_SEGMENTATION", True),
    "aws-item-attribute-affinity": (
        "aws-item-attribute-affinity",
        "item-attribute-affinity",
        "USER_SEGMENTATION",
        True,
    ),
    "aws-hrnn": ("aws-hrnn", "JSON-percentile-filtering", "USER_PERSONALIZATION", False),
    "aws-hrnn-metadata": ("aws-hrnn-metadata", "featurize_metadata", "USER_PERSONALIZATION", False),
    "aws-hrnn-coldstart": ("aws-hrnn-coldstart", "featurize_coldstart", "USER_PERSONALIZATION", False),
}

# name -> type, ids a request needs, event type counted, event type filtered out.
USE_CASES = {
    "aws-ecomm-popular-items-by-views": ("POPULAR_ITEMS", {"userId"}, "View", None),
    "aws-ecomm-popular-items-by-purchases": ("POPULAR_ITEMS", {"userId"}, "Purchase", None),
    "aws-ecomm-frequently-bought-together": ("RELATED_ITEMS", {"itemId"}, "Purchase", None),
    "aws-ecomm-customers-who-viewed-x-also-viewed": (
        "RELATED_ITEMS",
        {"userId", "itemId"},
        "View",
        "Purchase",
    ),
    "aws-ecomm-recommended-for-you": ("USER_PERSONALIZATION", {"userId"}, None, "Purchase"),
    "aws-vod-because-you-watched-x": ("RELATED_ITEMS", {"userId", "itemId"}, "Watch", "Watch"),
    "aws-vod-more-like-x": ("RELATED_ITEMS", {"userId", "itemId"}, None, "Watch"),
    "aws-vod-most-popular": ("POPULAR_ITEMS", {"userId"}, "Watch", None),
    "aws-vod-trending-now": ("POPULAR_ITEMS", set(), None, None),
    "aws-vod-top-picks": ("USER_PERSONALIZATION", {"userId"}, None, "Watch"),
}

BOOLEAN = ("true", "false")
RECURRENT = {
    "bptt": ("algorithm", "32", "integer", 2, 32, (), True),
    "recency_mask": ("algorithm", "true", "categorical", None, None, BOOLEAN, True),
    "min_user_history_length_percentile": ("featurization", "0.0", "continuous", 0.0, 1.0, (), False),
    "max_user_history_length_percentile": ("featurization", "0.99", "continuous", 0.0, 1.0, (), False),
}
PERSONALIZATION = {"hidden_dimension": ("algorithm", "149", "integer", 32, 256, (), True)} | RECURRENT
HRNN = {"hidden_dimension": ("algorithm", "43", "integer", 32, 256, (), True)} | RECURRENT
RECENCY_BIAS = {"apply_recency_bias": ("algorithm", "true", "categorical", None, None, BOOLEAN, False)}
AFFINITY = {"hidden_dimension": ("algorithm", "149", "integer", 32, 256, (), False)}
FREQUENCIES = ("30 minutes", "1 hour", "2 hours", "3 hours", "1 day")
PARAMETERS = {
    "aws-user-personalization-v2": RECENCY_BIAS,
    "aws-personalized-ranking-v2": RECENCY_BIAS,
    "aws-user-personalization": PERSONALIZATION,
    "aws-personalized-ranking": PERSONALIZATION,
    "aws-hrnn": HRNN,
    "aws-hrnn-metadata": HRNN,
    "aws-hrnn-coldstart": PERSONALIZATION
    | {
        "cold_start_max_interactions": ("featurization", "15", "integer", 1, None, (), False),
        "cold_start_max_duration": ("featurization", "5.0", "continuous", 0.0, None, (), False),
        "cold_start_relative_from": (
            "featurization",
            "latestItem",
            "categorical",
            None,
            None,
            ("currentTime", "latestItem"),
            False,
        ),
    },
    "aws-similar-items": {
        "item_id_hidden_dim": ("algorithm", "100", "integer", 30, 200, (), True),
        "item_metadata_hidden_dim": ("algorithm", "100", "integer", 30, 200, (), True),
    },
    "aws-sims": {
        "popularity_discount_factor": ("algorithm", "0.5", "continuous", 0.0, 1.0, (), True),
        "min_cointeraction_count": ("algorithm", "3", "integer", 0, 10, (), True),
        "min_user_history_length_percentile": ("featurization", "0.005", "continuous", 0.0, 1.0, (), False),
        "max_user_history_length_percentile": ("featurization", "0.995", "continuous", 0.0, 1.0, (), False),
        "min_item_interaction_count_percentile": ("featurization", "0.01", "continuous", 0.0, 1.0, (), False),
        "max_item_interaction_count_percentile": ("featurization", "0.9", "continuous", 0.0, 1.0, (), False),
    },
    "aws-trending-now": {
        "trend_discovery_frequency": (
            "featurization",
            "2 hours",
            "categorical",
            None,
            None,
            FREQUENCIES,
            False,
        )
    },
    "aws-next-best-action": {"action_optimization_period": ("featurization", "14", "integer", 7, 28, (), False)},
    "aws-item-affinity": AFFINITY,
    "aws-item-attribute-affinity": AFFINITY,
}


def named(name: str) -> RecipeFacts:
    recipe = recipe_by_arn(f"arn:aws:personalize:::recipe/{name}")
    assert recipe is not None
    return recipe


def row(parameter: Hyperparameter) -> tuple[object, ...]:
    return (
        parameter.kind,
        parameter.default,
        parameter.type,
        parameter.minimum,
        parameter.maximum,
        parameter.values,
        parameter.tunable,
    )


def test_the_catalog_has_15_recipes_and_10_use_cases() -> None:
    names = [recipe.name for recipe in all_recipes()]
    assert names == sorted({*CUSTOM, *USE_CASES})


@pytest.mark.parametrize("name", CUSTOM)
def test_r1_to_r15_custom_recipes(name: str) -> None:
    recipe = named(name)
    algorithm, transformation, recipe_type, listed = CUSTOM[name]
    assert recipe.algorithm_arn == f"arn:aws:personalize:::algorithm/{algorithm}"
    assert recipe.feature_transformation_arn == f"arn:aws:personalize:::feature-transformation/{transformation}"
    assert (recipe.recipe_type, recipe.listed, recipe.domain) == (recipe_type, listed, None)


@pytest.mark.parametrize("name", USE_CASES)
def test_r90_to_r105_use_cases(name: str) -> None:
    recipe = named(name)
    recipe_type, needs, required, hidden = USE_CASES[name]
    assert recipe.domain == ("ECOMMERCE" if name.startswith("aws-ecomm-") else "VIDEO_ON_DEMAND")
    assert recipe.algorithm_arn == f"arn:aws:personalize:::algorithm/{name}"
    assert recipe.feature_transformation_arn == f"arn:aws:personalize:::feature-transformation/{name}"
    assert (recipe.recipe_type, set(recipe.needs)) == (recipe_type, needs)
    assert (recipe.required_event, recipe.hidden_event) == (required, hidden)
    assert (recipe.operation, recipe.batch, recipe.has_scores) == ("GetRecommendations", None, False)


@pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)
def test_r55_to_r70e_hyperparameters(recipe: RecipeFacts) -> None:
    actual = {parameter.name: row(parameter) for parameter in recipe.hyperparameters}
    assert actual == PARAMETERS.get(recipe.name, {})


def test_r51_names_with_a_stage_are_synonyms() -> None:
    staged = {
        parameter.name: parameter.staged_name for parameter in named("aws-user-personalization").of_kind("algorithm")
    }
    assert staged == {
        "hidden_dimension": "network.hidden_dimension",
        "bptt": "training.bptt",
        "recency_mask": "data.recency_mask",
    }
    assert all(parameter.staged_name is None for parameter in named("aws-sims").hyperparameters)


def test_r69_sims_accepts_its_internal_parameter_names() -> None:
    synonyms = {synonym for parameter in named("aws-sims").hyperparameters for synonym in parameter.synonyms}
    assert synonyms == {"min_hist_length_percentile", "max_hist_length_percentile"}


def test_t33_tunable_recipes() -> None:
    tunable = {recipe.name for recipe in all_recipes() if recipe.tunes and recipe.listed}
    assert tunable == {
        "aws-user-personalization",
        "aws-personalized-ranking",
        "aws-similar-items",
        "aws-sims",
    }


def test_r64_r101_recipes_with_exploration_configuration() -> None:
    minimum = {recipe.name: recipe.exploration_age_minimum for recipe in all_recipes() if recipe.explores}
    assert minimum == {
        "aws-user-personalization": 0.0,
        "aws-ecomm-recommended-for-you": 1.0,
        "aws-vod-top-picks": 1.0,
    }


def test_r20_operations_and_batch_jobs() -> None:
    segments = {recipe.name for recipe in all_recipes() if recipe.batch == "segment"}
    assert segments == {name for name, facts in CUSTOM.items() if facts[2] == "USER_SEGMENTATION"}
    assert segments == {recipe.name for recipe in all_recipes() if recipe.operation is None}
    assert named("aws-trending-now").batch is None
    assert named("aws-next-best-action").batch is None
    assert named("aws-next-best-action").operation == "GetActionRecommendations"
    ranking = {recipe.name for recipe in all_recipes() if recipe.operation == "GetPersonalizedRanking"}
    assert ranking == {"aws-personalized-ranking", "aws-personalized-ranking-v2"}


def test_r31_recorded_creation_dates() -> None:
    recorded = {
        "aws-sims": (2019, 6, 10),
        "aws-similar-items": (2019, 6, 10),
        "aws-ecomm-recommended-for-you": (2019, 6, 10),
        "aws-item-affinity": (2021, 7, 15),
        "aws-item-attribute-affinity": (2021, 8, 25),
        "aws-next-best-action": (2023, 8, 11),
        "aws-personalized-ranking-v2": (2024, 1, 1),
    }
    for name, date in recorded.items():
        assert datetime.fromtimestamp(named(name).created, UTC) == datetime(*date, tzinfo=UTC)
    assert all(recipe.created < LAST_UPDATED for recipe in all_recipes())


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "aws-sims",
        "arn:aws:personalize:us-east-1::recipe/aws-sims",
        "arn:aws:personalize:::recipe/AWS-SIMS",
        "arn:aws:personalize:::algorithm/aws-sims",
    ],
)
def test_r36_only_the_exact_arn_finds_a_recipe(arn: str) -> None:
    assert recipe_by_arn(arn) is None
