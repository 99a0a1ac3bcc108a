"""Checks parsed requests against the constraints of the service model (P-45 to P-54).

Each operation is compiled once into nested checks. A check takes a value and its path and appends violations to a list;
paths are converted to text only for violations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from personalize_emu.wire import java_text
from personalize_emu.wire.constraints import NOT_NULL, Limits, limits_of
from personalize_emu.wire.errors import ValidationException
from personalize_emu.wire.models import Operation, wire_name
from personalize_emu.wire.sensitive import is_sensitive

MOST_VIOLATIONS = 100


@dataclass(frozen=True, slots=True)
class Violation:
    """One violated constraint; `hidden` values are not repeated in the message (P-49)."""

    place: Place | None
    value: Any
    hidden: bool
    constraint: str

    def text(self) -> str:
        shown = java_text.value(self.value)
        echo = "" if self.hidden else " null" if self.value is None else f" '{shown}'"
        return f"Value{echo} at '{_path(self.place)}' failed to satisfy constraint: {self.constraint}"


# One step of a path: a member name, or the one-based number of a list element (P-48).
Place = tuple["Place | None", str | int]
Check = Callable[[Any, "Place | None", list[Violation]], None]


def validate(operation: Operation, params: Mapping[str, Any]) -> None:
    """Raise ValidationException with all violations (at most 100) in the order of the model's members.

    params: the result of `parse`. Values are repeated in the message, except sensitive ones and collections that
    contain such values (P-49).
    """
    check = _check_of(operation)
    if check is None:
        return
    found: list[Violation] = []
    check(params, None, found)
    if found:
        raise ValidationException(_message(found[:MOST_VIOLATIONS]))


def _message(found: list[Violation]) -> str:
    noun = "error" if len(found) == 1 else "errors"
    texts = "; ".join(violation.text() for violation in found)
    return f"{len(found)} validation {noun} detected: {texts}"


def _path(place: Place | None) -> str:
    steps: list[str] = []
    while place is not None:
        place, step = place
        steps.append(f"{step}.member" if isinstance(step, int) else step)
    return ".".join(reversed(steps))


@cache
def _check_of(operation: Operation) -> Check | None:
    return None if operation.input_shape is None else _check(operation.input_shape, hidden=False)


def _check(shape: Shape, hidden: bool) -> Check | None:
    """The check of a shape, None if it has no constraints. hidden: inside a sensitive structure."""
    hidden = hidden or is_sensitive(shape)
    if isinstance(shape, StructureShape):
        return _structure_check(shape, hidden)
    echo_hidden = hidden or any(map(is_sensitive, _inner_shapes(shape)))
    limits = limits_of(shape)
    if isinstance(shape, ListShape):
        return _list_check(shape, limits, hidden, echo_hidden)
    if isinstance(shape, MapShape):
        return _map_check(shape, limits, hidden, echo_hidden)
    return None if limits is None else _scalar_check(limits, echo_hidden)


def _structure_check(shape: StructureShape, hidden: bool) -> Check:
    required = frozenset(shape.required_members)
    checks = [
        (wire_name(name, each), name in required, _check(each, hidden), hidden or is_sensitive(each))
        for name, each in shape.members.items()
    ]
    tested = [each for each in checks if each[1] or each[2] is not None]

    def check_structure(value: Any, place: Place | None, found: list[Violation]) -> None:
        find = value.get
        for name, needed, check, secret in tested:
            item = find(name)
            if item is None:
                if needed:
                    found.append(Violation((place, name), None, secret, NOT_NULL))
            elif check is not None:
                check(item, (place, name), found)

    return check_structure


def _list_check(shape: ListShape, limits: Limits | None, hidden: bool, echo_hidden: bool) -> Check:
    broken = None if limits is None else limits.broken
    element = None if _has_members(shape.member) else limits_of(shape.member)
    fit = None if element is None else element.fits_all()
    check = _check(shape.member, hidden)

    def check_list(value: Any, place: Place | None, found: list[Violation]) -> None:
        if broken is not None and (constraints := broken(value)):
            found.extend(Violation(place, value, echo_hidden, each) for each in constraints)
            return
        if fit is not None and None not in value and fit(value):
            return
        for number, item in enumerate(value, 1):
            if item is None:
                found.append(Violation((place, number), None, echo_hidden, NOT_NULL))
            elif check is not None:
                check(item, (place, number), found)
            if len(found) >= MOST_VIOLATIONS:
                return

    return check_list


def _map_check(shape: MapShape, limits: Limits | None, hidden: bool, echo_hidden: bool) -> Check:
    """Keys and values have no path: the violation names the map and all constraints of its keys or values."""
    broken = None if limits is None else limits.broken
    keys, values = limits_of(shape.key), limits_of(shape.value)
    check_inner = _check(shape.value, hidden) if _has_members(shape.value) else None

    def check_map(value: Any, place: Place | None, found: list[Violation]) -> None:
        constraints = [] if broken is None else broken(value)
        if not constraints:
            constraints = _broken_parts(value, keys, values)
        found.extend(Violation(place, value, echo_hidden, each) for each in constraints)
        if check_inner is not None and not constraints:
            for key, item in value.items():
                check_inner(item, (place, f"{key}.member"), found)

    return check_map


def _broken_parts(value: Mapping[str, Any], keys: Limits | None, values: Limits | None) -> list[str]:
    texts: list[str] = []
    if keys is not None and any(map(keys.broken, value)):
        texts.append(f"Map keys must satisfy constraint: [{', '.join(keys.texts())}]")
    if None in value.values():
        texts.append(f"Map value must satisfy constraint: [{NOT_NULL}]")
    elif values is not None and any(map(values.broken, value.values())):
        texts.append(f"Map value must satisfy constraint: [{', '.join(values.texts())}]")
    return texts


def _scalar_check(limits: Limits, hidden: bool) -> Check:
    broken, fits = limits.broken, limits.fits()

    def check_scalar(value: Any, place: Place | None, found: list[Violation]) -> None:
        if not fits(value):
            constraints = broken(value)
            found.extend(Violation(place, value, hidden, each) for each in constraints)

    return check_scalar


def _has_members(shape: Shape) -> bool:
    return isinstance(shape, (StructureShape, ListShape, MapShape))


def _inner_shapes(shape: Shape) -> Iterator[Shape]:
    parts: list[Shape] = []
    if isinstance(shape, ListShape):
        parts = [shape.member]
    elif isinstance(shape, MapShape):
        parts = [shape.key, shape.value]
    elif isinstance(shape, StructureShape):
        parts = list(shape.members.values())
    for part in parts:
        yield part
        yield from _inner_shapes(part)
