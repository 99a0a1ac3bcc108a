"""Parses parameter values: one string of quoted values separated by commas (F-72 to F-74)."""

from __future__ import annotations

import re
from decimal import Decimal

from personalize_emu.filters.grammar import unescaped

_QUOTED = re.compile(r'"((?:\\["\\]|[^"\\]|\\(?!["\\]))*)"')
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def split_values(text: str) -> tuple[str, ...]:
    """Split the text of a parameter: `"comedy","drama"` has two values, `"comedy, drama"` one; outer blanks are
    ignored.

    Unquoted values are accepted; empty values are dropped, so the result may be empty (F-75).

    Raises:
        ValueError: a quote is not closed, or followed by something other than a comma (F-73).
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
    """Parse a decimal number. Raises ValueError."""
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"{value!r} is not a number")
    return Decimal(value)


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
