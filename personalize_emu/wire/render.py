"""Renders responses through the output shape (P-23 to P-40, P-80).

Each operation is compiled once into nested writers. A writer takes a value and returns its JSON text. Members that the
shape does not have are never sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache, lru_cache
from itertools import groupby, repeat
from json.encoder import encode_basestring_ascii
from math import isfinite
from operator import itemgetter
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from personalize_emu.wire import java_text
from personalize_emu.wire.errors import AwsError
from personalize_emu.wire.models import Operation, wire_name
from personalize_emu.wire.rendered import RenderedOnce

Writer = Callable[[Any], str]
Headers = tuple[tuple[str, str], ...]

Member = tuple[str, str, Writer]
"""Name, JSON key with its colon, writer of the value."""
MANY = 8
"""Structures from which on they are written member by member."""

JSON_TYPE = "application/x-amz-json-1.1"
REST_TYPE = "application/json"

_CORS: Headers = (
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "x-amzn-requestid, x-amzn-errortype"),
)
_CONTROL_PLANE: Headers = (
    ("content-type", JSON_TYPE),
    ("strict-transport-security", "max-age=47304000; includeSubDomains"),
    ("x-frame-options", "DENY"),
    ("cache-control", "no-cache"),
    ("x-content-type-options", "nosniff"),
    *_CORS,
)
_REST: Headers = (("content-type", REST_TYPE), *_CORS)


@dataclass(frozen=True)
class Response:
    """An HTTP response; header names are lower-case."""

    status: int
    headers: Headers
    body: bytes


def render(operation: Operation, members: Mapping[str, Any] | None, request_id: str, now: float) -> Response:
    """The response of a successful call. now: seconds since the epoch, for the date header.

    Timestamps are epoch seconds, written as a Java double with milliseconds (P-29). None is absent (P-27); lists and
    maps are sent even if empty (P-31). Without an output shape the body is empty (P-32, P-36).
    """
    write = _writer_of(operation)
    body = b"" if write is None else write(members or {}).encode("ascii")
    fixed = _CONTROL_PLANE if operation.protocol == "json" else _REST
    return Response(200, _headers(fixed, body, request_id, now), body)


def render_error(operation: Operation | None, error: AwsError, request_id: str, now: float) -> Response:
    """The response of a failed call. operation: None if routing failed (P-37 to P-40, P-57 to P-59)."""
    status = error.status
    if operation is not None:
        status = operation.error_statuses.get(error.code, status)
    at_root = status != 404 if operation is None else operation.protocol == "json"
    body = json.dumps(_error_members(error, at_root), separators=(",", ":")).encode("ascii")
    fixed = _CONTROL_PLANE if at_root else (*_REST, ("x-amzn-errortype", error.code))
    return Response(status, _headers(fixed, body, request_id, now), body)


def preflight(requested_headers: str = "*") -> Response:
    """The response to OPTIONS on any path (P-80).

    requested_headers: value of `access-control-request-headers`; all of them are allowed, because `*` does not cover
    `authorization` in browsers.
    """
    allowed = requested_headers if requested_headers.isprintable() and requested_headers.isascii() else "*"
    headers = (
        *_CORS,
        ("access-control-allow-methods", "POST, OPTIONS"),
        ("access-control-allow-headers", allowed or "*"),
        ("access-control-max-age", "3600"),
        ("content-length", "0"),
    )
    return Response(200, headers, b"")


def _error_members(error: AwsError, at_root: bool) -> dict[str, str]:
    key = "Message" if at_root and error.code == "SerializationException" else "message"
    shown = {key: error.message} if error.message or not at_root else {}
    return {"__type": error.code, **shown}


def _headers(fixed: Headers, body: bytes, request_id: str, now: float) -> Headers:
    return (
        *fixed,
        ("x-amzn-requestid", request_id),
        ("date", _http_date(int(now))),
        ("content-length", str(len(body))),
    )


@lru_cache(maxsize=16)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


@cache
def _writer_of(operation: Operation) -> Writer | None:
    return None if operation.output_shape is None else _writer(operation.output_shape)


def _writer(shape: Shape) -> Writer:
    if isinstance(shape, StructureShape):
        return _structure_of(_members_of(shape))
    if isinstance(shape, ListShape):
        return _list_of(shape.member)
    if isinstance(shape, MapShape):
        return _map_of(_writer(shape.value))
    return _SCALARS.get(shape.type_name, encode_basestring_ascii)


def _members_of(shape: StructureShape) -> list[Member]:
    return [
        (wire, encode_basestring_ascii(wire) + ":", _writer(each))
        for wire, each in ((wire_name(name, each), each) for name, each in shape.members.items())
    ]


def _structure_of(members: list[Member]) -> Writer:
    def write_structure(value: Mapping[str, Any]) -> str:
        find = value.get
        shown = [key + write(item) for name, key, write in members if (item := find(name)) is not None]
        return "{" + ",".join(shown) + "}"

    return write_structure


def _list_of(member: Shape) -> Writer:
    members = _members_of(member) if isinstance(member, StructureShape) else None
    write = _writer(member) if members is None else _structure_of(members)
    write_similar = None if members is None else _structures_of(members)

    def write_items(value: Any) -> str:
        if write_similar is None or len(value) < MANY:
            return "[" + ",".join([write(item) for item in value]) + "]"
        texts: list[str] = []
        for _, group in groupby(value, len):
            similar = list(group)
            texts += (len(similar) >= MANY and write_similar(similar)) or map(write, similar)
        return "[" + ",".join(texts) + "]"

    def write_list(value: Any) -> str:
        return value.rendered(write_items) if type(value) is RenderedOnce else write_items(value)

    return write_list


def _structures_of(members: list[Member]) -> Callable[[list[Mapping[str, Any]]], list[str] | None]:
    """Writes structures of as many members, one member after the other, which takes half the time; None where they
    differ in their members, or one is absent after all (P-27).
    """

    modelled = frozenset([name for name, _, _ in members])

    def write_structures(structures: list[Mapping[str, Any]]) -> list[str] | None:
        names = structures[0]
        pieces: list[Iterable[str]] = []
        # All have the same members if they have as many, and those of the first. Those that are not sent could differ.
        if len(names) != len(names.keys() & modelled):
            return None
        for name, key, write in members:
            if name in names:
                try:
                    column = list(map(itemgetter(name), structures))
                except KeyError:
                    return None
                if None in column:
                    return None
                pieces.append(repeat(f",{key}" if pieces else "{" + key))
                pieces.append(_write_decimals(column) if write is _write_decimal else map(write, column))
        return list(map("".join, zip(*pieces, repeat("}")))) if pieces else None

    return write_structures


def _map_of(write: Writer) -> Writer:
    def write_map(value: Mapping[str, Any]) -> str:
        present = ((key, item) for key, item in value.items() if item is not None)
        pairs = [f"{encode_basestring_ascii(key)}:{write(item)}" for key, item in present]
        return "{" + ",".join(pairs) + "}"

    return write_map


def _write_boolean(value: Any) -> str:
    return "true" if value else "false"


def _write_integer(value: Any) -> str:
    return str(int(value))


def _write_decimal(value: Any) -> str:
    text = java_text.double(float(value))
    return text if text[-1] <= "9" else f'"{text}"'


def _write_decimals(column: list[Any]) -> list[str]:
    numbers = list(map(float, column))
    texts = java_text.doubles(numbers)
    # Names of numbers that are not finite are strings; the sum of finite ones is finite, or too large.
    return texts if isfinite(sum(numbers)) else [text if text[-1] <= "9" else f'"{text}"' for text in texts]


def _write_timestamp(value: Any) -> str:
    return java_text.double(round(float(value), 3))


_SCALARS: Mapping[str, Writer] = {
    "boolean": _write_boolean,
    "integer": _write_integer,
    "long": _write_integer,
    "float": _write_decimal,
    "double": _write_decimal,
    "timestamp": _write_timestamp,
}
