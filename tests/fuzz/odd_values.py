"""Random values for request members, drawn from the service models: most are valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

TEXTS: Sequence[str] = (
    "",
    " ",
    "a",
    "zz",
    "0",
    "-1",
    "NaN",
    "true",
    "null",
    "*",
    "/",
    "//",
    "..",
    "../../etc/passwd",
    "a/b/c",
    "a:b:c",
    "a=b&c=d",
    "%",
    "%zz",
    "%00",
    "\x00",
    "\n",
    "é",
    "🎬",
    "\u2028",
    "{",
    "[]",
    "{}",
    '{"Statement": "zz"}',
    '{"Version": "2012-10-17", "Statement": [{}]}',
    '{"a": ["b"]}',
    "[" * 3000,
    "<a>",
    "<a/>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "arn",
    "arn:",
    "arn:aws:::::",
    "arn:aws:iam::123456789012:role/none",
    "arn:aws:kms:us-east-1:123456789012:key/none",
    "arn:aws:s3:::none",
    "alias/none",
    "AAAA",
    "YQ==",
    "====",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "bytes=0-",
    "bytes=9-1",
    "x" * 70,
    "x" * 5000,
)
NUMBERS: Sequence[float | int] = (0, 1, 2, 3, 5, 10, 100, -1, 1.5, 1000, 2**31 - 1, -(2**31), 2**63, 1e300, -1e300)
ANYTHING: Sequence[Any] = (None, True, False, 0, -1, 1.5, 2**64, "", "zz", [], [None], [[]], {}, {"": None}, {"a": []})


USUAL = frozenset({"campaignArn", "userId", "itemId", "recipeArn", "roleArn", "dataLocation"})
"""Optional members that most operations need."""


class Values:
    """Draws values.

    known: member names in lower case -> existing values. odd: share of invalid values, from 0 to 1.
    """

    def __init__(self, random: Random, known: Mapping[str, Sequence[Any]]) -> None:
        self._random = random
        self._known = known
        self.odd = 0.0

    def text(self) -> str:
        return self._random.choice(TEXTS)

    def anything(self) -> Any:
        return self._random.choice(ANYTHING)

    def of(self, shape: Shape, member: str = "", depth: int = 0, *, typed: bool = False) -> Any:
        """A value of a shape. typed: one that serializers accept, whether valid or not."""
        if not typed and self._random.random() < self.odd / 4:
            return self.anything()
        known = self._known.get(member.lower())
        if known and self._random.random() < 1 - 2 * self.odd:
            return self._random.choice(known)
        if isinstance(shape, StructureShape):
            return self._structure(shape, depth, typed=typed)
        if isinstance(shape, ListShape):
            count = 0 if depth > 6 else self._random.choice((0, 1, 1, 1, 2))
            return [self.of(shape.member, member.rstrip("s"), depth + 1, typed=typed) for _ in range(count)]
        if isinstance(shape, MapShape):
            count = 0 if depth > 6 else self._random.choice((0, 1, 1, 2))
            pairs = [(self._key(shape), self.of(shape.value, member, depth + 1, typed=typed)) for _ in range(count)]
            return dict(pairs)
        return self._scalar(shape)

    def _key(self, shape: MapShape) -> str:
        enum = shape.key.metadata.get("enum")
        return str(self._random.choice(enum)) if enum else self.text()[:100]

    def _structure(self, shape: StructureShape, depth: int, *, typed: bool) -> dict[str, Any]:
        if depth > 6:
            return {}
        value: dict[str, Any] = {}
        for name, member in shape.members.items():
            required = name in shape.required_members or member.serialization.get("location") == "uri"
            if self._random.random() < (
                (1 - self.odd / 2) if required else 0.8 if name in USUAL else 0.2 * (not depth) + self.odd
            ):
                value[name] = self.of(member, name, depth + 1, typed=typed)
        return value

    def _scalar(self, shape: Shape) -> Any:
        random, facts = self._random, shape.metadata
        if shape.type_name == "string":
            enum = facts.get("enum")
            if enum and random.random() < 1 - self.odd:
                return random.choice(enum)
            return self.text() if random.random() < 4 * self.odd else "a" * max(1, facts.get("min", 1))
        if shape.type_name in ("integer", "long", "float", "double"):
            if random.random() < self.odd * 2:
                number = random.choice(NUMBERS)
                return number if shape.type_name in ("float", "double") else int(number)
            least = int(facts.get("min", 1))
            return random.randint(least, min(int(facts.get("max", 10)), least + 9))
        if shape.type_name == "boolean":
            return random.random() < 0.5
        if shape.type_name == "timestamp":
            return random.choice((0, 1_700_000_000, 1_800_000_000.5, -1, 253_402_300_799))
        return self.text().encode("utf-8", "replace")[:200]
