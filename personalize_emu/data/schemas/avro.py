"""Parses Avro schemas and checks what does not depend on the dataset type (spec 03 section 1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

NUMERIC_TYPES = frozenset({"int", "long", "float", "double"})
_TYPES = NUMERIC_TYPES | {"string", "boolean"}
_COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_COLUMN_NAME = 150


class InvalidSchema(Exception):
    """An invalid schema. `reason` names the offending field and has no closing period."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def camel_name(column: str) -> str:
    """Name of a column in the `properties` of individually put records (D-91, EV-31).

    >>> camel_name("CREATION_TIMESTAMP"), camel_name("CATEGORY_L1")
    ('creationTimestamp', 'categoryL1')
    """
    first, *others = [part for part in column.lower().split("_") if part] or [column]
    return first + "".join(part.capitalize() for part in others)


@dataclass(frozen=True)
class Field:
    """One column. `type` is one of int, long, float, double, string, boolean; null is in `nullable`.

    names_item: the column is flagged as the name of an item (R-79).
    """

    name: str
    type: str
    nullable: bool = False
    categorical: bool = False
    textual: bool = False
    names_item: bool = False

    @property
    def numeric(self) -> bool:
        return self.type in NUMERIC_TYPES

    @cached_property
    def item_name(self) -> str:
        """Key of this column in `properties`."""
        return camel_name(self.name)


@dataclass(frozen=True)
class Schema:
    """A parsed schema: the name of the record and its columns in order."""

    name: str
    fields: tuple[Field, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @cached_property
    def _by_name(self) -> Mapping[str, Field]:
        return {field.name: field for field in self.fields}

    def field(self, name: str) -> Field | None:
        """The column of exactly that name, or None."""
        return self._by_name.get(name)


def parse_schema(text: str) -> Schema:
    """Parse a schema (D-1 to D-20); namespace and version are not checked (D-3). Raises InvalidSchema."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidSchema("the text is not JSON") from error
    if not isinstance(document, dict):
        raise InvalidSchema("the text is not a JSON object")
    if document.get("type") != "record":
        raise InvalidSchema('type must be "record"')
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidSchema("name must be a string")
    if not _encodable(name):
        raise InvalidSchema(f"name {_shown(name)} has an unpaired surrogate character")
    fields = document.get("fields")
    if not isinstance(fields, list) or not fields:
        raise InvalidSchema("fields must be a list of at least one field")
    parsed = tuple(_parse_field(entry) for entry in fields)
    _check_together(parsed)
    return Schema(name, parsed)


def _parse_field(entry: Any) -> Field:
    if not isinstance(entry, dict):
        raise InvalidSchema(f"every field must be a JSON object, not {_shown(entry)}")
    name = entry.get("name")
    if not isinstance(name, str):
        raise InvalidSchema(f"field {_shown(entry)} has no name")
    if len(name) > _LONGEST_COLUMN_NAME or not _COLUMN_NAME.fullmatch(name):
        raise InvalidSchema(f"field name {_shown(name)} is not valid")
    type_name, nullable = _parse_type(name, entry.get("type"))
    categorical = _flag(name, entry, "categorical")
    textual = _flag(name, entry, "textual")
    names_item = _flag(name, entry, "itemName")
    if (categorical or textual) and type_name != "string":
        attribute = "categorical" if categorical else "textual"
        raise InvalidSchema(f"field {name} of type {type_name} cannot be {attribute}")
    if categorical and textual:
        raise InvalidSchema(f"field {name} cannot be both categorical and textual")
    return Field(name, type_name, nullable, categorical, textual, names_item)


def _parse_type(name: str, declared: Any) -> tuple[str, bool]:
    alternatives = declared if isinstance(declared, list) else [declared]
    for alternative in alternatives:
        if not isinstance(alternative, str) or alternative not in _TYPES | {"null"}:
            raise InvalidSchema(f"field {name} has the unsupported type {_shown(alternative)}")
    values = [alternative for alternative in alternatives if alternative != "null"]
    if len(values) != 1 or len(alternatives) != len(set(alternatives)):
        raise InvalidSchema(f"field {name} must have exactly one type, with or without null")
    return values[0], "null" in alternatives


def _flag(name: str, entry: Mapping[str, Any], attribute: str) -> bool:
    value = entry.get(attribute, False)
    if not isinstance(value, bool):
        raise InvalidSchema(f"attribute {attribute} of field {name} must be true or false")
    return value


def _check_together(fields: tuple[Field, ...]) -> None:
    seen: dict[str, str] = {}
    for field in fields:
        plain = field.name.replace("_", "").lower()
        if plain in seen:
            raise InvalidSchema(f"fields {seen[plain]} and {field.name} have the same alphanumeric name")
        seen[plain] = field.name
    textual = [field.name for field in fields if field.textual]
    if len(textual) > 1:
        raise InvalidSchema(f"only one field can be textual, not {' and '.join(textual)}")


def _no_constant(name: str) -> NoReturn:
    """Reject NaN and Infinity, which Python's parser accepts and JSON does not have."""
    raise ValueError(f"{name} is not JSON")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    return json.dumps(value)[:80]
