"""Random configurations that fit the service model are accepted, or refused with a modelled error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from botocore.model import Shape
from botocore.session import get_session
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.service.catalog.recipe_catalog import all_recipes
from personalize_emu.service.configuration.campaign_config import check_campaign_config, resolved_exploration
from personalize_emu.service.configuration.hpo_config import searched_ranges
from personalize_emu.service.configuration.solution_config import (
    check_solution,
    check_solution_update,
    resolved_hyperparameters,
    schedule_days,
    shown_solution_config,
)
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException
from tests.service.solution_requests import GROUP

MODEL = get_session().get_service_model("personalize")
NAMES = sorted(
    {name for recipe in all_recipes() for parameter in recipe.hyperparameters for name in parameter.names()}
    | {"explorationWeight", "explorationItemAgeCutOff", "EVENT_TYPE", "PRICE", "ITEMS", "Interactions"}
    | {recipe.arn for recipe in all_recipes()}
)
NUMBERS = [
    "0",
    "1",
    "32",
    "64",
    "0.5",
    "1e999",
    "9" * 400,
    "nan",
    "-inf",
    "٣",
    "",
    "true",
    "False",
    "2 hours",
]
TEXTS = st.sampled_from(NAMES) | st.sampled_from(NUMBERS) | st.text(max_size=8)


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Anything of that shape, with every member of structures left out now and then."""
    if shape.type_name == "structure":
        members = {name: values(member) for name, member in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members)
    if shape.type_name == "list":
        return st.lists(values(shape.member), max_size=3)
    if shape.type_name == "map":
        return st.dictionaries(values(shape.key), values(shape.value), max_size=3)
    if shape.type_name == "boolean":
        return st.booleans()
    if shape.type_name in ("integer", "long"):
        return st.integers(-1_000_000, 1_000_000)
    if shape.type_name in ("double", "float"):
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.sampled_from(shape.enum) if shape.enum else TEXTS


def requests(operation: str) -> st.SearchStrategy[dict[str, Any]]:
    return values(MODEL.operation_model(operation).input_shape)


RECIPES = st.sampled_from(all_recipes())
SCHEMAS = st.sampled_from([GROUP, {}, {"ITEMS": GROUP["ITEMS"]}, {"INTERACTIONS": GROUP["INTERACTIONS"]}])


@settings(max_examples=300, deadline=None)
@given(st.none() | RECIPES, requests("CreateSolution"), SCHEMAS)
def test_r54_solution_configurations(recipe: Any, params: dict[str, Any], schemas: Any) -> None:
    try:
        check_solution(recipe, params, schemas)
    except (InvalidInputException, ResourceNotFoundException):
        return
    config = params.get("solutionConfig", {})
    shown_solution_config(recipe, config)
    if recipe is not None:
        assert 1 <= schedule_days(config) <= 30
        resolved = resolved_hyperparameters(recipe, config)
        assert set(resolved) == {parameter.name for parameter in recipe.hyperparameters}
        assert {parameter.name for parameter in searched_ranges(recipe, config.get("hpoConfig", {}))} <= set(resolved)


@settings(max_examples=100, deadline=None)
@given(RECIPES, st.none() | TEXTS, requests("UpdateSolution"), SCHEMAS)
def test_r_sol_22_solution_updates(recipe: Any, event_type: str | None, params: dict[str, Any], schemas: Any) -> None:
    with suppress(InvalidInputException):
        check_solution_update(recipe, event_type, params, schemas)


@settings(max_examples=200, deadline=None)
@given(RECIPES, requests("CreateCampaign"), SCHEMAS)
def test_rt50_campaign_configurations(recipe: Any, params: dict[str, Any], schemas: Any) -> None:
    config = params.get("campaignConfig")
    try:
        check_campaign_config(recipe, config, schemas)
    except InvalidInputException:
        return
    exploration = resolved_exploration(recipe, config)
    if exploration is not None:
        assert 0 <= exploration["explorationWeight"] <= 1
        assert exploration["explorationItemAgeCutOff"] > 0
