"""Finds the lines of a CSV block that do not conform to the schema, and the first column at fault in each.

    lines ──well formed?──▶ columns of text ──masks──▶ candidates ──line_fault──▶ reasons
          └─ no ─────────────────────────────────────▶ candidates

The masks are fast and may select too many lines, never too few; `line_fault` parses each candidate value by value and
decides. Once there are `MOST_REASONS` reasons, lines with a value of an obviously different type are only counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.files.csv_syntax import BrokenQuote, split_row
from personalize_emu.data.rejection import MOST_REASONS, too_long
from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.data.schemas.column_rules import NULL_REFUSED, UNKNOWN_EVENT_TYPE, action_event_type
from personalize_emu.data.schemas.columns import EVENT_TYPE, character_limit
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS
from personalize_emu.data.schemas.values import value_of


@dataclass(frozen=True, eq=False)
class Layout:
    """The expected columns of the lines of a file.

    columns: number of values per line. places: positions of the schema columns among them, in schema order.
    """

    file: str
    columns: int
    places: tuple[int, ...]
    schema: Schema
    dataset_type: str

    @cached_property
    def fields_by_place(self) -> dict[int, Field]:
        return dict(zip(self.places, self.schema.fields, strict=True))


def line_fault(line: bytes, number: int, layout: Layout) -> str | None:
    """Why a line does not conform to the schema, None if it does. number: of the line, from 1.

    Raises:
        RejectedData: a value is too long, or its quotes are broken (D-64, D-57).
    """
    where = f"{layout.file}, line {number}"
    if b"\0" in line:
        return f"{where}: NUL bytes are not text"
    try:
        values = split_row(line.decode())
    except UnicodeDecodeError:
        return f"{where}: not UTF-8 text"
    except BrokenQuote as broken:
        return _broken_quote(where, broken.index, layout)
    if len(values) != layout.columns:
        return f"{where}: {len(values)} values, the header has {layout.columns}"
    for place, field in zip(layout.places, layout.schema.fields, strict=True):
        problem = _value_fault(field, values[place], f"{where}, column {field.name}", layout.dataset_type)
        if problem is not None:
            return f"{where}, column {field.name}: {problem}"
    return None


def _value_fault(field: Field, text: str, where: str, dataset_type: str) -> str | None:
    if not text:
        return None if field.nullable else NULL_REFUSED
    try:
        value_of(field, text)
    except ValueError as error:
        return str(error)
    limit = character_limit(field)
    if limit is not None and len(text) > limit:
        raise too_long(limit, field.name, where)
    if dataset_type == ACTION_INTERACTIONS and field.name == EVENT_TYPE and action_event_type(text) is None:
        return UNKNOWN_EVENT_TYPE
    return None


def _broken_quote(where: str, index: int, layout: Layout) -> str:
    """A length error for the next column with a limit (D-57); without such a column the row does not conform."""
    problem = f"{where}, value {index + 1}: quotes are not closed in front of a comma or the end of the line"
    for place in (*range(index + 1, layout.columns), *range(index + 1)):
        field = layout.fields_by_place.get(place)
        limit = None if field is None else character_limit(field)
        if field is not None and limit is not None:
            raise too_long(limit, field.name, problem)
    return problem


_LINE_END = re.compile(rb"\r\n|\r|\n")
_CERTAINLY_FITS = {
    "int": r"^[ \t]*[+-]?[0-9]{1,9}[ \t]*$",
    "long": r"^[ \t]*[+-]?[0-9]{1,18}[ \t]*$",
    "float": r"^[ \t]*[+-]?[0-9]{1,18}(\.[0-9]{0,18})?[ \t]*$",
    "double": r"^[ \t]*[+-]?[0-9]{1,18}(\.[0-9]{0,18})?[ \t]*$",
    "boolean": r"^(true|false)$",
}
"""Patterns of values that certainly fit their type; other values are checked one by one."""
_NUMBER = r"^[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*$"
_MAY_FIT = {
    "int": r"^[ \t]*[+-]?[0-9]+[ \t]*$",
    "long": r"^[ \t]*[+-]?[0-9]+[ \t]*$",
    "float": _NUMBER,
    "double": _NUMBER,
    "boolean": r"^(true|false)$",
}
"""Patterns that every value of a type matches; other values certainly do not fit."""
_USUAL_SPELLINGS = ("VIEWED", "Viewed", "TAKEN", "Taken", "NOT_TAKEN", "Not Taken", "Not taken")

AsText = Callable[[bytes], pa.Table | None]
"""Converts lines to the schema columns as strings, one row per non-empty line; None if a line is malformed."""


@dataclass(frozen=True, eq=False)
class SeparatedLines:
    """kept: the conforming lines. left_out: number of others. reasons: for the first `MOST_REASONS` or more of them."""

    kept: bytes
    left_out: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Candidates:
    """places: positions of lines that may not conform, ascending. clear: those that certainly do not."""

    places: Sequence[int]
    clear: frozenset[int] = frozenset()


def separate_lines(block: bytes, first_line: int, layout: Layout, as_text: AsText) -> SeparatedLines:
    """Separate the conforming lines of a block. first_line: number of its first line in the file, from 1.

    Raises:
        RejectedData: for the first line with a value that is too long or has broken quotes (D-64, D-57).
    """
    lines = _LINE_END.split(block)
    kept = [bool(line) for line in lines]
    left_out = 0
    reasons: list[str] = []
    candidates = _candidate_lines(lines, layout, as_text)
    for place in candidates.places:
        if len(reasons) >= MOST_REASONS and place in candidates.clear:
            kept[place] = False
            left_out += 1
            continue
        reason = line_fault(lines[place], first_line + place, layout)
        if reason is not None:
            kept[place] = False
            left_out += 1
            reasons.append(reason)
    return SeparatedLines(b"\n".join(compress(lines, kept)), left_out, tuple(reasons))


def _candidate_lines(lines: Sequence[bytes], layout: Layout, as_text: AsText) -> _Candidates:
    places = [place for place, line in enumerate(lines) if line]
    texts = as_text(b"\n".join(lines[place] for place in places))
    if texts is not None and texts.num_rows == len(places):
        return _candidates_of(texts, places, layout)
    plain = [place for place in places if _is_plain(lines[place], layout.columns)]
    texts = as_text(b"\n".join(lines[place] for place in plain))
    if texts is None or texts.num_rows != len(plain):
        return _Candidates(places)
    found = _candidates_of(texts, plain, layout)
    return _Candidates(sorted((set(places) - set(plain)).union(found.places)), found.clear)


def _is_plain(line: bytes, columns: int) -> bool:
    """Whether the line can be split at its commas, i.e. has no quotes or escapes."""
    return line.isascii() and line.count(b",") == columns - 1 and not (b'"' in line or b"\0" in line)


def _candidates_of(texts: pa.Table, places: Sequence[int], layout: Layout) -> _Candidates:
    """texts: one row per line in `places`."""
    questionable, odd_text, wrong = (np.zeros(texts.num_rows, np.bool_) for _ in range(3))
    for field, column in zip(layout.schema.fields, texts.itercolumns(), strict=True):
        fits = _certainly_fits(column, field, layout.dataset_type)
        found = ~np.asarray(fits.fill_null(field.nullable))
        questionable |= found
        if field.type == "string":
            odd_text |= found
        elif found.any():
            wrong |= ~np.asarray(pc.match_substring_regex(column, _MAY_FIT[field.type]).fill_null(field.nullable))
    # Values that are too long reject the file (D-64), so such lines are always parsed.
    clear = frozenset(compress(places, (wrong & ~odd_text).tolist()))
    return _Candidates(list(compress(places, questionable.tolist())), clear)


def _certainly_fits(column: pa.ChunkedArray, field: Field, dataset_type: str) -> pa.ChunkedArray:
    """bool[rows], null where the value is null."""
    if field.type != "string":
        return pc.match_substring_regex(column, _CERTAINLY_FITS[field.type])
    if dataset_type == ACTION_INTERACTIONS and field.name == EVENT_TYPE:
        return pc.is_in(column, pa.array(_USUAL_SPELLINGS))
    limit = character_limit(field)
    lengths = pc.utf8_length(column)
    return pc.less_equal(lengths, limit) if limit is not None else pc.greater_equal(lengths, 0)
