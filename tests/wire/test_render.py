"""Responses on the wire: exact bodies, headers, numbers in Java's notation."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.wire import java_text
from personalize_emu.wire.errors import (
    ResourceNotFoundException,
    SerializationException,
    UnknownOperationException,
)
from personalize_emu.wire.models import operations
from personalize_emu.wire.render import Response, preflight, render, render_error
from personalize_emu.wire.route import route

NOW = 1_698_431_822.857
SCHEMA_ARN = "arn:aws:personalize:us-east-1:402114309305:schema/users-schema-85652"


def answer(operation: str, members: dict[str, Any] | None) -> Response:
    return render(operations()[operation], members, "id-1", NOW)


def test_an_empty_list_is_sent_in_20_bytes() -> None:
    """P-31."""
    assert answer("ListDatasetGroups", {"datasetGroups": [], "nextToken": None}).body == b'{"datasetGroups":[]}'
    assert ("content-length", "20") in answer("ListDatasetGroups", {"datasetGroups": []}).headers


def test_bodies_are_compact() -> None:
    """P-26."""
    body = answer("CreateSchema", {"schemaArn": SCHEMA_ARN}).body
    assert body == f'{{"schemaArn":"{SCHEMA_ARN}"}}'.encode()
    assert len(body) == 84


def test_none_is_omitted_and_false_is_sent() -> None:
    """P-27, P-28."""
    solution = {"name": "s", "performHPO": False, "performAutoML": None, "recipeArn": ""}
    body = answer("DescribeSolution", {"solution": solution}).body
    assert body == b'{"solution":{"name":"s","performHPO":false,"recipeArn":""}}'


def test_only_members_of_the_shape_are_sent() -> None:
    """List operations never return members of Describe only."""
    full = {"name": "s", "schemaArn": SCHEMA_ARN, "schema": "{}", "kept": {"inside": 1}}
    assert answer("ListSchemas", {"schemas": [full]}).body == (
        f'{{"schemas":[{{"name":"s","schemaArn":"{SCHEMA_ARN}"}}]}}'.encode()
    )


def test_text_is_sent_in_ascii() -> None:
    body = answer("CreateSchema", {"schemaArn": 'Ü"\n\u2028🎬'}).body
    assert body.isascii()
    assert json.loads(body) == {"schemaArn": 'Ü"\n\u2028🎬'}


@pytest.mark.parametrize("members", [None, {}])
def test_tagging_has_an_empty_response(members: dict[str, Any] | None) -> None:
    """P-33."""
    assert answer("TagResource", members).body == b"{}"


def test_deletions_have_empty_responses() -> None:
    """P-32."""
    response = answer("DeleteSchema", None)
    assert response.body == b""
    assert ("content-length", "0") in response.headers
    assert ("content-type", "application/x-amz-json-1.1") in response.headers


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1698431822.857, "1.698431822857E9"),
        (1560124800, "1.5601248E9"),
        (1638138279.7, "1.6381382797E9"),
        (1560124800.0004, "1.5601248E9"),
        (0, "0.0"),
    ],
)
def test_times_are_java_doubles_of_milliseconds(seconds: float, text: str) -> None:
    """P-29, P-30."""
    body = answer("DescribeSchema", {"schema": {"creationDateTime": seconds}}).body
    assert body == f'{{"schema":{{"creationDateTime":{text}}}}}'.encode()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.269, "0.269"),
        (0.0007699, "7.699E-4"),
        (0.000031, "3.1E-5"),
        (0.001, "0.001"),
        (1, "1.0"),
        (0.0, "0.0"),
        (9999999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-1e-4, "-1.0E-4"),
        (1e22, "1.0E22"),
        (1.5e300, "1.5E300"),
        (5e-324, "5.0E-324"),
        (float("nan"), '"NaN"'),
        (float("-inf"), '"-Infinity"'),
    ],
)
def test_decimals_are_java_doubles(number: float, text: str) -> None:
    """P-29, RT-33; NaN as the REST protocol writes it."""
    body = answer("GetRecommendations", {"itemList": [{"score": number}]}).body
    assert body == f'{{"itemList":[{{"score":{text}}}]}}'.encode()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_java_text_of_a_double_is_the_same_double(number: float) -> None:
    text = java_text.double(number)
    assert float(text) == number
    mantissa, _, exponent = text.lstrip("-").partition("E")
    assert ("E" in text) == (number != 0 and not 1e-3 <= abs(number) < 1e7)
    assert "." in mantissa
    assert not exponent or (len(mantissa.split(".")[0]) == 1 and mantissa[0] != "0" and int(exponent) != 0)


def obvious_double(number: float) -> str:
    """The digits that Python writes, moved to where Java writes them."""
    text = repr(number)
    size = abs(number)
    if 1e-3 <= size < 1e7 or size == 0.0:
        return text
    if not math.isfinite(number):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(text, "NaN")
    mantissa, _, exponent = text.partition("e")
    if exponent:
        return f"{mantissa}E{int(exponent)}" if "." in mantissa else f"{mantissa}.0E{int(exponent)}"
    whole, _, fraction = text.lstrip("-").partition(".")
    sign = "-" if number < 0 else ""
    if size >= 1.0:
        rest = (whole[1:] + fraction).rstrip("0") or "0"
        return f"{sign}{whole[0]}.{rest}E{len(whole) - 1}"
    digits = fraction.lstrip("0")
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E-{len(fraction) - len(digits) + 1}"


SHARES = st.floats(-0.01, 1).map(lambda share: round(share, 7))


@settings(max_examples=500)
@given(st.one_of(st.floats(), st.floats(-2e-3, 2e-3), st.floats(5e6, 2e16), SHARES))
def test_java_text_is_that_of_the_obvious_version(number: float) -> None:
    assert java_text.double(number) == obvious_double(number)


@given(st.lists(st.one_of(st.floats(), st.floats(-2e-3, 2e-3), SHARES), max_size=20))
def test_java_texts_of_a_list_are_those_of_its_numbers(numbers: list[float]) -> None:
    assert java_text.doubles(numbers) == list(map(obvious_double, numbers))


@pytest.mark.parametrize("power", range(-9, 24))
def test_java_text_of_powers_of_ten(power: int) -> None:
    for number in (10.0**power, -(10.0**power), math.nextafter(10.0**power, 0), math.nextafter(10.0**power, math.inf)):
        assert java_text.double(number) == obvious_double(number)


ITEMS = st.fixed_dictionaries(
    {"itemId": st.text(max_size=4)},
    optional={
        "score": SHARES | st.none() | st.just(float("nan")) | st.just(1),
        "reason": st.lists(st.sampled_from(["Exploration", "%s"]), max_size=1),
        "metadata": st.dictionaries(st.text(max_size=2), st.text(max_size=3), max_size=2),
        "unmodelled": st.just("never sent"),
    },
)


RUNS = st.lists(st.builds(lambda item, count: [item] * count, ITEMS, st.integers(1, 12)), max_size=4).map(
    lambda runs: [item for run in runs for item in run]
)


@given(RUNS)
def test_a_list_is_written_as_its_items_one_by_one(items: list[dict[str, Any]]) -> None:
    """Long lists of structures with the same members are written member by member."""
    alone = [answer("GetRecommendations", {"itemList": [item]}).body[len(b'{"itemList":[') : -2] for item in items]
    assert answer("GetRecommendations", {"itemList": items}).body == b'{"itemList":[' + b",".join(alone) + b"]}"


def test_headers_of_the_control_plane() -> None:
    """P-23, P-24, P-80."""
    assert dict(answer("CreateSchema", {"schemaArn": SCHEMA_ARN}).headers) == {
        "content-type": "application/x-amz-json-1.1",
        "date": "Fri, 27 Oct 2023 18:37:02 GMT",
        "content-length": "84",
        "x-amzn-requestid": "id-1",
        "strict-transport-security": "max-age=47304000; includeSubDomains",
        "x-frame-options": "DENY",
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "x-amzn-requestid, x-amzn-errortype",
    }


def test_headers_of_the_runtime() -> None:
    """P-25, P-80."""
    assert dict(answer("GetRecommendations", {"itemList": []}).headers) == {
        "content-type": "application/json",
        "date": "Fri, 27 Oct 2023 18:37:02 GMT",
        "content-length": "15",
        "x-amzn-requestid": "id-1",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "x-amzn-requestid, x-amzn-errortype",
    }


def test_an_error_of_the_control_plane() -> None:
    """P-39."""
    response = render_error(operations()["DescribeSchema"], ResourceNotFoundException("gone"), "id-1", NOW)
    assert response.status == 400
    assert response.body == b'{"__type":"ResourceNotFoundException","message":"gone"}'
    assert ("content-type", "application/x-amz-json-1.1") in response.headers
    assert ("x-amzn-requestid", "id-1") in response.headers
    assert ("access-control-allow-origin", "*") in response.headers


def test_an_error_of_the_runtime() -> None:
    """P-40."""
    response = render_error(operations()["GetRecommendations"], ResourceNotFoundException("gone"), "id-1", NOW)
    assert response.status == 404
    assert json.loads(response.body) == {"__type": "ResourceNotFoundException", "message": "gone"}
    assert ("content-type", "application/json") in response.headers
    assert ("x-amzn-errortype", "ResourceNotFoundException") in response.headers


def test_a_serialization_error_writes_message_large() -> None:
    """P-59."""
    response = render_error(operations()["CreateSchema"], SerializationException("no"), "id-1", NOW)
    assert response.body == b'{"__type":"SerializationException","Message":"no"}'


@pytest.mark.parametrize(
    ("path", "status", "type_header", "body"),
    [
        ("/", 400, None, b'{"__type":"UnknownOperationException"}'),
        (
            "/nowhere",
            404,
            "UnknownOperationException",
            b'{"__type":"UnknownOperationException","message":"Unknown operation POST /nowhere"}',
        ),
    ],
)
def test_an_unknown_operation(path: str, status: int, type_header: str | None, body: bytes) -> None:
    """P-57, P-58."""
    with pytest.raises(UnknownOperationException) as unknown:
        route("POST", path, {})
    response = render_error(None, unknown.value, "id-1", NOW)
    assert (response.status, response.body) == (status, body)
    assert dict(response.headers).get("x-amzn-errortype") == type_header


def test_preflight_allows_requested_headers() -> None:
    """P-80."""
    response = preflight("authorization, x-amz-target")
    assert (response.status, response.body) == (200, b"")
    assert dict(response.headers) == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "x-amzn-requestid, x-amzn-errortype",
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "authorization, x-amz-target",
        "access-control-max-age": "3600",
        "content-length": "0",
    }


@pytest.mark.parametrize("asked", ["", "a\r\nset-cookie: b", "é"])
def test_preflight_omits_malformed_headers(asked: str) -> None:
    assert ("access-control-allow-headers", "*") in preflight(asked).headers
