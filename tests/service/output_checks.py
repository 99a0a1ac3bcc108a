"""What every answer must be: strictly of its output shape, before and after it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from personalize_emu.state.resources import RESOURCE_TYPES, member_name
from personalize_emu.wire.models import operations, wire_name
from personalize_emu.wire.render import render

_JAVA_TIME = re.compile(r"1\.\d{1,12}E9")
_RECORD_MEMBERS = {
    member_name(kind.arn_field): {member_name(name) for name in kind.__dataclass_fields__} for kind in RESOURCE_TYPES
}
"""One record serves Describe and List alike, so it may bring members that this answer has not."""
_ORDER = "_key"
"""Where an entry of a list stands."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (float,),
    "double": (float,),
    "timestamp": (float,),
}


def checked_body(operation_name: str, answer: Mapping[str, Any] | None) -> bytes:
    """The body of an answer, after every check that needs no knowledge of resources."""
    operation = operations()[operation_name]
    shape = operation.output_shape
    body = render(operation, answer, "request", 0.0).body
    if shape is None:
        assert (answer, body) == (None, b""), operation_name
        return body
    assert answer is not None, operation_name
    assert list(_unknown(shape, answer, operation_name)) == []
    _check(shape, json.loads(body), operation_name)
    assert re.search(rb"\s", _without_strings(body)) is None, operation_name
    assert all(is_java_time(text) for text in timestamps(body)), operation_name
    return body


def _without_strings(body: bytes) -> bytes:
    return re.sub(rb'"(?:[^"\\]|\\.)*"', b'""', body)


def _unknown(shape: Shape, value: Any, place: str) -> Iterator[str]:
    """Members that the shape has not and no record would bring along."""
    if isinstance(shape, StructureShape):
        known = {wire_name(name, each): each for name, each in shape.members.items()}
        records = (members for arn, members in _RECORD_MEMBERS.items() if arn in value)
        allowed = set(known).union({_ORDER}, *records) if "." in place else set(known)
        yield from (f"{place}.{name}" for name in set(value) - allowed)
        for name, each in known.items():
            if value.get(name) is not None:
                yield from _unknown(each, value[name], f"{place}.{name}")
    elif isinstance(shape, ListShape):
        for entry in value:
            yield from _unknown(shape.member, entry, place + ".")
    elif isinstance(shape, MapShape):
        for entry in value.values():
            yield from _unknown(shape.value, entry, place + ".")


def _check(shape: Shape, value: Any, place: str) -> None:
    """No null, no other type, no unknown member, no value outside an enum."""
    if isinstance(shape, StructureShape):
        known = {wire_name(name, each): each for name, each in shape.members.items()}
        assert set(value) <= set(known), place
        for name, each in value.items():
            _check(known[name], each, f"{place}.{name}")
    elif isinstance(shape, ListShape):
        assert isinstance(value, list), place
        for entry in value:
            _check(shape.member, entry, place)
    elif isinstance(shape, MapShape):
        assert isinstance(value, dict), place
        for entry in value.values():
            _check(shape.value, entry, place)
    else:
        assert type(value) in _TYPES[shape.type_name], (place, value)
        assert not shape.metadata.get("enum") or value in shape.metadata["enum"], (place, value)


def timestamps(body: bytes) -> list[str]:
    """Every date of a body, as it is written."""
    return re.findall(r'"\w+DateTime":([^,}]*)', body.decode())


def is_java_time(text: str) -> bool:
    return _JAVA_TIME.fullmatch(text) is not None
