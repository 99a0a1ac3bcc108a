"""Parsing of request bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from personalize_emu.wire.errors import SerializationException
from personalize_emu.wire.models import operations
from personalize_emu.wire.parse import parse


def parsed(operation: str, body: str | bytes | dict[str, Any]) -> dict[str, Any]:
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    return parse(operations()[operation], raw.encode() if isinstance(raw, str) else raw)


def refusal(operation: str, body: str | bytes | dict[str, Any]) -> str:
    with pytest.raises(SerializationException) as refused:
        parsed(operation, body)
    return refused.value.message


def test_nothing_is_an_empty_request() -> None:
    """P-13, P-18."""
    assert parsed("ListSchemas", b"") == parsed("ListSchemas", b"{}") == {}


def test_unknown_members_are_ignored_and_null_is_absent() -> None:
    """P-17."""
    body = {"name": "films", "schema": None, "later": {"anything": [1, None]}}
    assert parsed("CreateSchema", body) == {"name": "films"}


def test_the_last_of_equal_keys_counts() -> None:
    assert parsed("CreateSchema", '{"name":"a","name":"b"}') == {"name": "b"}


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        ("1563200000", 1563200000.0),
        ("1563200000.25", 1563200000.25),
        ("1.5632E9", 1563200000.0),
        ('"1563200000"', 1563200000.0),
        ('"1563200000.5"', 1563200000.5),
        ('"2019-07-15T14:13:20Z"', 1563200000.0),
        ('"2019-07-15T14:13:20"', 1563200000.0),
        ('"2019-07-15T16:13:20.500+02:00"', 1563200000.5),
        ("0", 0.0),
        ("-1", -1.0),
    ],
)
def test_a_time_is_a_number_digits_or_a_date(sent: str, seconds: float) -> None:
    """P-16, EV-25."""
    body = f'{{"eventList":[{{"sentAt":{sent}}}]}}'
    found = parsed("PutEvents", body)["eventList"][0]["sentAt"]
    assert (found, type(found)) == (seconds, float)


@pytest.mark.parametrize(
    "sent", ['"soon"', '""', '"nan"', '"inf"', '"1_000"', '" 1"', '"١"', '"1e999"', "1e300", "true", "[]", "{}"]
)
def test_anything_else_is_no_time(sent: str) -> None:
    refusal("PutEvents", f'{{"eventList":[{{"sentAt":{sent}}}]}}')


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (r'"{\"a\": 1}"', '{"a": 1}'),
        ('{"a": 1, "b": [true, null, 1.5, "é"]}', '{"a":1,"b":[true,null,1.5,"é"]}'),
        ('"not json"', "not json"),
        ("[1, 2]", "[1,2]"),
        ("5", "5"),
    ],
)
def test_properties_are_parsed_to_json_text(sent: str, text: str) -> None:
    """EV-30: some clients send the object itself."""
    body = f'{{"users":[{{"userId":"u","properties":{sent}}}]}}'
    assert parsed("PutUsers", body)["users"][0]["properties"] == text


@pytest.mark.parametrize(
    ("sent", "number"), [("25", 25), ("25.0", 25), ("2.5e1", 25), ("-3", -3), ("2147483647", 2**31 - 1)]
)
def test_a_whole_number_may_be_written_with_a_point(sent: str, number: int) -> None:
    found = parsed("GetRecommendations", f'{{"numResults":{sent}}}')["numResults"]
    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize(
    "sent", ["1.5", "2147483648", "-2147483649", "9223372036854775808", "1e40", "1e999", "1" * 4000]
)
def test_other_numbers_are_no_integers(sent: str) -> None:
    text = refusal("GetRecommendations", f'{{"numResults":{sent}}}')
    assert text == "NUMBER_VALUE can not be converted to an Integer"


@pytest.mark.parametrize(("sent", "number"), [("1", 1.0), ("0.5", 0.5), ("-1e-3", -0.001), ("3.4e38", 3.4e38)])
def test_decimals_are_parsed_to_floats(sent: str, number: float) -> None:
    found = parsed("PutEvents", f'{{"eventList":[{{"eventValue":{sent}}}]}}')["eventList"][0]["eventValue"]
    assert (found, type(found)) == (number, float)


@pytest.mark.parametrize("sent", ["1e39", "1e999", "NaN", "Infinity", "-Infinity", '"1"', '"NaN"', "false", "1" * 400])
def test_number_out_of_float_range_is_refused(sent: str) -> None:
    refusal("PutEvents", f'{{"eventList":[{{"eventValue":{sent}}}]}}')


@pytest.mark.parametrize(
    ("operation", "member", "sent", "text"),
    [
        ("CreateSchema", "name", "5", "NUMBER_VALUE can not be converted to a String"),
        ("CreateSchema", "name", "true", "TRUE_VALUE can not be converted to a String"),
        ("CreateSchema", "name", "false", "FALSE_VALUE can not be converted to a String"),
        ("CreateSchema", "name", "{}", "Start of structure or map found where not expected"),
        ("CreateSchema", "name", "[]", "Start of list found where not expected"),
        ("ListSchemas", "maxResults", '"5"', "STRING_VALUE can not be converted to an Integer"),
        ("ListSchemas", "maxResults", "true", "TRUE_VALUE can not be converted to an Integer"),
        ("CreateSolution", "performHPO", '"true"', "STRING_VALUE can not be converted to a Boolean"),
        ("CreateSolution", "performHPO", "1", "NUMBER_VALUE can not be converted to a Boolean"),
        ("CreateSolution", "solutionConfig", '""', "Expected structure or null"),
        ("CreateSolution", "solutionConfig", "[]", "Start of list found where not expected"),
        ("CreateSolution", "tags", "{}", "Start of structure or map found where not expected"),
        ("CreateSolution", "tags", "1", "Expected list or null"),
        ("GetRecommendations", "context", '"a"', "Expected map or null"),
        ("GetRecommendations", "context", '{"a":1}', "NUMBER_VALUE can not be converted to a String"),
    ],
)
def test_a_wrong_json_type_is_named(operation: str, member: str, sent: str, text: str) -> None:
    """P-59."""
    assert refusal(operation, f'{{"{member}":{sent}}}') == text


def test_nulls_inside_collections_are_left_for_the_validator() -> None:
    assert parsed("GetPersonalizedRanking", {"inputList": ["a", None], "context": {"A": None}}) == {
        "inputList": ["a", None],
        "context": {"A": None},
    }
