"""Campaign configurations: what is accepted for which recipe and data (R-CMP, RT-50, RT-70)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from personalize_emu.data.schemas.avro import Schema
from personalize_emu.service.catalog.recipe_catalog import all_recipes
from personalize_emu.service.configuration.campaign_config import (
    check_campaign_config,
    check_exploration,
    resolved_exploration,
    shows_metadata,
)
from personalize_emu.wire.errors import InvalidInputException
from tests.service.solution_requests import BARE, GROUP, ITEMS, recipe, schema

PERSONALIZATION = "aws-user-personalization"
SEMANTIC = "aws-semantic-similarity"


def check(config: dict[str, Any] | None, on: str = PERSONALIZATION, schemas: Mapping[str, Schema] = GROUP) -> None:
    check_campaign_config(recipe(on), config, schemas)


def refused(config: dict[str, Any] | None, on: str = PERSONALIZATION, **options: Any) -> str:
    with pytest.raises(InvalidInputException) as caught:
        check(config, on, **options)
    return caught.value.message


def exploring(**values: str) -> dict[str, Any]:
    return {"itemExplorationConfig": values}


def test_r20_user_segmentation_has_no_campaigns() -> None:
    for on in ("aws-item-affinity", "aws-item-attribute-affinity"):
        assert "campaigns" in refused(None, on)


def test_empty_configuration_is_accepted_for_all_other_recipes() -> None:
    for facts in all_recipes():
        if facts.operation is not None:
            check_campaign_config(facts, None, {})
            check_campaign_config(
                facts,
                {
                    "itemExplorationConfig": {},
                    "rankingInfluence": {},
                    "enableMetadataWithRecommendations": False,
                },
                {},
            )


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("explorationWeight", ["0", "1", "0.3", "1.0", "1e-3"], ["-0.1", "1.01", "", "nan", "inf", "x", "٠"]),
        ("explorationItemAgeCutOff", ["1", "30.0", "0.5", "100000"], ["0", "-1", "1e999", "9" * 1000, " 30"]),
    ],
)
def test_rt50_r62_r63_exploration_values(name: str, good: list[str], bad: list[str]) -> None:
    for text in good:
        check(exploring(**{name: text}))
    for text in bad:
        assert name in refused(exploring(**{name: text}))


def test_r53_exploration_names_are_camel_case() -> None:
    assert "unknown parameter" in refused(exploring(exploration_weight="0.3"))


def test_r_cmp_19_r73a_exploration_values_of_other_recipes_are_ignored() -> None:
    """The guide does not say that it is refused, and programs may deploy several recipes with one configuration."""
    config = exploring(explorationWeight="0.3")
    others = [facts for facts in all_recipes() if facts.operation is not None and not facts.explores]
    assert others
    for facts in others:
        check_campaign_config(facts, config, GROUP)
        assert resolved_exploration(facts, config) is None


def test_r101_recommenders_have_a_minimum_age_of_one_day() -> None:
    top_picks = recipe("aws-vod-top-picks")
    check_exploration(top_picks, {"explorationItemAgeCutOff": "1"})
    with pytest.raises(InvalidInputException):
        check_exploration(top_picks, {"explorationItemAgeCutOff": "0.5"})


def test_r_cmp_18_exploration_defaults() -> None:
    assert resolved_exploration(recipe(PERSONALIZATION), None) == {
        "explorationWeight": 0.3,
        "explorationItemAgeCutOff": 30.0,
    }
    given = resolved_exploration(recipe(PERSONALIZATION), exploring(explorationWeight="0"))
    assert given == {"explorationWeight": 0.0, "explorationItemAgeCutOff": 30.0}
    assert resolved_exploration(recipe("aws-sims"), None) is None


def test_rt70_ranking_influence_requires_its_columns() -> None:
    undated = schema("Items", ITEM_ID="string", NAME="string")
    check({"rankingInfluence": {"FRESHNESS": 1.0, "POPULARITY": 0.5}}, SEMANTIC)
    freshness: dict[str, Any] = {"rankingInfluence": {"FRESHNESS": 0.5}}
    assert "CREATION_TIMESTAMP" in refused(freshness, SEMANTIC, schemas={"ITEMS": undated})
    popularity: dict[str, Any] = {"rankingInfluence": {"POPULARITY": 0.5}}
    assert "INTERACTIONS" in refused(popularity, SEMANTIC, schemas={"ITEMS": ITEMS})


def test_rt70_influence_of_zero_requires_nothing() -> None:
    check({"rankingInfluence": {"FRESHNESS": 0.0, "POPULARITY": 0.0}}, SEMANTIC, {})


def test_rt70_ranking_influence_of_other_recipes_is_ignored() -> None:
    """It has no effect on them, which tests of answers show."""
    for on in (PERSONALIZATION, "aws-similar-items", "aws-personalized-ranking-v2"):
        check({"rankingInfluence": {"POPULARITY": 0.5, "FRESHNESS": 1.0}}, on, {})


def test_r_cmp_20_metadata_requires_a_metadata_column() -> None:
    wanted = {"enableMetadataWithRecommendations": True}
    check(wanted)
    dates = schema("Items", ITEM_ID="string", CREATION_TIMESTAMP="long")
    for schemas in ({}, {"INTERACTIONS": BARE}, {"ITEMS": dates}):
        assert "metadata" in refused(wanted, schemas=schemas)


def test_rt65_metadata_is_on_for_some_recipes() -> None:
    always = {facts.name for facts in all_recipes() if shows_metadata(facts, None)}
    assert always == {"aws-user-personalization-v2", "aws-personalized-ranking-v2", SEMANTIC}
    assert shows_metadata(recipe(PERSONALIZATION), {"enableMetadataWithRecommendations": True})
    assert not shows_metadata(recipe(PERSONALIZATION), {})
