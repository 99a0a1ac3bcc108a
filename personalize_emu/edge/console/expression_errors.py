"""Where a filter expression is wrong, to be shown by a caret below it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from personalize_emu.filters.errors import InvalidExpression
from personalize_emu.filters.grammar import parse

MOST_SHOWN = 30
"""Characters on each side of the place, so that the caret fits on the screen of a phone."""
_NAMED = re.compile(r"\$\w+|\w+\.\w+|(?<=dataset )\w+")
"""Parameters, columns and datasets in messages."""


@dataclass(frozen=True)
class Caret:
    """position: in the expression. line: a part of it in one line. blanks: as many as there are before the caret."""

    position: int
    line: str
    blanks: str


def caret_of(expression: str, message: str) -> Caret | None:
    """Where the fault is that a message of the service is about; None if it is about no place."""
    position = _position(expression, message)
    if position is None:
        return None
    begin, end = expression.rfind("\n", 0, position) + 1, expression.find("\n", position)
    end = len(expression) if end < 0 else end
    first, last = max(begin, position - MOST_SHOWN), min(end, position + MOST_SHOWN)
    before, after = ("… " if first > begin else ""), (" …" if last < end else "")
    line = expression[first:last].replace("\t", " ").replace("\r", " ")
    return Caret(position, f"{before}{line}{after}", " " * (len(before) + position - first))


def _position(expression: str, message: str) -> int | None:
    """Of a syntax error; else of the first place of the column or parameter that the message names."""
    try:
        parse(expression)
    except InvalidExpression as error:
        if error.position is not None:
            return error.position
    for named in _NAMED.findall(message):
        # Datasets have several spellings, and case does not count (F-25).
        pattern = rf"\w+\.{re.escape(named.partition('.')[2])}\b" if "." in named else rf"{re.escape(named)}\b"
        found = re.search(pattern, expression, re.IGNORECASE)
        if found is not None:
            return found.start()
    return None
