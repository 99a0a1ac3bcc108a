"""Schema texts for tests."""

from __future__ import annotations

import json
from typing import Any

from personalize_emu.data.schemas.avro import Schema, parse_schema


def field(name: str, kind: Any = "string", **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **attributes}


def schema_text(record: str, /, *fields: dict[str, Any], **members: Any) -> str:
    document = {
        "type": "record",
        "name": record,
        "namespace": "com.amazonaws.personalize.schema",
        "fields": list(fields),
        "version": "1.0",
    }
    return json.dumps({**document, **members})


def schema(name: str, *fields: dict[str, Any]) -> Schema:
    return parse_schema(schema_text(name, *fields))


USER = field("USER_ID")
ITEM = field("ITEM_ID")
ACTION = field("ACTION_ID")
TIME = field("TIMESTAMP", "long")
TYPE = field("EVENT_TYPE")
GENRES = field("GENRES", ["null", "string"], categorical=True)

INTERACTIONS_SCHEMA = schema("Interactions", USER, ITEM, TIME)
WATCHED_SCHEMA = schema("Interactions", USER, ITEM, TIME, TYPE, field("EVENT_VALUE", ["null", "float"]))
EVERY_TYPE = schema(
    "Items",
    ITEM,
    GENRES,
    field("TITLE", ["null", "string"]),
    field("PLOT", ["null", "string"], textual=True),
    field("YEAR", ["null", "int"]),
    field("CREATION_TIMESTAMP", "long"),
    field("PRICE", "float"),
    field("WEIGHT", ["double", "null"]),
    field("ADULT", ["null", "boolean"]),
)
