"""JSON `properties` of individually put records as rows (spec 10 section 2.1, EV-66, EV-67)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from personalize_emu.data.schemas.avro import Field, Schema, camel_name
from personalize_emu.data.schemas.columns import ID_COLUMNS, STRING_LIMIT, character_limit
from personalize_emu.data.schemas.values import Value, checked_float, checked_integer, kept_text, shown, value_of

__all__ = ["InvalidProperties", "camel_name", "event_row", "impression_text", "record_row"]

_NOT_IN_PROPERTIES = frozenset({"userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression"})


class InvalidProperties(Exception):
    """Properties that cannot be converted to a row. `text` is the message for the client."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def event_row(schema: Schema, properties: str | None, members: Mapping[str, Any]) -> dict[str, Value]:
    """The row of an event: column name to value, without nulls.

    members: values given outside of the properties, by column name; None = absent. They take precedence (EV-26), and
    those without a column are dropped (EV-14). Of the required columns only ids must have a value (EV-26, EV-90).
    Raises InvalidProperties (EV-26, EV-30 to EV-33).
    """
    given = _parsed(properties)
    for key in given:
        if key.replace("_", "").lower() in _NOT_IN_PROPERTIES:
            raise InvalidProperties(f"Properties must not contain the reserved key {key}.")
    row = _row(schema, {**_by_column(schema, given), **_present(members)})
    for field in schema.fields:
        if field.name in ID_COLUMNS and field.name not in row:
            raise InvalidProperties(f"The event has no value for the required column {field.name}.")
    return row


def record_row(schema: Schema, id_column: str, record_id: str, properties: str | None) -> dict[str, Value]:
    """The row of a user, item or action: column name to value, without nulls.

    As with events, keys without a column are ignored and columns may be omitted (EV-33, EV-67, EV-90).
    Raises InvalidProperties for values that do not fit their column, and for another id.
    """
    values = _by_column(schema, _parsed(properties))
    if values.get(id_column, record_id) != record_id:
        raise InvalidProperties(f"Properties must not contain another {id_column}.")
    return _row(schema, {**values, id_column: record_id})


def impression_text(items: Sequence[str]) -> str:
    """The items shown, joined by `|`, as many as fit into a column (EV-21, EV-46)."""
    text = "|".join(items)
    return text if len(text) <= STRING_LIMIT else text[: text.rfind("|", 0, STRING_LIMIT + 1)]


def _parsed(properties: str | None) -> dict[str, Any]:
    if properties is None:
        return {}
    try:
        value = _DECODE(properties)
    except (ValueError, RecursionError) as error:
        raise InvalidProperties("Error parsing properties json") from error
    if not isinstance(value, dict):
        raise InvalidProperties("Error parsing properties json")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODE = json.JSONDecoder(parse_constant=_refuse_constant).decode


def _by_column(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of known keys by column name; keys may be in camel case or equal the column name, which has priority."""
    values = {field.name: given[field.item_name] for field in schema.fields if field.item_name in given}
    values.update((field.name, given[field.name]) for field in schema.fields if field.name in given)
    return values


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in members.items() if value is not None}


def _row(schema: Schema, values: Mapping[str, Any]) -> dict[str, Value]:
    row: dict[str, Value] = {}
    for field in schema.fields:
        value = values.get(field.name)
        # An empty value is null (D-58), as in files (D-91).
        if value is None or value == "":
            continue
        try:
            row[field.name] = _converted(field, value)
        except (ValueError, OverflowError) as error:
            raise InvalidProperties(f"Invalid value for {field.item_name}: {error}.") from error
    return row


def _converted(field: Field, value: Any) -> Value:
    if field.type == "string":
        return _checked_text(field, value)
    if isinstance(value, str):
        return value_of(field, value)
    if isinstance(value, bool):
        if field.type == "boolean":
            return value
    elif isinstance(value, int | float):
        if field.type in ("float", "double"):
            return checked_float(field, float(value))
        if field.type in ("int", "long") and value == int(value):
            return checked_integer(field, int(value))
    raise ValueError(f"{shown(json.dumps(value))} is not of type {field.type}")


def _checked_text(field: Field, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{shown(json.dumps(value))} is not of type string")
    text = value if isinstance(value, str) else json.dumps(value)
    if "\0" in text or not _encodable(text):
        raise ValueError("the text has a NUL or an unpaired surrogate character")
    limit = character_limit(field)
    if limit is not None and len(text) > limit:
        raise ValueError(f"length cannot be more than {limit} characters")
    return kept_text(text) if field.textual else text


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
