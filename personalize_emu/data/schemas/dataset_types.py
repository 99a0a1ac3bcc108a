"""Required and reserved columns of each dataset type, by domain (spec 03 sections 1 to 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from personalize_emu.data.schemas.avro import NUMERIC_TYPES, Field, InvalidSchema, Schema
from personalize_emu.data.schemas.column_matching import misspelt

INTERACTIONS = "INTERACTIONS"
ITEMS = "ITEMS"
USERS = "USERS"
ACTIONS = "ACTIONS"
ACTION_INTERACTIONS = "ACTION_INTERACTIONS"

ECOMMERCE = "ECOMMERCE"
VIDEO_ON_DEMAND = "VIDEO_ON_DEMAND"


class MissingColumns(Exception):
    """A schema lacks required columns; the message is that of the service (D-40).

    names: of the columns in the schema; misspelt ones are mentioned in the message.
    """

    def __init__(self, columns: Sequence[str], names: Sequence[str] = ()) -> None:
        text = f"Input csv is missing the following columns: [{', '.join(columns)}]"
        hints = "; ".join(misspelt(names, columns))
        super().__init__(f"{text} ({hints})" if hints else text)
        self.columns = tuple(columns)


@dataclass(frozen=True)
class DatasetType:
    """One of the five dataset types.

    id_column: column that identifies a record, None where records are only appended (D-81).
    metadata_limit: maximum number of fields that are neither required nor reserved (Q-24, Q-30, Q-32, Q-38, Q-39).
    needs_metadata: at least one such field that a model can use is required (D-23).
    """

    name: str
    record_name: str
    id_column: str | None
    metadata_limit: int
    needs_metadata: bool


DATASET_TYPES: Mapping[str, DatasetType] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            DatasetType(INTERACTIONS, "Interactions", None, 5, needs_metadata=False),
            DatasetType(ITEMS, "Items", "ITEM_ID", 100, needs_metadata=True),
            DatasetType(USERS, "Users", "USER_ID", 25, needs_metadata=True),
            DatasetType(ACTIONS, "Actions", "ACTION_ID", 10, needs_metadata=True),
            DatasetType(ACTION_INTERACTIONS, "ActionInteractions", None, 5, needs_metadata=False),
        )
    }
)


def dataset_type_named(text: str) -> str | None:
    """The type in upper case (R-DS-3), None for unknown types."""
    upper = text.upper()
    return upper if text.isascii() and upper in DATASET_TYPES else None


@dataclass(frozen=True)
class _Rule:
    """The type that a required or reserved column must have."""

    types: tuple[str, ...]
    nullable: bool = False
    categorical: bool | None = False
    """None: nullable or not."""
    textual: bool = False


_ID = _Rule(("string",))
_LONG = _Rule(("long",))
_FLOAT = _Rule(("float",))
_PLAIN_OR_NULL = _Rule(("string",), nullable=True)
_LONG_OR_NULL = _Rule(("long",), nullable=True)
_FLOAT_OR_NULL = _Rule(("float",), nullable=True)
_CATEGORY = _Rule(("string",), nullable=True, categorical=True)
_TEXT = _Rule(("string",), nullable=True, textual=True)

_Rules = Mapping[str, _Rule]
_Layout = tuple[_Rules, _Rules]
"""Required columns, reserved columns."""

_EVENT_EXTRAS: _Rules = {
    "EVENT_VALUE": _FLOAT_OR_NULL,
    "IMPRESSION": _PLAIN_OR_NULL,
    "RECOMMENDATION_ID": _PLAIN_OR_NULL,
    "EVENT_ATTRIBUTION_SOURCE": _PLAIN_OR_NULL,
}
_EVENT: _Rules = {"USER_ID": _ID, "ITEM_ID": _ID, "TIMESTAMP": _LONG}
_TYPED_EVENT: _Layout = ({**_EVENT, "EVENT_TYPE": _ID}, _EVENT_EXTRAS)

_LAYOUTS: Mapping[tuple[str | None, str], _Layout] = MappingProxyType(
    {
        (None, INTERACTIONS): (_EVENT, {"EVENT_TYPE": _ID, **_EVENT_EXTRAS}),
        (None, USERS): ({"USER_ID": _ID}, {}),
        (None, ITEMS): ({"ITEM_ID": _ID}, {"CREATION_TIMESTAMP": _LONG}),
        (None, ACTIONS): (
            {"ACTION_ID": _ID},
            {
                "CREATION_TIMESTAMP": _LONG,
                "VALUE": _LONG_OR_NULL,
                "TYPE": _Rule(("string",), nullable=True, categorical=None),
                "EXPIRATION_TIMESTAMP": _LONG_OR_NULL,
                "ACTION_EXPIRATION_TIMESTAMP": _LONG_OR_NULL,
                "REPEAT_FREQUENCY": _LONG_OR_NULL,
            },
        ),
        (None, ACTION_INTERACTIONS): (
            {"USER_ID": _ID, "ACTION_ID": _ID, "EVENT_TYPE": _ID, "TIMESTAMP": _LONG},
            {"IMPRESSION": _PLAIN_OR_NULL, "RECOMMENDATION_ID": _PLAIN_OR_NULL},
        ),
        (VIDEO_ON_DEMAND, INTERACTIONS): _TYPED_EVENT,
        (VIDEO_ON_DEMAND, USERS): ({"USER_ID": _ID}, {"SUBSCRIPTION_MODEL": _CATEGORY}),
        (VIDEO_ON_DEMAND, ITEMS): (
            {"ITEM_ID": _ID, "CREATION_TIMESTAMP": _LONG, "GENRES": _CATEGORY},
            {
                "PRICE": _FLOAT_OR_NULL,
                "DURATION": _FLOAT_OR_NULL,
                "GENRE_L2": _CATEGORY,
                "GENRE_L3": _CATEGORY,
                "AVERAGE_RATING": _FLOAT_OR_NULL,
                "PRODUCT_DESCRIPTION": _TEXT,
                "CONTENT_OWNER": _CATEGORY,
                "CONTENT_CLASSIFICATION": _CATEGORY,
            },
        ),
        (ECOMMERCE, INTERACTIONS): _TYPED_EVENT,
        (ECOMMERCE, USERS): ({"USER_ID": _ID}, {}),
        (ECOMMERCE, ITEMS): (
            {"ITEM_ID": _ID, "PRICE": _FLOAT, "CATEGORY_L1": _CATEGORY},
            {
                "CATEGORY_L2": _CATEGORY,
                "CATEGORY_L3": _CATEGORY,
                "PRODUCT_DESCRIPTION": _TEXT,
                "CREATION_TIMESTAMP": _Rule(("long", "float")),
                "AGE_GROUP": _CATEGORY,
                "ADULT": _CATEGORY,
                "GENDER": _CATEGORY,
            },
        ),
    }
)


def required_columns(dataset_type: str, domain: str | None) -> tuple[str, ...]:
    """Columns that every schema of that type and domain must have."""
    return tuple(_layout(dataset_type, domain)[0])


def reserved_columns(dataset_type: str, domain: str | None) -> tuple[str, ...]:
    """Optional columns whose type is fixed."""
    return tuple(_layout(dataset_type, domain)[1])


def metadata_fields(schema: Schema, dataset_type: str, domain: str | None) -> tuple[Field, ...]:
    """Fields that are neither required nor reserved."""
    required, reserved = _layout(dataset_type, domain)
    return tuple(f for f in schema.fields if f.name not in required and f.name not in reserved)


def check_schema_fits(schema: Schema, dataset_type: str, domain: str | None) -> None:
    """Check a schema against a dataset type (D-2, D-11, D-15 to D-40).

    Raises InvalidSchema, or MissingColumns when required columns are absent.
    """
    required, reserved = _layout(dataset_type, domain)
    kind = DATASET_TYPES[dataset_type]
    if schema.name.replace("_", "").lower() != kind.record_name.lower():
        raise InvalidSchema(f"name {schema.name} does not fit dataset type {dataset_type}, use {kind.record_name}")
    missing = [name for name in required if schema.field(name) is None]
    if missing:
        raise MissingColumns(missing, schema.names)
    for field in schema.fields:
        rule = required.get(field.name) or reserved.get(field.name)
        if rule is not None:
            _check_rule(field, rule)
        if field.textual and dataset_type != ITEMS:
            raise InvalidSchema(f"field {field.name}: only fields of ITEMS schemas can be textual")
    _check_metadata(schema, kind, domain)


def check_schema_replaces(new: Schema, old: Schema) -> None:
    """Check that a dataset with schema `old` can be changed to schema `new` (D-93 to D-95). Raises InvalidSchema."""
    for field in old.fields:
        if new.field(field.name) != field:
            raise InvalidSchema(f"field {field.name} must stay as it is")
    for field in new.fields:
        if old.field(field.name) is None and not field.nullable:
            raise InvalidSchema(f"added field {field.name} must allow null")


def _layout(dataset_type: str, domain: str | None) -> _Layout:
    layout = _LAYOUTS.get((domain, dataset_type))
    if layout is None:
        raise InvalidSchema(f"a {dataset_type} dataset cannot be created in a Domain dataset group")
    return layout


def _check_rule(field: Field, rule: _Rule) -> None:
    if field.type not in rule.types:
        raise InvalidSchema(f"field {field.name} must be of type {' or '.join(rule.types)}")
    if field.nullable and not rule.nullable:
        raise InvalidSchema(f"field {field.name} cannot be null")
    if rule.categorical is not None and field.categorical != rule.categorical:
        must = "must" if rule.categorical else "cannot"
        raise InvalidSchema(f"field {field.name} {must} be categorical")
    if field.textual != rule.textual:
        must = "must" if rule.textual else "cannot"
        raise InvalidSchema(f"field {field.name} {must} be textual")


def _check_metadata(schema: Schema, kind: DatasetType, domain: str | None) -> None:
    metadata = metadata_fields(schema, kind.name, domain)
    if len(metadata) > kind.metadata_limit:
        raise InvalidSchema(
            f"{len(metadata)} metadata fields, a {kind.name} dataset can have at most {kind.metadata_limit}"
        )
    if not kind.needs_metadata or (kind.name == ITEMS and domain is not None):
        return
    # D-33: the only reserved column of video users also counts as metadata.
    candidates = (*metadata, *(f for f in schema.fields if f.name == "SUBSCRIPTION_MODEL"))
    if not any(f.categorical or f.textual or f.type in NUMERIC_TYPES for f in candidates):
        raise InvalidSchema(f"a {kind.name} schema needs a categorical or numerical metadata field")
