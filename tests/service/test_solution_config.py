"""Solution configurations: what CreateSolution and UpdateSolution accept and refuse."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.service.catalog.recipe_catalog import all_recipes
from personalize_emu.service.configuration.solution_config import (
    NO_INTERACTIONS,
    check_solution,
    check_solution_update,
    schedule_days,
)
from personalize_emu.service.state.training_selection import EventSelection, columns_in_training
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException
from tests.service.solution_requests import ARN, BARE, EVENTS, GROUP, ITEMS, check, recipe, refused, schema

# --- recipe -------------------------------------------------------------------------------------------------


def test_t41_r_sol_2_a_recipe_or_auto_ml_and_not_both() -> None:
    check()
    check_solution(None, {"performAutoML": True}, GROUP)
    for chosen, params in ((None, {}), (recipe("aws-sims"), {"performAutoML": True})):
        with pytest.raises(InvalidInputException):
            check_solution(chosen, params, GROUP)


def test_r107_a_use_case_needs_a_recommender() -> None:
    for use_case in all_recipes():
        if use_case.domain is not None:
            assert "recommender" in refused(on=use_case.name)


def test_r32_legacy_recipes_are_refused() -> None:
    for name in ("aws-hrnn", "aws-hrnn-metadata", "aws-hrnn-coldstart"):
        assert "no longer available" in refused(on=name)


def test_r_sol_11_incremental_updates() -> None:
    check(on="aws-semantic-similarity", performIncrementalUpdate=True)
    check(performIncrementalUpdate=False)
    assert "performIncrementalUpdate" in refused(performIncrementalUpdate=True)


# --- AutoML -------------------------------------------------------------------------------------------------


def auto_ml(config: dict[str, Any], **params: Any) -> None:
    check_solution(None, {"performAutoML": True, "solutionConfig": config} | params, GROUP)


def test_t40_auto_ml_ignores_other_configuration() -> None:
    auto_ml({"algorithmHyperParameters": {"nonsense": "x"}, "optimizationObjective": {"itemAttribute": "X"}})


def test_r32_auto_ml_among_legacy_recipes_where_these_are_allowed() -> None:
    params = {"performAutoML": True, "solutionConfig": {"autoMLConfig": {"recipeList": [ARN + "aws-hrnn"]}}}
    check_solution(None, params, GROUP, legacy=True)
    with pytest.raises(InvalidInputException):
        check_solution(None, params, GROUP)


def test_t17_t41_recipe_list() -> None:
    listed = [ARN + "aws-user-personalization", ARN + "aws-popularity-count"]
    auto_ml({"autoMLConfig": {"metricName": "precision_at_25", "recipeList": listed}})
    for name in ("aws-sims", "aws-hrnn", "aws-vod-top-picks"):
        with pytest.raises(InvalidInputException):
            auto_ml({"autoMLConfig": {"recipeList": [ARN + name]}})
    with pytest.raises(ResourceNotFoundException):
        auto_ml({"autoMLConfig": {"recipeList": [ARN + "aws-none"]}})


# --- datasets -----------------------------------------------------------------------------------------------


def test_e12_all_recipes_but_semantic_similarity_require_interactions() -> None:
    for facts in all_recipes():
        if facts.listed and facts.domain is None and facts.name != "aws-semantic-similarity":
            assert refused(on=facts.name, schemas={"ITEMS": ITEMS}) == NO_INTERACTIONS
    with pytest.raises(InvalidInputException, match="INTERACTIONS"):
        check_solution(None, {"performAutoML": True}, {})


def test_t84_semantic_similarity_requires_item_name_and_text() -> None:
    check(on="aws-semantic-similarity", schemas={"ITEMS": ITEMS})
    plain = schema("Items", ITEM_ID="string", NAME="string", PRICE="float")
    text_only = schema("Items", ITEM_ID="string", TEXT={"type": "string", "textual": True})
    for schemas in ({}, {"ITEMS": plain}, {"ITEMS": text_only}):
        assert "item name" in refused(on="aws-semantic-similarity", schemas=schemas)


def test_t84_next_best_action_requires_actions() -> None:
    actions = schema("Actions", ACTION_ID="string", VALUE="long", COST="float")
    check(on="aws-next-best-action", schemas={"INTERACTIONS": BARE, "ACTIONS": actions})
    assert "ACTIONS" in refused(on="aws-next-best-action")


@pytest.mark.parametrize(
    ("columns", "usable"),
    [
        ({"GENRES": {"type": "string", "categorical": True}}, True),
        ({"PRICE": "float"}, True),
        ({"STOCK": ["int", "null"]}, True),
        ({"TEXT": {"type": "string", "textual": True}}, False),
        ({"PLAIN": "string"}, False),
        ({"FLAG": "boolean"}, False),
        ({"CREATION_TIMESTAMP": "long"}, False),
    ],
)
def test_t84_attribute_affinity_requires_an_attribute(columns: dict[str, Any], usable: bool) -> None:
    schemas = {"INTERACTIONS": BARE, "ITEMS": schema("Items", ITEM_ID="string", **columns)}
    if usable:
        check(on="aws-item-attribute-affinity", schemas=schemas)
    else:
        assert "ITEMS" in refused(on="aws-item-attribute-affinity", schemas=schemas)


def test_t84_t28_excluded_attributes_do_not_count() -> None:
    config = {"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["GENRES", "PRICE", "MARGIN"]}}}
    assert "ITEMS" in refused(config, on="aws-item-attribute-affinity")
    assert "ITEMS" in refused(on="aws-item-attribute-affinity", schemas={"INTERACTIONS": BARE})


# --- events -------------------------------------------------------------------------------------------------


def events(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"eventsConfig": {"eventParametersList": list(entries)}}


def test_t21_event_columns_must_exist() -> None:
    bare = {"INTERACTIONS": BARE}
    check({"eventValueThreshold": "3.5"}, eventType="click")
    assert "EVENT_TYPE" in refused(eventType="click", schemas=bare)
    assert "EVENT_VALUE" in refused({"eventValueThreshold": "3.5"}, schemas=bare)
    assert "EVENT_TYPE" in refused(events({"eventType": "click"}), schemas=bare)
    only_types = {"INTERACTIONS": schema("I", USER_ID="string", EVENT_TYPE="string")}
    check(events({"eventType": "click"}), schemas=only_types)
    assert "EVENT_VALUE" in refused(events({"eventType": "a", "eventValueThreshold": 1.0}), schemas=only_types)


@pytest.mark.parametrize("text", ["", " ", "x", "nan", "NaN", "inf", "-Infinity", "1e999", "٣", "1_0", "0x1", "1,5"])
def test_t12_thresholds_are_decimal_numbers(text: str) -> None:
    assert "eventValueThreshold" in refused({"eventValueThreshold": text})


@pytest.mark.parametrize("text", ["0", "-1", "+2.5", ".5", "3.", "1e3", "007"])
def test_t12_decimal_notations(text: str) -> None:
    check({"eventValueThreshold": text})


def test_t13_t22_events_configuration() -> None:
    check(events({"eventType": "buy", "weight": 1.0, "eventValueThreshold": 2.0}, {"eventType": "click"}))
    check({"eventsConfig": {}}, eventType="buy")
    check({"eventsConfig": {"eventParametersList": []}}, eventType="buy")
    both = events({"eventType": "buy"})
    check(both, eventType="click")
    assert set(EventSelection.of("click", both).event_types or {}) == {"buy"}
    assert set(EventSelection.of("click", {}).event_types or {}) == {"click"}
    assert "more than once" in refused(events({"eventType": "buy"}, {"eventType": "buy", "weight": 0.5}))
    assert "must have an eventType" in refused(events({"weight": 0.5}))


def test_t23_weights_that_are_all_zero_are_refused() -> None:
    check(events({"eventType": "buy", "weight": 0.0}, {"eventType": "click", "weight": 0.1}))
    assert "weight" in refused(events({"eventType": "buy", "weight": 0.0}))


# --- objective ----------------------------------------------------------------------------------------------


def objective(column: str | None, sensitivity: str | None = None) -> dict[str, Any]:
    members = {"itemAttribute": column, "objectiveSensitivity": sensitivity}
    return {"optimizationObjective": {name: value for name, value in members.items() if value is not None}}


def test_t26_objective_column_is_numeric_and_not_nullable() -> None:
    for on in ("aws-user-personalization", "aws-personalized-ranking"):
        check(objective("PRICE", "HIGH"), on=on)
        check(objective("PRICE"), on=on)
    for column in ("GENRES", "NAME", "IN_STOCK", "MARGIN", "NONE", "price"):
        assert "itemAttribute" in refused(objective(column, "LOW"))
    assert "itemAttribute" in refused(objective("PRICE"), schemas={"INTERACTIONS": EVENTS})
    assert "itemAttribute" in refused(objective(None, "LOW"))


def test_t27_off_and_empty_objectives_are_accepted() -> None:
    check(objective(None, "OFF"))
    check({"optimizationObjective": {}}, on="aws-sims")


def test_r24_t26_recipes_without_objective() -> None:
    """The guide names two recipes and leaves their second versions open: these are taken for them."""
    for on in ("aws-user-personalization-v2", "aws-personalized-ranking-v2"):
        check(objective("PRICE", "LOW"), on=on)
    for on in ("aws-sims", "aws-item-affinity"):
        assert "optimizationObjective" in refused(objective("PRICE", "LOW"), on=on)


# --- columns ------------------------------------------------------------------------------------------------


def columns(excluded: dict[str, list[str]] | None = None, **included: list[str]) -> dict[str, Any]:
    return {
        "trainingDataConfig": {
            "excludedDatasetColumns": excluded or {},
            "includedDatasetColumns": included,
        }
    }


def test_t28_columns_are_named_by_dataset_in_any_case() -> None:
    check(columns({"Items": ["GENRES"]}, interactions=["EVENT_TYPE"]))
    check({"trainingDataConfig": {}})


@pytest.mark.parametrize(
    "config",
    [
        columns({"MOVIES": ["GENRES"]}),
        columns({"USERS": ["AGE"]}),
        columns({"ITEMS": ["NONE"]}),
        columns(ITEMS=["NONE"]),
    ],
)
def test_t28_unknown_datasets_and_columns_are_refused(config: dict[str, Any]) -> None:
    refused(config)


@pytest.mark.parametrize(
    ("config", "left"),
    [
        (columns(ITEMS=["genres"]), {"ITEM_ID", "GENRES"}),
        (columns({"Items": ["Genres", "name"]}), set(ITEMS.names) - {"GENRES", "NAME"}),
        (columns({"ITEMS": ["GENRES"]}, items=["PRICE", "GENRES"]), {"ITEM_ID", "PRICE"}),
        (columns({"ITEMS": ["GENRES", "NAME"], "Items": ["PRICE"]}), set(ITEMS.names) - {"GENRES", "NAME", "PRICE"}),
        (columns({"ITEMS": ["ITEM_ID", "PRICE"]}), set(ITEMS.names) - {"PRICE"}),
    ],
)
def test_t28_columns_in_any_case_and_twice_and_ids(config: dict[str, Any], left: set[str]) -> None:
    """Nobody says that these are refused: what is both in and out is out, and ids stay."""
    check(config)
    found = columns_in_training(config["trainingDataConfig"], "ITEMS", GROUP["ITEMS"])
    assert set(found) == left


def test_t28_columns_in_training() -> None:
    excluded = columns({"items": ["GENRES", "NAME"]})["trainingDataConfig"]
    included = columns(Items=["PRICE"])["trainingDataConfig"]
    assert columns_in_training({}, "ITEMS", ITEMS) == ITEMS.names
    assert set(ITEMS.names) - set(columns_in_training(excluded, "ITEMS", ITEMS)) == {"GENRES", "NAME"}
    assert columns_in_training(included, "ITEMS", ITEMS) == ("ITEM_ID", "PRICE")
    assert columns_in_training(included, "INTERACTIONS", EVENTS) == EVENTS.names


# --- automatic training and updates -------------------------------------------------------------------------


def schedule(expression: str) -> dict[str, Any]:
    return {"autoTrainingConfig": {"schedulingExpression": expression}}


def test_t51_schedules_from_one_to_thirty_days() -> None:
    check(schedule("rate(1 day)"))
    assert schedule_days({}) == 7
    assert [schedule_days(schedule(f"rate({n})")) for n in ("1 days", "2 day", "30 days", "007 days")] == [
        1,
        2,
        30,
        7,
    ]


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 days)",
        "rate(31 days)",
        "rate(٣ days)",
        "rate(1  day)",
        "cron(1 day)",
        f"rate({'9' * 500} days)",
    ],
)
def test_t51_other_schedules_are_refused(expression: str) -> None:
    assert "schedulingExpression" in refused(schedule(expression))


def update(event_type: str | None = None, **params: Any) -> None:
    check_solution_update(recipe("aws-sims"), event_type, {"solutionArn": "arn"} | params, GROUP)


def test_r_sol_13_updates() -> None:
    update(performAutoTraining=False)
    update(solutionUpdateConfig=events({"eventType": "buy"}) | schedule("rate(3 days)"))


def test_r_sol_22_updates_that_are_refused() -> None:
    for params in (
        {},
        {"performIncrementalUpdate": True},
        {"solutionUpdateConfig": schedule("rate(40 days)")},
    ):
        with pytest.raises(InvalidInputException):
            update(**params)
