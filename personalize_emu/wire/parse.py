"""Parses request bodies through the input shape (P-16 to P-18, P-59).

Each operation is compiled once into nested readers. A reader takes a decoded JSON value and returns the value of the
member, or raises SerializationException; no other exception is raised, whatever the input.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NoReturn

from botocore.model import ListShape, MapShape, Shape, StructureShape

from personalize_emu.wire.errors import SerializationException
from personalize_emu.wire.models import Operation, is_json_value, wire_name

Reader = Callable[[Any], Any]

LATEST_SECOND = 1e15
_STRINGS = frozenset({str})
_BITS = {"integer": 32, "long": 64}
_LARGEST_FLOAT = {"float": 3.4028235677973366e38, "double": math.inf}
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?")


def parse(operation: Operation, body: bytes) -> dict[str, Any]:
    """The members of a request by wire name.

    Unknown members are dropped, null counts as absent (P-17), an empty body is `{}` (P-18). Timestamps are returned as
    float seconds since the epoch, `properties` as JSON text (EV-25, EV-30). Nulls inside lists and maps are kept, for
    the validator to refuse. Raises SerializationException.
    """
    members: dict[str, Any] = _reader_of(operation)(_decoded(body) if body else {})
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODE = json.JSONDecoder(parse_constant=_refuse_constant).decode
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _decoded(body: bytes) -> Any:
    try:
        return _DECODE(body.decode())
    except (ValueError, RecursionError):
        raise SerializationException("The request body is not a JSON object.") from None


@cache
def _reader_of(operation: Operation) -> Reader:
    if operation.input_shape is None:
        return _structure_of({})
    return _reader(operation.input_shape)


def _reader(shape: Shape) -> Reader:
    if isinstance(shape, StructureShape):
        return _structure_of({wire_name(name, each): _reader(each) for name, each in shape.members.items()})
    if isinstance(shape, ListShape):
        return _list_of(_reader(shape.member))
    if isinstance(shape, MapShape):
        return _map_of(_reader(shape.key), _reader(shape.value))
    return _scalar_reader(shape)


def _scalar_reader(shape: Shape) -> Reader:
    if is_json_value(shape):
        return _read_json_value
    if shape.type_name in _BITS:
        return _integer_of(_BITS[shape.type_name])
    if shape.type_name in _LARGEST_FLOAT:
        return _decimal_of(shape.type_name, _LARGEST_FLOAT[shape.type_name])
    return {"boolean": _read_boolean, "timestamp": _read_timestamp}.get(shape.type_name, _read_string)


def _structure_of(readers: Mapping[str, Reader]) -> Reader:
    find = readers.get

    def read_structure(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _not_a(value, "Structure")
        members = {}
        for name, item in value.items():
            if item is not None and (read := find(name)) is not None:
                members[name] = read(item)
        return members

    return read_structure


def _list_of(read: Reader) -> Reader:
    def read_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _not_a(value, "List")
        if read is _read_string and set(map(type, value)) == _STRINGS and "".join(value).isascii():
            return value
        return [None if item is None else read(item) for item in value]

    return read_list


def _map_of(read_key: Reader, read: Reader) -> Reader:
    def read_map(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _not_a(value, "Map")
        return {read_key(key): None if item is None else read(item) for key, item in value.items()}

    return read_map


def _integer_of(bits: int) -> Reader:
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    name = "Integer" if bits == 32 else "Long"

    def read_integer(value: Any) -> int:
        kind = type(value)
        if kind is float and value.is_integer():
            value = int(value)
        elif kind is not int:
            raise _not_a(value, name)
        if not lowest <= value <= highest:
            raise _not_a(value, name)
        return int(value)

    return read_integer


def _decimal_of(type_name: str, largest: float) -> Reader:
    name = type_name.capitalize()

    def read_decimal(value: Any) -> float:
        if type(value) not in (int, float):
            raise _not_a(value, name)
        number = _finite(value)
        if number is None or abs(number) >= largest:
            raise _not_a(value, name)
        return number

    return read_decimal


def _read_string(value: Any) -> str:
    if type(value) is not str:
        raise _not_a(value, "String")
    return value if value.isascii() else _writable(value)


def _read_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _not_a(value, "Boolean")
    return value


def _read_json_value(value: Any) -> str:
    if type(value) is str:
        return _writable(value)
    try:
        return _writable(_ENCODE(value))
    except (ValueError, RecursionError):
        raise SerializationException("The JSON value cannot be read.") from None


def _read_timestamp(value: Any) -> float:
    kind = type(value)
    if kind is int or kind is float:
        seconds = _finite(value)
    elif kind is str:
        seconds = _finite(float(value)) if _NUMBER.fullmatch(value) else _iso_seconds(value)
    else:
        raise _not_a(value, "Timestamp")
    if seconds is None or abs(seconds) > LATEST_SECOND:
        raise _not_a(value, "Timestamp")
    return seconds


def _iso_seconds(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _writable(text: str) -> str:
    """Unpaired surrogates are valid in JSON but cannot be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SerializationException("The text is not valid Unicode.") from None
    return text


def _not_a(value: Any, wanted: str) -> SerializationException:
    if wanted in ("Structure", "Map", "List"):
        return SerializationException(_unexpected(value) or f"Expected {wanted.lower()} or null")
    article = "an" if wanted == "Integer" else "a"
    text = f"{_kind(value)} can not be converted to {article} {wanted}"
    return SerializationException(_unexpected(value) or text)


def _unexpected(value: Any) -> str | None:
    if type(value) is dict:
        return "Start of structure or map found where not expected"
    return "Start of list found where not expected" if type(value) is list else None


def _kind(value: Any) -> str:
    if type(value) is bool:
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "STRING_VALUE" if type(value) is str else "NUMBER_VALUE"
