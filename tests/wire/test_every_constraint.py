"""Every constraint of every member of every operation, violated alone, has its message (P-45 to P-53)."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from personalize_emu.wire.errors import ValidationException
from personalize_emu.wire.models import operations
from personalize_emu.wire.parse import parse
from personalize_emu.wire.validate import validate
from tests.wire.model_values import FITTING, UNFITTING, all_shapes, botocore_operations, full

MODELS = botocore_operations()
NUMBERS = ("integer", "long", "float", "double")


@dataclass(frozen=True)
class Breach:
    """A change of a valid request and the expected message for the member `name`."""

    steps: tuple[str | int, ...]
    name: str
    value: Any
    text: str
    hidden: bool

    def applied_to(self, request: dict[str, Any]) -> dict[str, Any]:
        changed = copy.deepcopy(request)
        holder: Any = changed
        for step in self.steps[:-1]:
            holder = holder[step]
        holder[self.steps[-1]] = self.value
        return changed

    def message(self) -> str:
        echo = "" if self.hidden else " null" if self.value is None else f" '{in_java(self.value)}'"
        head = f"1 validation error detected: Value{echo} at '{self.name}'"
        return f"{head} failed to satisfy constraint: {self.text}"


def in_java(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(in_java, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={in_java(each)}" for key, each in value.items()) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def is_secret(shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive"))


def breaches(shape: Shape, steps: tuple[str | int, ...], name: str, hidden: bool) -> Iterator[Breach]:
    """All violations of a value of `shape` at the path `steps`, one at a time."""
    hidden = hidden or is_secret(shape)
    secret = hidden or any(map(is_secret, all_shapes(shape)))
    if isinstance(shape, StructureShape):
        yield from structure_breaches(shape, steps, name, hidden)
        return
    for value, text in broken(shape):
        yield Breach(steps, name, value, text, secret)
    if isinstance(shape, ListShape):
        place = f"{name}.1.member"
        yield Breach((*steps, 0), place, None, "Member must not be null", secret)
        yield from breaches(shape.member, (*steps, 0), place, hidden)
    if isinstance(shape, MapShape):
        yield from map_breaches(shape, steps, name, hidden, secret)


def structure_breaches(
    shape: StructureShape, steps: tuple[str | int, ...], name: str, hidden: bool
) -> Iterator[Breach]:
    for member, inner in shape.members.items():
        place = f"{name}.{member}" if name else member
        if member in shape.required_members:
            yield Breach((*steps, member), place, None, "Member must not be null", hidden or is_secret(inner))
        yield from breaches(inner, (*steps, member), place, hidden)


def map_breaches(
    shape: MapShape, steps: tuple[str | int, ...], name: str, hidden: bool, secret: bool
) -> Iterator[Breach]:
    key, value = full(shape.key), full(shape.value)
    for bad, _ in broken(shape.key):
        text = f"Map keys must satisfy constraint: [{', '.join(all_texts(shape.key))}]"
        yield Breach(steps, name, {bad: value}, text, secret)
    for bad, _ in broken(shape.value):
        text = f"Map value must satisfy constraint: [{', '.join(all_texts(shape.value))}]"
        yield Breach(steps, name, {key: bad}, text, secret)
    yield Breach(steps, name, {key: None}, "Map value must satisfy constraint: [Member must not be null]", secret)
    if isinstance(shape.value, ListShape):
        place = f"{name}.{key}.member.1.member"
        yield from breaches(shape.value.member, (*steps, key, 0), place, hidden)


def broken(shape: Shape) -> Iterator[tuple[Any, str]]:
    """Values of a shape that violate one constraint each, with the message."""
    facts, least = shape.metadata, shape.metadata.get("min")
    is_number = shape.type_name in NUMBERS
    # An empty text also violates a pattern: two violations, which other tests cover.
    if least is not None and (is_number or (least > 0 and "pattern" not in facts)):
        yield sized(shape, int(least) - 1), bound_text(shape, "min")
    if "max" in facts:
        yield sized(shape, int(facts["max"]) + 1), bound_text(shape, "max")
    for text in UNFITTING.get(facts.get("pattern", ""), []):
        yield text, f"Member must satisfy regular expression pattern: {facts['pattern']}"
    if "enum" in facts:
        yield facts["enum"][0].lower(), f"Member must satisfy enum value set: [{', '.join(facts['enum'])}]"


def all_texts(shape: Shape) -> list[str]:
    facts = shape.metadata
    texts = [bound_text(shape, bound) for bound in ("max", "min") if bound in facts]
    if "pattern" in facts:
        texts.append(f"Member must satisfy regular expression pattern: {facts['pattern']}")
    if "enum" in facts:
        texts.append(f"Member must satisfy enum value set: [{', '.join(facts['enum'])}]")
    return texts


def bound_text(shape: Shape, bound: str) -> str:
    measure = "value" if shape.type_name in NUMBERS else "length"
    word = {"min": "greater", "max": "less"}[bound]
    return f"Member must have {measure} {word} than or equal to {int(shape.metadata[bound])}"


def sized(shape: Shape, size: int) -> Any:
    if shape.type_name in ("float", "double"):
        return float(size)
    if shape.type_name in NUMBERS:
        return size
    if isinstance(shape, ListShape):
        return [full(shape.member)] * size
    if isinstance(shape, MapShape):
        value = full(shape.value)
        return {sized(shape.key, 3 + number): value for number in range(size)}
    text = full(shape)
    return (text + "a" * size)[:size]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_full_request_is_accepted(name: str) -> None:
    request = full(MODELS[name].input_shape)
    validate(operations()[name], parse(operations()[name], json.dumps(request).encode()))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_violated_constraint_has_its_message(name: str) -> None:
    shape = MODELS[name].input_shape
    request = full(shape)
    for breach in breaches(shape, (), "", hidden=False):
        sent = json.dumps(breach.applied_to(request)).encode()
        with pytest.raises(ValidationException) as refused:
            validate(operations()[name], parse(operations()[name], sent))
        assert refused.value.message == breach.message()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_all_required_members_missing_are_named_together(name: str) -> None:
    """P-47, P-54."""
    required = MODELS[name].input_shape.required_members
    expected = pytest.raises(ValidationException) if required else contextlib.nullcontext()
    with expected as refused:
        validate(operations()[name], {})
    if required:
        message = str(refused.value)
        assert message.startswith(f"{len(required)} validation error")
        assert all(f"at '{member}' failed" in message for member in required)
        assert message.count("Member must not be null") == len(required)


def test_the_tables_of_examples_cover_every_pattern_of_the_models() -> None:
    shapes = [shape for model in MODELS.values() for shape in all_shapes(model.input_shape)]
    patterns = {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}
    assert patterns <= FITTING.keys() & UNFITTING.keys()


def walk_count(counted: Callable[[Shape], bool]) -> int:
    return sum(counted(shape) for model in MODELS.values() for shape in all_shapes(model.input_shape))


def test_every_pattern_has_a_longest_text() -> None:
    """Bounds the cost of matching: longer texts are not matched."""
    assert walk_count(lambda shape: "pattern" in shape.metadata) > 100
    assert walk_count(lambda shape: "pattern" in shape.metadata and "max" not in shape.metadata) == 0
