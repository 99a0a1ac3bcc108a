"""Masks values that the service model marks as sensitive in log messages (P-49, S-38)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from personalize_emu.wire.models import Operation, wire_name

MASK = "***"


def is_sensitive(shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive", False))


def without_sensitive(text: str, operation: Operation, params: Any) -> str:
    """`text`, such as an error message, without the sensitive values of the request.

    params: the parsed request.
    """
    if operation.input_shape is not None:
        # Longer values first, because a short one may be part of them.
        for secret in sorted(set(_secrets(operation.input_shape, params, False)), key=len, reverse=True):
            text = text.replace(secret, MASK)
    return text


def _secrets(shape: Shape, value: Any, hidden: bool) -> Iterator[str]:
    """Sensitive texts and numbers of at least two characters; replacing single characters would destroy words."""
    hidden = hidden or is_sensitive(shape)
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, member in shape.members.items():
            yield from _secrets(member, value.get(wire_name(name, member)), hidden)
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for key, each in value.items():
            yield from _secrets(shape.key, key, hidden)
            yield from _secrets(shape.value, each, hidden)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for each in value:
            yield from _secrets(shape.member, each, hidden)
    elif hidden and isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(value)) > 1:
        yield str(value)
