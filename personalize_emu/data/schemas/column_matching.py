"""Matches the columns of a file with the columns of the schema (D-50 to D-52)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from personalize_emu.data.rejection import missing_columns, nonconforming
from personalize_emu.data.schemas.avro import Schema

_MOST_SHOWN = 200
"""Longest header in a message, in characters."""
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_LETTERS_AND_DIGITS = re.compile(r"[^a-z0-9]+")


def plain_name(name: str) -> str:
    """A name in the form that is compared: upper case (D-50). Only ASCII letters are converted.

    >>> plain_name("creation_timestamp"), plain_name("ıtem")
    ('CREATION_TIMESTAMP', 'ıtem')
    """
    return name.upper() if name.isascii() else name


def places_of(file: str, names: Sequence[str], schema: Schema) -> tuple[int, ...]:
    """The position of every schema column among the names of a header.

    A name in exactly the case of the schema has priority over other spellings.

    Raises:
        RejectedData: a column is missing or ambiguous.
    """
    found = {column: _candidates(names, column) for column in schema.names}
    missing = [column for column, places in found.items() if not places]
    if missing:
        raise missing_columns(missing, f"{file}: {'; '.join(_hints(names, missing))}")
    for column, places in found.items():
        if len(places) > 1:
            raise nonconforming(f"{file}: column {column} occurs more than once in the header")
    return tuple(places[0] for places in found.values())


def _candidates(names: Sequence[str], column: str) -> list[int]:
    exact = [place for place, name in enumerate(names) if name == column]
    wanted = plain_name(column)
    return exact or [place for place, name in enumerate(names) if plain_name(name) == wanted]


def _hints(names: Sequence[str], missing: Sequence[str]) -> Iterator[str]:
    """Hints for the error message: the header found, and likely causes."""
    header = ",".join(names)
    if not header:
        yield "the file has no header"
        return
    yield f"the header is {_cut(header)!r}"
    for separator, name in _SEPARATORS.items():
        parts = header.split(separator)
        if len(parts) > len(names) and {_bare(part) for part in parts} & {_bare(column) for column in missing}:
            yield f"separate names and values with commas, not with {name}"
            return
    yield from misspelt(names, missing)


def misspelt(names: Sequence[str], missing: Sequence[str]) -> Iterator[str]:
    """Hints for names that differ from a missing column only in case, blanks, underscores and the like."""
    for column in missing:
        similar = [name for name in names if _bare(name) == _bare(column)]
        if similar:
            yield f"{_cut(similar[0])!r} must be called {column}"


def _bare(name: str) -> str:
    return _LETTERS_AND_DIGITS.sub("", name.lower())


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."
