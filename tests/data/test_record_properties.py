"""Properties of individually put records (D-89, D-91, EV-30 to EV-46, EV-66, EV-67)."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.records.properties import (
    InvalidProperties,
    camel_name,
    event_row,
    impression_text,
    record_row,
)
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.columns import rows_table
from tests.data.schema_texts import EVERY_TYPE, ITEM, TIME, TYPE, USER, field, schema

EVENTS = schema(
    "Interactions",
    USER,
    ITEM,
    TIME,
    TYPE,
    field("EVENT_VALUE", ["null", "float"]),
    field("IMPRESSION", ["null", "string"]),
    field("NUM_RATINGS", ["null", "int"]),
    field("DEVICE", ["null", "string"], categorical=True),
)
MEMBERS = {"USER_ID": "u", "ITEM_ID": "i", "TIMESTAMP": 7, "EVENT_TYPE": "watch"}
ITEM_PROPERTIES = {"creationTimestamp": 5, "price": 1.5}


def event(properties: Any = None, members: dict[str, Any] = MEMBERS, of: Schema = EVENTS) -> dict[str, Any]:
    return event_row(of, properties if properties is None else json.dumps(properties), members)


def refusal(properties: Any = None, members: dict[str, Any] = MEMBERS, of: Schema = EVENTS) -> str:
    with pytest.raises(InvalidProperties) as caught:
        event(properties, members, of)
    return caught.value.text


def item(**properties: Any) -> dict[str, Any]:
    return record_row(EVERY_TYPE, "ITEM_ID", "i", json.dumps({**ITEM_PROPERTIES, **properties}))


def item_refusal(**properties: Any) -> str:
    with pytest.raises(InvalidProperties) as caught:
        item(**properties)
    return caught.value.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "5",
        "null",
        '"x"',
        "{'a': 1}",
        json.dumps(json.dumps({"device": "tv"})),
        '{"a": NaN}',
        '{"a": Infinity}',
        "[" * 100_000,
        '{"a":' + "9" * 5000 + "}",
    ],
)
def test_ev30_text_that_is_no_json_object(text: str) -> None:
    with pytest.raises(InvalidProperties, match=r"^Error parsing properties json$"):
        event_row(EVENTS, text, MEMBERS)
    with pytest.raises(InvalidProperties, match=r"^Error parsing properties json$"):
        record_row(EVERY_TYPE, "ITEM_ID", "i", text)


@pytest.mark.parametrize("key", ["numRatings", "NUM_RATINGS"])
def test_d91_ev31_keys_are_camel_case_or_the_column(key: str) -> None:
    assert event({key: 3}) == {**MEMBERS, "NUM_RATINGS": 3}


@pytest.mark.parametrize("column", ["GENRES", "CATEGORY_L1", "AVERAGE_RATING"])
def test_d91_every_column_has_its_key(column: str) -> None:
    of = schema("Items", ITEM, field(column))
    assert record_row(of, "ITEM_ID", "i", json.dumps({camel_name(column): "v"})) == {"ITEM_ID": "i", column: "v"}


@pytest.mark.parametrize(
    "key",
    [
        "userId",
        "sessionId",
        "eventType",
        "timestamp",
        "recommendationId",
        "impression",
        "USERID",
        "TimeStamp",
        "USER_ID",
    ],
)
def test_ev32_reserved_keys(key: str) -> None:
    assert key in refusal({key: "x"})


def test_ev33_unknown_keys_of_events_are_ignored() -> None:
    assert event({"unknown": [1, {"x": None}], "numratings": 5}) == MEMBERS


def test_ev14_members_without_a_column_are_dropped() -> None:
    of = schema("Interactions", USER, ITEM, TIME)
    assert event(None, {**MEMBERS, "EVENT_VALUE": 1.5, "RECOMMENDATION_ID": None}, of) == {
        "USER_ID": "u",
        "ITEM_ID": "i",
        "TIMESTAMP": 7,
    }


def test_ev26_members_override_properties() -> None:
    bare = {**MEMBERS, "ITEM_ID": None}
    assert event({"itemId": "p", "eventValue": 2}, bare) == {**MEMBERS, "ITEM_ID": "p", "EVENT_VALUE": 2.0}
    assert event({"itemId": "p"})["ITEM_ID"] == "i"
    assert event({"itemId": 42}, bare)["ITEM_ID"] == "42"
    assert "ITEM_ID" in refusal(None, bare)
    assert "itemId" in refusal({"itemId": "x" * 257}, bare)


def test_ev33_values_are_converted_without_loss() -> None:
    assert event({"numRatings": "12", "device": 7, "eventValue": "2.5"}) == {
        **MEMBERS,
        "NUM_RATINGS": 12,
        "DEVICE": "7",
        "EVENT_VALUE": 2.5,
    }
    assert event({"numRatings": 12.0})["NUM_RATINGS"] == 12


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("numRatings", "many"),
        ("numRatings", 1.5),
        ("numRatings", True),
        ("numRatings", [1]),
        ("numRatings", 2**31),
        ("numRatings", 1e400),
        ("eventValue", "nan"),
        ("eventValue", 1e39),
        ("eventValue", 10**400),
        ("eventValue", False),
        ("device", True),
        ("device", ["tv", "pc"]),
        ("device", {"a": 1}),
        ("device", "x" * 1001),
        ("device", "a\0b"),
        ("device", "\ud800"),
    ],
)
def test_ev33_ev66_values_of_the_wrong_type(key: str, value: Any) -> None:
    text = json.dumps({key: value}).replace("Infinity", "1e400")
    with pytest.raises(InvalidProperties, match=f"^Invalid value for {key}: "):
        event_row(EVENTS, text, MEMBERS)


def test_ev90_required_columns_may_be_missing() -> None:
    strict = schema(
        "Interactions", USER, ITEM, TIME, TYPE, field("EVENT_VALUE", "float"), field("IMPRESSION"), field("DEVICE")
    )
    assert event({"device": "tv"}, {**MEMBERS, "EVENT_TYPE": None}, strict) == {
        "USER_ID": "u",
        "ITEM_ID": "i",
        "TIMESTAMP": 7,
        "DEVICE": "tv",
    }
    for properties in ({}, {"device": None}, {"device": ""}):
        assert event(properties, MEMBERS, strict) == MEMBERS


def test_d58_empty_and_null_are_null() -> None:
    assert event({"device": "", "numRatings": None}) == MEMBERS


def test_ev46_impressions_are_cut_between_items() -> None:
    assert impression_text([]) == ""
    assert impression_text(["a", "b"]) == "a|b"
    assert impression_text(["x" * 249, "y" * 249, "z" * 249, "w" * 250]) == "|".join(
        ["x" * 249, "y" * 249, "z" * 249, "w" * 250]
    )
    longest = impression_text(["x" * 250] * 25)
    assert longest == "|".join(["x" * 250] * 3)


def test_d89_ev63_a_record_is_the_whole_row() -> None:
    assert item() == {"ITEM_ID": "i", "CREATION_TIMESTAMP": 5, "PRICE": 1.5}
    assert item(adult=True, weight="2e3", title=5, genres="a|b") == {
        "ITEM_ID": "i",
        "CREATION_TIMESTAMP": 5,
        "PRICE": 1.5,
        "ADULT": True,
        "WEIGHT": 2000.0,
        "TITLE": "5",
        "GENRES": "a|b",
    }
    assert item(adult="false")["ADULT"] is False
    assert record_row(EVERY_TYPE, "ITEM_ID", "i", None) == {"ITEM_ID": "i"}


def test_ev67_unknown_keys_missing_columns_and_wrong_types() -> None:
    """As recorded for events (EV-90), and as in files: unknown columns are ignored, values may be missing."""
    assert item(colour="red", more={"x": [1]}) == item()
    assert item(creationTimestamp=None) == {"ITEM_ID": "i", "PRICE": 1.5}
    assert "price" in item_refusal(price="cheap")
    assert "adult" in item_refusal(adult=1)
    assert "ITEM_ID" in item_refusal(itemId="other")
    assert item(itemId="i") == item()


def test_ev66_text_is_cut_and_strings_are_refused() -> None:
    assert len(item(plot="word " * 5000)["PLOT"]) == 20_000
    assert len(item(plot="漢" * 9000)["PLOT"]) == 7_000
    assert "1000 characters" in item_refusal(title="t" * 1001)
    assert "1000 characters" in item_refusal(genres="t" * 1001)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.lists(st.none(), max_size=1)
KEYS = st.sampled_from([entry.item_name for entry in EVERY_TYPE.fields] + list(EVERY_TYPE.names) + ["other"])


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_any_properties_are_stored_or_refused(properties: dict[str, Any]) -> None:
    text = json.dumps({"price": 1, "creationTimestamp": 1, **properties})
    try:
        row = record_row(EVERY_TYPE, "ITEM_ID", "i", text)
    except InvalidProperties as error:
        refused = error
    else:
        table = rows_table(EVERY_TYPE, [row])
        assert isinstance(table, pa.Table)
        assert {name: value for name, value in table.to_pylist()[0].items() if value is not None}.keys() == row.keys()
        return
    assert refused.text


@settings(deadline=None)
@given(st.text())
def test_any_text_is_stored_or_refused(text: str) -> None:
    try:
        row = event_row(EVENTS, text, MEMBERS)
    except InvalidProperties as error:
        refused = error
    else:
        assert row.keys() >= MEMBERS.keys()
        return
    assert refused.text
