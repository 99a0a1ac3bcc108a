"""Schemas and requests that the tests of solution and campaign configurations share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from personalize_emu.data.schemas.avro import Schema, parse_schema
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts, recipe_by_arn
from personalize_emu.service.configuration.solution_config import check_solution
from personalize_emu.wire.errors import InvalidInputException

ARN = "arn:aws:personalize:::recipe/"


def schema(name: str, **columns: Any) -> Schema:
    """Columns by name: a type, or the attributes of the field."""
    fields = [
        {"name": column} | (facts if isinstance(facts, dict) else {"type": facts}) for column, facts in columns.items()
    ]
    return parse_schema(json.dumps({"type": "record", "name": name, "fields": fields}))


BARE = schema("Interactions", USER_ID="string", ITEM_ID="string", TIMESTAMP="long")
EVENTS = schema(
    "Interactions",
    USER_ID="string",
    ITEM_ID="string",
    TIMESTAMP="long",
    EVENT_TYPE="string",
    EVENT_VALUE=["null", "float"],
)
ITEMS = schema(
    "Items",
    ITEM_ID="string",
    CREATION_TIMESTAMP="long",
    GENRES={"type": "string", "categorical": True},
    NAME={"type": "string", "itemName": True},
    DESCRIPTION={"type": "string", "textual": True},
    PRICE="float",
    MARGIN=["null", "double"],
    IN_STOCK="boolean",
)
GROUP: Mapping[str, Schema] = {"INTERACTIONS": EVENTS, "ITEMS": ITEMS}


def recipe(name: str) -> RecipeFacts:
    found = recipe_by_arn(ARN + name)
    assert found is not None
    return found


def check(
    config: dict[str, Any] | None = None,
    *,
    on: str = "aws-user-personalization",
    schemas: Mapping[str, Schema] = GROUP,
    **params: Any,
) -> None:
    given = params if config is None else params | {"solutionConfig": config}
    check_solution(recipe(on), {"name": "s", "recipeArn": ARN + on} | given, schemas)


def refused(config: dict[str, Any] | None = None, **options: Any) -> str:
    with pytest.raises(InvalidInputException) as caught:
        check(config, **options)
    return caught.value.message


def ranges(
    integer: list[tuple[str, int, int]] | None = None,
    continuous: list[tuple[str, float, float]] | None = None,
    categorical: list[tuple[str, list[str]]] | None = None,
) -> dict[str, Any]:
    lists: dict[str, list[dict[str, Any]]] = {
        "integerHyperParameterRanges": _bounds(integer or []),
        "continuousHyperParameterRanges": _bounds(continuous or []),
        "categoricalHyperParameterRanges": [{"name": name, "values": values} for name, values in categorical or []],
    }
    return {"hpoConfig": {"algorithmHyperParameterRanges": lists}}


def _bounds(entries: list[Any]) -> list[dict[str, Any]]:
    return [{"name": name, "minValue": low, "maxValue": high} for name, low, high in entries]
