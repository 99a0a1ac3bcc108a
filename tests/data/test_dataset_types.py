"""Schema requirements of each dataset type (D-2, D-11 to D-40)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.data.schemas.avro import InvalidSchema, Schema
from personalize_emu.data.schemas.dataset_types import (
    ACTION_INTERACTIONS,
    ACTIONS,
    DATASET_TYPES,
    ECOMMERCE,
    INTERACTIONS,
    ITEMS,
    USERS,
    VIDEO_ON_DEMAND,
    MissingColumns,
    check_schema_fits,
    check_schema_replaces,
    dataset_type_named,
    metadata_fields,
    required_columns,
    reserved_columns,
)
from tests.data.schema_texts import ACTION, GENRES, ITEM, TIME, TYPE, USER, field, schema

AGE = field("AGE", "int")
CREATED = field("CREATION_TIMESTAMP", "long")
FLOAT_OR_NULL = ["null", "float"]
STRING_OR_NULL = ["null", "string"]


def refusal(parsed: Schema, dataset_type: str, domain: str | None = None) -> str:
    with pytest.raises(InvalidSchema) as caught:
        check_schema_fits(parsed, dataset_type, domain)
    return caught.value.reason


def test_r_ds_3_types_in_any_case() -> None:
    assert dataset_type_named("Action_Interactions") == ACTION_INTERACTIONS
    assert [dataset_type_named(text) for text in ("items", "ITEMS", "iTems")] == [ITEMS] * 3
    assert [dataset_type_named(text) for text in ("", "Event", "ActionInteractions", "ıtems")] == [None] * 4


@pytest.mark.parametrize("name", ["Interactions", "INTERACTIONS", "Inter_actions"])
def test_d2_record_name_ignores_case_and_underscores(name: str) -> None:
    check_schema_fits(schema(name, USER, ITEM, TIME), INTERACTIONS, None)


def test_d2_record_name_of_another_type() -> None:
    assert "Items" in refusal(schema("Items", USER, ITEM, TIME), INTERACTIONS)
    fields = (USER, ACTION, TYPE, TIME)
    check_schema_fits(schema("ActionInteractions", *fields), ACTION_INTERACTIONS, None)
    assert "ActionInteractions" in refusal(schema("Actions", *fields), ACTION_INTERACTIONS)


@pytest.mark.parametrize("dataset_type", [INTERACTIONS, ITEMS, USERS, ACTIONS, ACTION_INTERACTIONS])
def test_d21_d40_missing_required_columns_are_all_named(dataset_type: str) -> None:
    parsed = schema(DATASET_TYPES[dataset_type].record_name, field("OTHER", "int"))
    with pytest.raises(MissingColumns) as caught:
        check_schema_fits(parsed, dataset_type, None)
    assert caught.value.columns == required_columns(dataset_type, None)
    listed = ", ".join(caught.value.columns)
    assert str(caught.value) == f"Input csv is missing the following columns: [{listed}]"


@pytest.mark.parametrize("name", ["item_id", "ItemId", "ITEMID"])
def test_d40_a_column_in_other_letters_is_pointed_out(name: str) -> None:
    with pytest.raises(MissingColumns) as caught:
        check_schema_fits(schema("Items", field(name), GENRES), ITEMS, None)
    assert str(caught.value) == (
        f"Input csv is missing the following columns: [ITEM_ID] ('{name}' must be called ITEM_ID)"
    )


def test_d40_the_recorded_text() -> None:
    with pytest.raises(MissingColumns, match=r"^Input csv is missing the following columns: \[ITEM_ID\]$"):
        check_schema_fits(schema("Items", AGE), ITEMS, None)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("USER_ID", "int"),
        ("USER_ID", STRING_OR_NULL),
        ("TIMESTAMP", "int"),
        ("TIMESTAMP", ["null", "long"]),
        ("EVENT_TYPE", STRING_OR_NULL),
        ("EVENT_VALUE", "double"),
        ("EVENT_VALUE", "string"),
        ("IMPRESSION", "long"),
        ("RECOMMENDATION_ID", "float"),
        ("EVENT_ATTRIBUTION_SOURCE", "boolean"),
    ],
)
@pytest.mark.parametrize("domain", [None, ECOMMERCE, VIDEO_ON_DEMAND])
def test_d16_d39_types_of_interaction_columns(column: str, kind: Any, domain: str | None) -> None:
    fields = {entry["name"]: entry for entry in (USER, ITEM, TIME, TYPE)}
    fields[column] = field(column, kind)
    assert column in refusal(schema("Interactions", *fields.values()), INTERACTIONS, domain)


@pytest.mark.parametrize("kind", ["string", ["string"], STRING_OR_NULL])
def test_d16_d21_null_is_optional_where_listed(kind: Any) -> None:
    extras = [field(name, kind) for name in ("IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE")]
    check_schema_fits(schema("Interactions", USER, ITEM, TIME, TYPE, *extras), INTERACTIONS, None)


@pytest.mark.parametrize("column", ["USER_ID", "ITEM_ID", "EVENT_TYPE", "IMPRESSION", "RECOMMENDATION_ID"])
def test_d15_ids_and_events_are_not_categorical(column: str) -> None:
    fields = {entry["name"]: entry for entry in (USER, ITEM, TIME, TYPE)}
    fields[column] = field(column, categorical=True)
    assert column in refusal(schema("Interactions", *fields.values()), INTERACTIONS)


def test_d15_reserved_categories_are_categorical() -> None:
    genres = field("GENRES")
    assert "GENRES" in refusal(schema("Items", ITEM, CREATED, genres), ITEMS, VIDEO_ON_DEMAND)
    subscription = field("SUBSCRIPTION_MODEL")
    assert "SUBSCRIPTION_MODEL" in refusal(schema("Users", USER, subscription), USERS, VIDEO_ON_DEMAND)


def test_d11_textual_only_in_items() -> None:
    bio = field("BIO", textual=True)
    assert "BIO" in refusal(schema("Users", USER, AGE, bio), USERS)
    check_schema_fits(schema("Items", ITEM, field("PLOT", textual=True)), ITEMS, None)


@pytest.mark.parametrize("domain", [ECOMMERCE, VIDEO_ON_DEMAND])
def test_d35_product_description_is_textual(domain: str) -> None:
    fields = [ITEM, CREATED, GENRES, field("PRICE", "float"), field("CATEGORY_L1", categorical=True)]
    check_schema_fits(schema("Items", *fields, field("PRODUCT_DESCRIPTION", textual=True)), ITEMS, domain)
    plain = schema("Items", *fields, field("PRODUCT_DESCRIPTION"))
    assert "PRODUCT_DESCRIPTION" in refusal(plain, ITEMS, domain)


@pytest.mark.parametrize("useless", [[], [field("NOTE")], [field("FLAG", "boolean")]])
def test_d21_a_usable_metadata_field_is_needed(useless: list[dict[str, Any]]) -> None:
    for dataset_type, identity in ((USERS, USER), (ITEMS, ITEM), (ACTIONS, ACTION)):
        name = DATASET_TYPES[dataset_type].record_name
        assert "metadata" in refusal(schema(name, identity, *useless), dataset_type)
        check_schema_fits(schema(name, identity, *useless, GENRES), dataset_type, None)
        check_schema_fits(schema(name, identity, *useless, AGE), dataset_type, None)


def test_d23_creation_timestamp_is_no_metadata_but_price_is() -> None:
    assert "metadata" in refusal(schema("Items", ITEM, CREATED), ITEMS)
    check_schema_fits(schema("Items", ITEM, CREATED, field("PRICE", "float")), ITEMS, None)


@pytest.mark.parametrize("name", ["EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP"])
def test_d22_both_names_of_the_expiration(name: str) -> None:
    for kind in ("long", ["null", "long"]):
        check_schema_fits(schema("Actions", ACTION, AGE, field(name, kind)), ACTIONS, None)
    assert name in refusal(schema("Actions", ACTION, AGE, field(name, "int")), ACTIONS)
    assert name in reserved_columns(ACTIONS, None)


@pytest.mark.parametrize(
    ("dataset_type", "fields", "limit"),
    [
        (INTERACTIONS, [USER, ITEM, TIME, TYPE], 5),
        (ITEMS, [ITEM, CREATED], 100),
        (USERS, [USER], 25),
        (ACTIONS, [ACTION], 10),
        (ACTION_INTERACTIONS, [USER, ACTION, TYPE, TIME], 5),
    ],
)
def test_d21_d24_d26_number_of_metadata_fields(dataset_type: str, fields: list[dict[str, Any]], limit: int) -> None:
    name = DATASET_TYPES[dataset_type].record_name
    many = [field(f"F{number}", "int") for number in range(limit + 1)]
    check_schema_fits(schema(name, *fields, *many[:limit]), dataset_type, None)
    assert f"at most {limit}" in refusal(schema(name, *fields, *many), dataset_type)


def test_d27_d28_recorded_ecommerce_interactions() -> None:
    recorded = schema("Interactions", USER, ITEM, TYPE, TIME, field("DISCOUNT"))
    check_schema_fits(recorded, INTERACTIONS, ECOMMERCE)
    assert [entry.name for entry in metadata_fields(recorded, INTERACTIONS, ECOMMERCE)] == ["DISCOUNT"]


@pytest.mark.parametrize("domain", [ECOMMERCE, VIDEO_ON_DEMAND])
def test_d29_no_actions_in_domains(domain: str) -> None:
    assert "Domain" in refusal(schema("Actions", ACTION, AGE), ACTIONS, domain)
    events = schema("ActionInteractions", USER, ACTION, TYPE, TIME)
    assert "Domain" in refusal(events, ACTION_INTERACTIONS, domain)


@pytest.mark.parametrize("domain", [ECOMMERCE, VIDEO_ON_DEMAND])
def test_d32_event_type_is_required_in_domains(domain: str) -> None:
    with pytest.raises(MissingColumns, match=r"\[EVENT_TYPE\]"):
        check_schema_fits(schema("Interactions", USER, ITEM, TIME), INTERACTIONS, domain)


def test_d31_d33_d34_defaults_of_video_on_demand() -> None:
    subscription = field("SUBSCRIPTION_MODEL", categorical=True)
    check_schema_fits(schema("Interactions", USER, ITEM, TYPE, TIME), INTERACTIONS, VIDEO_ON_DEMAND)
    check_schema_fits(schema("Users", USER, subscription), USERS, VIDEO_ON_DEMAND)
    check_schema_fits(schema("Items", ITEM, GENRES, CREATED), ITEMS, VIDEO_ON_DEMAND)
    with pytest.raises(MissingColumns, match=r"\[GENRES\]"):
        check_schema_fits(schema("Items", ITEM, field("GENRES_L1", categorical=True), CREATED), ITEMS, VIDEO_ON_DEMAND)
    assert "metadata" in refusal(schema("Users", USER, field("NOTE")), USERS, VIDEO_ON_DEMAND)


def test_d31_reserved_columns_of_video_on_demand() -> None:
    numbers = [field(name, FLOAT_OR_NULL) for name in ("PRICE", "DURATION", "AVERAGE_RATING")]
    categories = [
        field(name, STRING_OR_NULL, categorical=True)
        for name in ("GENRE_L2", "GENRE_L3", "CONTENT_OWNER", "CONTENT_CLASSIFICATION")
    ]
    parsed = schema("Items", ITEM, GENRES, CREATED, *numbers, *categories)
    check_schema_fits(parsed, ITEMS, VIDEO_ON_DEMAND)
    assert metadata_fields(parsed, ITEMS, VIDEO_ON_DEMAND) == ()
    wrong = schema("Items", ITEM, GENRES, CREATED, field("DURATION", "int"))
    assert "DURATION" in refusal(wrong, ITEMS, VIDEO_ON_DEMAND)


def test_d35_d37_d38_ecommerce() -> None:
    price, category = field("PRICE", "float"), field("CATEGORY_L1", ["string"], categorical=True)
    check_schema_fits(schema("Items", ITEM, price, category), ITEMS, ECOMMERCE)
    member = field("MEMBERSHIP_STATUS", categorical=True)
    check_schema_fits(schema("Users", USER, member), USERS, ECOMMERCE)
    for kind in ("long", "float"):
        created = field("CREATION_TIMESTAMP", kind)
        check_schema_fits(schema("Items", ITEM, price, category, created), ITEMS, ECOMMERCE)
    created = field("CREATION_TIMESTAMP", "int")
    assert "CREATION_TIMESTAMP" in refusal(schema("Items", ITEM, price, category, created), ITEMS, ECOMMERCE)
    nullable = field("PRICE", FLOAT_OR_NULL)
    assert "PRICE" in refusal(schema("Items", ITEM, nullable, category), ITEMS, ECOMMERCE)


def test_d35_only_ecommerce_takes_a_float_creation_timestamp() -> None:
    created = field("CREATION_TIMESTAMP", "float")
    assert "CREATION_TIMESTAMP" in refusal(schema("Items", ITEM, GENRES, created), ITEMS)
    assert "CREATION_TIMESTAMP" in refusal(schema("Items", ITEM, GENRES, created), ITEMS, VIDEO_ON_DEMAND)


def test_d39_null_on_a_required_category() -> None:
    category = field("CATEGORY_L1", STRING_OR_NULL, categorical=True)
    check_schema_fits(schema("Items", ITEM, field("PRICE", "float"), category), ITEMS, ECOMMERCE)


def test_d93_d94_d95_replacing_a_schema() -> None:
    old = schema("Items", ITEM, GENRES)
    check_schema_replaces(schema("Items", GENRES, ITEM, field("PRICE", FLOAT_OR_NULL)), old)
    for new, named in (
        (schema("Items", ITEM, AGE), "GENRES"),
        (schema("Items", ITEM, field("GENRES", STRING_OR_NULL)), "GENRES"),
        (schema("Items", ITEM, GENRES, AGE), "AGE"),
    ):
        with pytest.raises(InvalidSchema, match=named):
            check_schema_replaces(new, old)
