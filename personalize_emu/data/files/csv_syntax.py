r"""The grammar of a CSV line: one record, values between commas, double quotes, backslash escapes.

    line   = value { "," value }
    value  = '"' { character | '\"' | '\\' | '""' } '"'   quotes make commas part of the value (D-54, D-55)
           | { character }                             not beginning with a quote, up to the next comma

In both forms a backslash escapes a quote and a backslash (D-54) and stands for itself before anything else.
A line break always ends the record (D-56), so a quoted value that is not closed on its line, or is followed
by something other than a comma, has a broken quote (D-57).
"""

from __future__ import annotations

import re

_QUOTED_VALUE = rb'"(?:[^"\\\r\n]++|\\["\\]|\\|"")*+"(?=[,\r\n]|\Z)'
_VALUE = rb'(?:%s|(?!")[^,\r\n]*+)' % _QUOTED_VALUE
_LINE = rb"%s(?:,%s)*+" % (_VALUE, _VALUE)
_LINES = re.compile(rb"(?:%s(?:\r\n?|\n))*+(?:%s)?+" % (_LINE, _LINE))

_ONE_QUOTED_VALUE = re.compile(r'"(?:[^"\\]++|\\["\\]|\\|"")*+"(?=,|\Z)')
_ESCAPE = re.compile(r'\\(["\\])')
_ESCAPE_IN_QUOTES = re.compile(r'\\(["\\])|"(")')
_BACKSLASH = re.compile(rb'\\(["\\]?)')


class BrokenQuote(Exception):
    """A quoted value does not end at a comma or line end. index: of the value in the row, from 0."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def well_quoted(lines: bytes) -> bool:
    """Whether no line has a broken quote. Lines without quotes never do."""
    return b'"' not in lines or _LINES.fullmatch(lines) is not None


def backslashes_doubled(lines: bytes) -> bytes:
    """The lines with every backslash as part of an escape, without changing their meaning."""
    return _BACKSLASH.sub(lambda found: found[0] if found[1] else rb"\\", lines)


def raw_values(line: str) -> list[str]:
    """The values of a line as written, with quotes and escapes. Raises BrokenQuote."""
    values: list[str] = []
    position = 0
    while True:
        if line.startswith('"', position):
            found = _ONE_QUOTED_VALUE.match(line, position)
            if found is None:
                raise BrokenQuote(len(values))
            end = found.end()
        else:
            comma = line.find(",", position)
            end = len(line) if comma < 0 else comma
        values.append(line[position:end])
        if end == len(line):
            return values
        position = end + 1


def split_row(line: str) -> list[str]:
    """The values of a line without quotes and escapes. Raises BrokenQuote."""
    return [_bare(value) for value in raw_values(line)]


def _bare(value: str) -> str:
    if value.startswith('"'):
        return _ESCAPE_IN_QUOTES.sub(lambda escape: escape[1] or escape[2], value[1:-1])
    return _ESCAPE.sub(r"\1", value)
