"""The values a request gives for one parameter: one string of quoted values (F-72 to F-74)."""

from __future__ import annotations

import re
from decimal import Decimal

from personalize_emu.filters.grammar import unescaped

_QUOTED = re.compile(r'"((?:\\["\\]|[^"\\]|\\(?!["\\]))*)"')
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def split_values(text: str) -> tuple[str, ...]:
    """`"comedy","drama"` is two values, `"comedy, drama"` one; blanks around values do not count.

    Values without quotes are taken as they are; empty ones are left out, so a text may hold no value (F-75).

    Raises:
        ValueError: a quote is not closed, or something follows it (F-73).
    """
    values: list[str] = []
    position = 0
    while True:
        quoted = _QUOTED.match(text, position := _after_blanks(text, position))
        if quoted:
            value, position = unescaped(quoted[1]), _after_blanks(text, quoted.end())
        else:
            end = text.find(",", position)
            value, position = text[position:end].rstrip() if end >= 0 else text[position:].rstrip(), end
            if '"' in value:
                raise ValueError("a quote is not closed")
        if value:
            values.append(value)
        if position in (-1, len(text)):
            return tuple(values)
        if text[position] != ",":
            raise ValueError("a comma is missing")
        position += 1


def number_of(value: str) -> Decimal:
    """Raises ValueError when `value` is no decimal number."""
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"{value!r} is not a number")
    return Decimal(value)


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
