"""The shop of the worked examples (spec 08 section 5), as rows and schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalize_emu.data.schemas.avro import Schema, parse_schema
from tests.given import avro, field

ITEMS = [
    {
        "ITEM_ID": item,
        "CATEGORY": category,
        "GENRES": genres,
        "PRICE": price,
        "STOCK": stock,
        "IN_STOCK": str(stock > 0),
        "CREATION_TIMESTAMP": created,
        "DESCRIPTION": f"about {item}",
        "IS_NEW": created > 3000,
    }
    for item, category, genres, price, stock, created in (
        ("i1", "shoe", "Comedy|Drama", 10.0, 5, 1000),
        ("i2", "shoe", "Drama", 20.0, 0, 2000),
        ("i3", "boot", "Comedy", 30.0, 3, 3000),
        ("i4", "boot", "Horror|Action", None, 7, 4000),
        ("i5", "watch", None, 500.0, 1, 5000),
        ("i6", "watch", "Action", 50.0, 0, 6000),
    )
]
ALL_ITEMS = ["i1", "i2", "i3", "i4", "i5", "i6", "i7"]
USERS = [
    {"USER_ID": "u1", "AGE": 25, "MEMBERSHIP": "gold"},
    {"USER_ID": "u2", "AGE": 17, "MEMBERSHIP": "silver"},
    {"USER_ID": "u3", "AGE": None, "MEMBERSHIP": None},
]
ALL_USERS = ["u1", "u2", "u3", "u4"]
INTERACTIONS = [
    ("u1", "i1", "click"),
    ("u1", "i2", "click"),
    ("u1", "i2", "Purchase"),
    ("u1", "i4", "watch"),
    ("u2", "i3", "click"),
    ("u2", "i1", "purchase"),
    ("u4", "i5", "click"),
]
ACTIONS = [
    {"ACTION_ID": "a1", "CATEGORY": "loyalty", "VALUE": 100},
    {"ACTION_ID": "a2", "CATEGORY": "app", "VALUE": 10},
    {"ACTION_ID": "a3", "CATEGORY": "credit", "VALUE": 50},
]
ALL_ACTIONS = ["a1", "a2", "a3"]
ACTION_INTERACTIONS = [("u1", "a1", "TAKEN"), ("u1", "a2", "VIEWED"), ("u2", "a3", "NOT_TAKEN")]

_CATEGORY = {"categorical": True}
SCHEMA_TEXTS: Mapping[str, str] = {
    "ITEMS": avro(
        "Items",
        field("ITEM_ID"),
        field("CATEGORY", **_CATEGORY),
        field("GENRES", ["null", "string"], **_CATEGORY),
        field("PRICE", ["null", "float"]),
        field("STOCK", "int"),
        field("IN_STOCK"),
        field("CREATION_TIMESTAMP", "long"),
        field("DESCRIPTION", ["null", "string"], textual=True),
        field("IS_NEW", "boolean"),
    ),
    "USERS": avro(
        "Users",
        field("USER_ID"),
        field("AGE", ["null", "int"]),
        field("MEMBERSHIP", ["null", "string"], **_CATEGORY),
    ),
    "INTERACTIONS": avro(
        "Interactions",
        field("USER_ID"),
        field("ITEM_ID"),
        field("TIMESTAMP", "long"),
        field("EVENT_TYPE"),
        field("EVENT_VALUE", ["null", "float"]),
        field("DEVICE", ["null", "string"], **_CATEGORY),
    ),
    "ACTIONS": avro(
        "Actions",
        field("ACTION_ID"),
        field("CATEGORY", **_CATEGORY),
        field("VALUE", ["null", "long"]),
        field("REPEAT_FREQUENCY", ["null", "long"]),
    ),
    "ACTION_INTERACTIONS": avro(
        "ActionInteractions",
        field("USER_ID"),
        field("ACTION_ID"),
        field("EVENT_TYPE"),
        field("TIMESTAMP", "long"),
    ),
}
SCHEMAS: Mapping[str, Schema] = {name: parse_schema(text) for name, text in SCHEMA_TEXTS.items()}


def values(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row without its missing values."""
    return {name: value for name, value in row.items() if value is not None}
