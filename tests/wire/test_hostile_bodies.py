"""For any body, parsing gives an AWS error or values of the modelled types."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from botocore.model import Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize_emu.wire.errors import AwsError, SerializationException
from personalize_emu.wire.models import operations
from personalize_emu.wire.parse import parse
from personalize_emu.wire.validate import validate
from tests.wire.model_values import all_shapes, botocore_operations, full

MODELS = botocore_operations()
NAMES = sorted(operations())
DEEP = 100_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def serve(name: str, body: bytes) -> None:
    """Parse and validate; AwsError is allowed, any other exception is not."""
    with contextlib.suppress(AwsError):
        validate(operations()[name], parse(operations()[name], body))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP,
        b'{"name":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"name":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        b'{"unknown":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"name":' + b"9" * 100_000 + b"}",
        b'{"name":NaN}',
        b'{"unknown":Infinity}',
        b'{"name":"\xff"}',
        b'{"name":"\xed\xa0\x80"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\\udc00\\ud800"}',
        b'\xef\xbb\xbf{"name":"a"}',
        b'{"name":"a"',
        b"{'name':'a'}",
        b'{"name":"a\x00"}',
        b'{"name":"a"}{"name":"b"}',
        b"\x00",
        b" ",
        b"[]",
        b"null",
        b'"text"',
        b"1",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_non_object_body_is_serialization_error(body: bytes) -> None:
    """P-59."""
    with pytest.raises(SerializationException):
        parse(operations()["CreateSchema"], body)


@pytest.mark.parametrize("depth", [10, 500, 900, 990, 1000, 2000, DEEP])
def test_properties_of_any_depth_are_text_or_refused(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    serve("PutUsers", f'{{"users":[{{"userId":"u","properties":{nested}}}]}}'.encode())


@pytest.mark.parametrize("text", [r"\ud800", r"a\udfff"])
def test_unpaired_surrogates_are_refused_everywhere(text: str) -> None:
    for name, body in (
        ("GetRecommendations", f'{{"context":{{"{text}":"a"}}}}'),
        ("GetRecommendations", f'{{"context":{{"A":"{text}"}}}}'),
        ("GetPersonalizedRanking", f'{{"inputList":["{text}"]}}'),
        ("PutUsers", f'{{"users":[{{"properties":{{"a":"{text}"}}}}]}}'),
        ("PutUsers", f'{{"users":[{{"properties":"{text}"}}]}}'),
    ):
        with pytest.raises(SerializationException):
            parse(operations()[name], body.encode())


def test_whole_characters_beyond_the_first_plane_are_text() -> None:
    assert parse(operations()["CreateSchema"], rb'{"name":"\ud83c\udfac"}') == {"name": "🎬"}


@given(name=st.sampled_from(NAMES), body=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_random_bytes(name: str, body: bytes) -> None:
    serve(name, body)


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_wrong_json_in_the_right_places(data: st.DataObject) -> None:
    """A valid request in which one value, however deep, is replaced by arbitrary JSON."""
    name = data.draw(st.sampled_from(NAMES))
    request = full(MODELS[name].input_shape)
    holder, key = data.draw(st.sampled_from(places(request) or [({}, "nothing")]))
    holder[key] = data.draw(JSON)
    serve(name, json.dumps(request).encode())


def test_wrong_json_everywhere() -> None:
    """Every member of every request with each kind of JSON value."""
    kinds: list[Any] = [None, True, 0, -1.5, 10**30, 1e308, "", "x" * 40_000, [], [None], [[]], {}, {"": None}]
    for name in NAMES:
        request = full(MODELS[name].input_shape)
        for holder, key in places(request):
            kept = holder[key]
            for kind in kinds:
                holder[key] = kind
                serve(name, json.dumps(request).encode())
            holder[key] = kept


def test_number_of_violations_is_limited() -> None:
    """100,000 invalid items give a short response."""
    body = json.dumps({"campaignArn": "arn:aws:personalize:::a", "userId": "u", "inputList": [None] * 100_000}).encode()
    with pytest.raises(AwsError) as refused:
        validate(operations()["GetPersonalizedRanking"], parse(operations()["GetPersonalizedRanking"], body))
    assert refused.value.message.startswith("100 validation errors detected: ")
    assert len(refused.value.message) < 10_000


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a request."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    found: list[tuple[Any, Any]] = []
    for key in keys:
        found += [(value, key), *places(value[key])]
    return found


def test_models_use_only_supported_types() -> None:
    known = {"structure", "list", "map", "string", "boolean", "timestamp", "integer", "long", "float", "double"}
    shapes: list[Shape] = []
    for model in MODELS.values():
        shapes += all_shapes(model.input_shape)
        shapes += all_shapes(model.output_shape) if model.output_shape else []
    assert {shape.type_name for shape in shapes} <= known
