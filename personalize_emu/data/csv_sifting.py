"""Lines that do not conform, out of a block of CSV in which the fast way has found some.

    lines ──structure is in order?──▶ columns of text ──masks──▶ suspects ──line_fault──▶ reasons
          └─ not in order ─────────────────────────────────────▶ suspects

A mask may suspect too many lines, never too few. Whether a suspect conforms is said by `line_fault`; only once there
are reasons enough, lines with a value that is clearly of another type are counted without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.avro import Field
from personalize_emu.data.columns import EVENT_TYPE, character_limit
from personalize_emu.data.csv_faults import Layout, line_fault
from personalize_emu.data.dataset_types import ACTION_INTERACTIONS
from personalize_emu.data.row_counts import MOST_REASONS

_LINE_END = re.compile(rb"\r\n|\r|\n")
_CERTAINLY_FITS = {
    "int": r"^[ \t]*[+-]?[0-9]{1,9}[ \t]*$",
    "long": r"^[ \t]*[+-]?[0-9]{1,18}[ \t]*$",
    "float": r"^[ \t]*[+-]?[0-9]{1,18}(\.[0-9]{0,18})?[ \t]*$",
    "double": r"^[ \t]*[+-]?[0-9]{1,18}(\.[0-9]{0,18})?[ \t]*$",
    "boolean": r"^(true|false)$",
}
"""Numbers in the usual notation and far from the bounds of their types; others are looked at one by one."""
_NUMBER = r"^[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*$"
_MAY_FIT = {
    "int": r"^[ \t]*[+-]?[0-9]+[ \t]*$",
    "long": r"^[ \t]*[+-]?[0-9]+[ \t]*$",
    "float": _NUMBER,
    "double": _NUMBER,
    "boolean": r"^(true|false)$",
}
"""What does not match is no value of the type, whatever its range is."""
_USUAL_SPELLINGS = ("VIEWED", "Viewed", "TAKEN", "Taken", "NOT_TAKEN", "Not Taken", "Not taken")

AsText = Callable[[bytes], pa.Table | None]
"""The schema columns of some lines as strings, one row a line that is not empty; None when a line is out of order."""


@dataclass(frozen=True, eq=False)
class Sifted:
    """kept: the lines that conform. left_out: how many do not. reasons: why, of at least the first `MOST_REASONS`."""

    kept: bytes
    left_out: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Suspects:
    """places: of the lines that may not conform, ascending. clear: of those that certainly do not."""

    places: Sequence[int]
    clear: frozenset[int] = frozenset()


def sifted(block: bytes, first_line: int, layout: Layout, as_text: AsText) -> Sifted:
    """first_line: number of the first line of the block in its file, from 1.

    Raises:
        RejectedData: of the first line with a value that is too long, or with broken quotes (D-64, D-57).
    """
    lines = _LINE_END.split(block)
    kept = [bool(line) for line in lines]
    left_out = 0
    reasons: list[str] = []
    suspects = _suspects(lines, layout, as_text)
    for place in suspects.places:
        if len(reasons) >= MOST_REASONS and place in suspects.clear:
            kept[place] = False
            left_out += 1
            continue
        reason = line_fault(lines[place], first_line + place, layout)
        if reason is not None:
            kept[place] = False
            left_out += 1
            reasons.append(reason)
    return Sifted(b"\n".join(compress(lines, kept)), left_out, tuple(reasons))


def _suspects(lines: Sequence[bytes], layout: Layout, as_text: AsText) -> _Suspects:
    places = [place for place, line in enumerate(lines) if line]
    texts = as_text(b"\n".join(lines[place] for place in places))
    if texts is not None and texts.num_rows == len(places):
        return _suspects_of(texts, places, layout)
    plain = [place for place in places if _is_plain(lines[place], layout.columns)]
    texts = as_text(b"\n".join(lines[place] for place in plain))
    if texts is None or texts.num_rows != len(plain):
        return _Suspects(places)
    found = _suspects_of(texts, plain, layout)
    return _Suspects(sorted((set(places) - set(plain)).union(found.places)), found.clear)


def _is_plain(line: bytes, columns: int) -> bool:
    """Whether commas alone say where the values of a line are."""
    return line.isascii() and line.count(b",") == columns - 1 and not (b'"' in line or b"\0" in line)


def _suspects_of(texts: pa.Table, places: Sequence[int], layout: Layout) -> _Suspects:
    """texts: one row for each of the places."""
    questionable, odd_text, wrong = (np.zeros(texts.num_rows, np.bool_) for _ in range(3))
    for field, column in zip(layout.schema.fields, texts.itercolumns(), strict=True):
        fits = _certainly_fits(column, field, layout.dataset_type)
        found = ~np.asarray(fits.fill_null(field.nullable))
        questionable |= found
        if field.type == "string":
            odd_text |= found
        elif found.any():
            wrong |= ~np.asarray(pc.match_substring_regex(column, _MAY_FIT[field.type]).fill_null(field.nullable))
    # A text that is too long is no matter of counting (D-64), so lines with odd ones are read.
    clear = frozenset(compress(places, (wrong & ~odd_text).tolist()))
    return _Suspects(list(compress(places, questionable.tolist())), clear)


def _certainly_fits(column: pa.ChunkedArray, field: Field, dataset_type: str) -> pa.ChunkedArray:
    """bool[rows], null where the value is."""
    if field.type != "string":
        return pc.match_substring_regex(column, _CERTAINLY_FITS[field.type])
    if dataset_type == ACTION_INTERACTIONS and field.name == EVENT_TYPE:
        return pc.is_in(column, pa.array(_USUAL_SPELLINGS))
    limit = character_limit(field)
    lengths = pc.utf8_length(column)
    return pc.less_equal(lengths, limit) if limit is not None else pc.greater_equal(lengths, 0)
