"""The text of a schema (D-1 to D-20)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.schemas.avro import Field, InvalidSchema, Schema, camel_name, parse_schema
from tests.data.schema_texts import GENRES, ITEM, TIME, USER, field, schema, schema_text


def refusal(text: str) -> str:
    with pytest.raises(InvalidSchema) as caught:
        parse_schema(text)
    return caught.value.reason


def test_d1_a_record_with_fields_in_their_order() -> None:
    parsed = schema("Interactions", USER, TIME, ITEM)
    assert parsed.name == "Interactions"
    assert parsed.names == ("USER_ID", "TIMESTAMP", "ITEM_ID")
    assert parsed.field("TIMESTAMP") == Field("TIMESTAMP", "long")
    assert parsed.field("timestamp") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"record"', "\ud800", "[" * 100_000, "1" * 5_000, "NaN"])
def test_d19_text_that_is_no_json_object(text: str) -> None:
    assert "the text is not" in refusal(text)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"type": "enum"}, "type"),
        ({"type": ["record"]}, "type"),
        ({"name": 5}, "name"),
        ({"name": ""}, "name"),
        ({"fields": []}, "fields"),
        ({"fields": {}}, "fields"),
        ({"fields": ["USER_ID"]}, "USER_ID"),
        ({"fields": [{"type": "string"}]}, "no name"),
        ({"name": "\ud800"}, "surrogate"),
    ],
)
def test_d1_d3_d19_bad_members(members: dict[str, Any], reason: str) -> None:
    assert reason in refusal(schema_text("Users", USER, **members))


def test_d3_namespace_and_version_may_be_absent_or_anything() -> None:
    for anything in ("9", 1, 1.0, None, True, ["1.0"], {"major": 1}):
        text = schema_text("Users", USER, namespace=anything, version=anything)
        assert parse_schema(text).names == ("USER_ID",)
    document = json.loads(text)
    del document["namespace"], document["version"]
    assert parse_schema(json.dumps(document)).names == ("USER_ID",)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("member", ["version", "default"])
def test_d19_constants_that_json_lacks_are_refused(constant: str, member: str) -> None:
    text = schema_text("Items", ITEM, field("PRICE", "float", default="?"), version="?")
    text = text.replace(f'"{member}": "?"', f'"{member}": {constant}')
    assert constant in text
    assert refusal(text) == "the text is not JSON"


@pytest.mark.parametrize("kind", ["float", "double", "int", "long", "string", "boolean"])
def test_d4_d5_types_alone_in_a_list_and_with_null_on_either_side(kind: str) -> None:
    assert schema("Items", field("A", kind)).fields == (Field("A", kind),)
    assert schema("Items", field("A", [kind])).fields == (Field("A", kind),)
    assert schema("Items", field("A", ["null", kind])).fields == (Field("A", kind, nullable=True),)
    assert schema("Items", field("A", [kind, "null"])).fields == (Field("A", kind, nullable=True),)


@pytest.mark.parametrize(
    "kind",
    [
        "null",
        "bytes",
        "array",
        "enum",
        "String",
        None,
        5,
        [],
        ["null"],
        ["null", "null"],
        ["string", "int"],
        ["string", "string"],
        ["null", "string", "int"],
        [["string"]],
        {"type": "string"},
        {"type": "array", "items": "string"},
        {"type": "record", "name": "x", "fields": []},
        {"type": "long", "logicalType": "timestamp-millis"},
    ],
)
def test_d4_d6_d7_other_types_are_refused_by_field_name(kind: Any) -> None:
    assert "A_FIELD" in refusal(schema_text("Items", ITEM, field("A_FIELD", kind)))


@pytest.mark.parametrize(
    ("one", "two"), [("GENRES_FIELD_1", "GENRESFIELD1"), ("GENRE", "genre"), ("A", "A"), ("A_", "_a")]
)
def test_d8_names_must_differ_alphanumerically(one: str, two: str) -> None:
    reason = refusal(schema_text("Items", field(one), field(two)))
    assert one in reason
    assert two in reason


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "Ä", "A" * 151, "A\n", "A.B"])
def test_d9_column_names(name: str) -> None:
    assert "not valid" in refusal(schema_text("Items", field(name)))
    assert schema("Items", field("_a1"), field("B" * 150)).names == ("_a1", "B" * 150)


def test_d10_d11_attributes_need_strings() -> None:
    assert "YEAR" in refusal(schema_text("Items", ITEM, field("YEAR", "int", categorical=True)))
    assert "YEAR" in refusal(schema_text("Items", ITEM, field("YEAR", ["null", "int"], textual=True)))
    assert schema("Items", GENRES).fields[0].categorical


def test_d11_at_most_one_textual_field() -> None:
    reason = refusal(schema_text("Items", field("A", textual=True), field("B", textual=True)))
    assert reason == "only one field can be textual, not A and B"


def test_d12_categorical_and_textual_exclude_each_other_and_false_is_absence() -> None:
    assert "PLOT" in refusal(schema_text("Items", field("PLOT", textual=True, categorical=True)))
    assert schema("Items", field("A", categorical=False, textual=False)).fields == (Field("A", "string"),)
    assert schema("Items", field("N", "int", categorical=False)).fields == (Field("N", "int"),)


@pytest.mark.parametrize("value", ["true", 1, None, []])
def test_d19_attributes_are_booleans(value: Any) -> None:
    assert "GENRES" in refusal(schema_text("Items", field("GENRES", categorical=value)))


def test_d20_unknown_members_and_attributes_are_accepted() -> None:
    parsed = parse_schema(schema_text("Items", field("A", doc="x", default=None), aliases=["y"]))
    assert parsed.fields == (Field("A", "string"),)


def test_d91_ev31_property_names() -> None:
    names = {"NUM_RATINGS": "numRatings", "GENRES": "genres", "CATEGORY_L1": "categoryL1", "_A__B": "aB"}
    assert {column: camel_name(column) for column in names} == names
    assert schema("Items", field("CREATION_TIMESTAMP", "long")).fields[0].item_name == "creationTimestamp"
    assert camel_name("_") == "_"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
TYPES = st.sampled_from(["string", "int", "long", "float", "double", "boolean", "null"])
FIELDS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["A", "B", "a", "A_", "C", "1"]) | JSON,
        "type": TYPES | st.lists(TYPES, max_size=3) | JSON,
    },
    optional={"categorical": st.booleans() | JSON, "textual": st.booleans()},
)


def parsed_or_refused(text: str) -> Schema | None:
    """None if the schema is refused with a reason that has no closing period."""
    try:
        return parse_schema(text)
    except InvalidSchema as error:
        refused = error
    assert refused.reason.rstrip(".") == refused.reason != ""
    return None


@settings(deadline=None)
@given(st.lists(FIELDS | JSON, max_size=4), st.sampled_from(["record", "x"]), JSON | st.just("Items"))
def test_any_document_parses_or_is_refused(fields: list[Any], kind: str, name: Any) -> None:
    parsed = parsed_or_refused(json.dumps({"type": kind, "name": name, "fields": fields}))
    if parsed is not None:
        assert parsed.names == tuple(entry["name"] for entry in fields)
        assert parsed.name == name


@settings(deadline=None)
@given(st.text() | JSON.map(json.dumps))
def test_any_text_parses_or_is_refused(text: str) -> None:
    parsed_or_refused(text)
