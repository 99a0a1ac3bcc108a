r"""The constraints of one shape of the service model, as predicates and as messages (P-46, P-50, P-52, P-53).

The regular expressions of the model are written for Java. Two differences are translated: `\d` matches ASCII digits
only, and `.` stops at every Java line terminator. Other syntax used there (`\p{L}`, `\p{ASCII}`, classes) is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import regex
from botocore.model import Shape

NOT_NULL = "Member must not be null"
_NUMBERS = frozenset({"integer", "long", "float", "double"})
_UNBOUNDED = float("inf")


@dataclass(frozen=True)
class Limits:
    """The limits of a shape: size or number bounds, a pattern, an enum."""

    counts: bool
    minimum: float
    maximum: float
    pattern: str | None
    matches: Callable[[str], bool] | None
    enum: tuple[str, ...]

    def fits(self) -> Callable[[Any], bool]:
        """A fast predicate that is true if `broken` would be empty; used for the common case of valid values."""
        least, most, matches, enum = self.minimum, self.maximum, self.matches, frozenset(self.enum)
        if not self.counts:
            return lambda value: least <= value <= most
        if enum:
            return lambda value: value in enum
        if matches is None:
            return lambda value: least <= len(value) <= most
        return lambda value: least <= len(value) <= most and matches(value)

    def fits_all(self) -> Callable[[Collection[Any]], bool]:
        """As `fits`, for many values at once."""
        least, most, fits = self.minimum, self.maximum, self.fits()
        if self.counts and not self.enum and self.matches is None:
            return lambda values: not values or (least <= min(map(len, values)) and max(map(len, values)) <= most)
        return lambda values: all(map(fits, values))

    def broken(self, value: Any) -> list[str]:
        """The messages of the constraints that `value` violates.

        Values over the maximum length are not matched against the pattern: they are refused anyway, and this bounds
        the cost of pattern matching.
        """
        size = len(value) if self.counts else value
        texts = [self._at_least()] if size < self.minimum else []
        if size > self.maximum:
            return [*texts, self._at_most()]
        if self.matches is not None and not self.matches(value):
            texts.append(self._pattern())
        if self.enum and value not in self.enum:
            texts.append(self._enum())
        return texts

    def texts(self) -> list[str]:
        """All constraints as text, as they are listed for keys or values of a refused map."""
        texts = [self._at_most()] if self.maximum < _UNBOUNDED else []
        texts += [self._at_least()] if self.minimum > -_UNBOUNDED else []
        texts += [self._pattern()] if self.pattern is not None else []
        return texts + ([self._enum()] if self.enum else [])

    def _at_least(self) -> str:
        return f"Member must have {self._measure()} greater than or equal to {_number(self.minimum)}"

    def _at_most(self) -> str:
        return f"Member must have {self._measure()} less than or equal to {_number(self.maximum)}"

    def _measure(self) -> str:
        return "length" if self.counts else "value"

    def _pattern(self) -> str:
        return f"Member must satisfy regular expression pattern: {self.pattern}"

    def _enum(self) -> str:
        return f"Member must satisfy enum value set: [{', '.join(self.enum)}]"


def limits_of(shape: Shape) -> Limits | None:
    """The limits of a shape, None if the model states none."""
    facts = shape.metadata
    stated: Collection[str] = facts.keys() & {"min", "max", "pattern", "enum"}
    if not stated or shape.type_name in ("structure", "boolean", "timestamp"):
        return None
    pattern = facts.get("pattern")
    return Limits(
        counts=shape.type_name not in _NUMBERS,
        minimum=facts.get("min", -_UNBOUNDED),
        maximum=facts.get("max", _UNBOUNDED),
        pattern=pattern,
        matches=None if pattern is None else matcher(pattern),
        enum=tuple(facts.get("enum", ())),
    )


def _number(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)


# A match that takes longer is aborted and counts as no match, so that crafted values cannot stall the server.
PATIENCE_SECONDS = 2.0

# Shorter texts are matched without a time-out, which costs more than the match, if the pattern has no nested groups.
_SHORT = 256
_REPEATED_GROUP = regex.compile(r"\)[*+{]")

_TOKEN = regex.compile(r"\\.|\[\^?|\]|\.", regex.DOTALL)
_ANY_BUT_LINE_ENDS = r"[^\n\r\x85\u2028\u2029]"

# Three overlapping repetitions take cubic time on texts that almost match; these equivalents take linear time.
_FASTER = {
    r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$": r"^\x20*[\x21-\x7E][\x20-\x7E]*$",
}


@cache
def matcher(pattern: str) -> Callable[[str], bool]:
    """A predicate that matches a whole text against a pattern of the model."""
    match = compiled(pattern).fullmatch
    harmless = 0 if _REPEATED_GROUP.search(pattern) else _SHORT

    @lru_cache(maxsize=256)
    def short_matches(text: str) -> bool:
        return match(text) is not None

    def matches(text: str) -> bool:
        if len(text) <= harmless:
            return short_matches(text)
        try:
            return match(text, timeout=PATIENCE_SECONDS) is not None
        except TimeoutError:
            return False

    return matches


def compiled(pattern: str) -> regex.Pattern[str]:
    """The pattern of the model, compiled to match as in Java."""
    return regex.compile(in_python(_FASTER.get(pattern, pattern)))


def in_python(pattern: str) -> str:
    """The pattern in the syntax of the `regex` package."""
    parts: list[str] = []
    end, in_class = 0, False
    for token in _TOKEN.finditer(pattern):
        parts.append(pattern[end : token.start()])
        parts.append(_translated(token[0], in_class))
        end = token.end()
        in_class = token[0].startswith("[") or (in_class and token[0] != "]")
    return "".join(parts) + pattern[end:]


def _translated(token: str, in_class: bool) -> str:
    if token == r"\d":
        return "0-9" if in_class else "[0-9]"
    return _ANY_BUT_LINE_ENDS if token == "." and not in_class else token
