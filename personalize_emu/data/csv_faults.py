"""Why a block of CSV lines is refused: reads row by row and names the first row to blame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from personalize_emu.data.avro import Field, Schema
from personalize_emu.data.column_rules import NULL_REFUSED, UNKNOWN_EVENT_TYPE, action_event_type
from personalize_emu.data.columns import EVENT_TYPE, character_limit
from personalize_emu.data.csv_rows import BrokenQuote, split_row
from personalize_emu.data.dataset_types import ACTION_INTERACTIONS
from personalize_emu.data.rejection import RejectedData, nonconforming, too_long
from personalize_emu.data.values import value_of

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Layout:
    """What the lines of a file should look like. header: column names in the order of the file."""

    file: str
    header: Sequence[str]
    schema: Schema
    dataset_type: str


def explain(block: bytes, first_line: int, layout: Layout) -> RejectedData:
    """The refusal for a block that has a fault. first_line: number of its first line in the file, from 1."""
    lines = _LINE_END.split(block)
    for number, line in enumerate(lines, first_line):
        if line:
            refusal = _line_fault(line, f"{layout.file}, line {number}", layout)
            if refusal is not None:
                return refusal
    return nonconforming(f"{layout.file}, lines {first_line} to {first_line + len(lines) - 1}")


def _line_fault(line: bytes, where: str, layout: Layout) -> RejectedData | None:
    if b"\0" in line:
        return nonconforming(f"{where}: NUL bytes are not text")
    try:
        values = split_row(line.decode())
    except UnicodeDecodeError:
        return nonconforming(f"{where}: not UTF-8 text")
    except BrokenQuote as broken:
        return _broken_quote(where, broken.index, layout)
    if len(values) != len(layout.header):
        return nonconforming(f"{where}: {len(values)} values, the header has {len(layout.header)}")
    for field in layout.schema.fields:
        text = values[layout.header.index(field.name)]
        refusal = _value_fault(field, text, f"{where}, column {field.name}", layout.dataset_type)
        if refusal is not None:
            return refusal
    return None


def _value_fault(field: Field, text: str, where: str, dataset_type: str) -> RejectedData | None:
    if not text:
        return None if field.nullable else nonconforming(f"{where}: {NULL_REFUSED}")
    try:
        value_of(field, text)
    except ValueError as error:
        return nonconforming(f"{where}: {error}")
    limit = character_limit(field)
    if limit is not None and len(text) > limit:
        return too_long(limit, field.name, where)
    if dataset_type == ACTION_INTERACTIONS and field.name == EVENT_TYPE and action_event_type(text) is None:
        return nonconforming(f"{where}: {UNKNOWN_EVENT_TYPE}")
    return None


def _broken_quote(where: str, index: int, layout: Layout) -> RejectedData:
    """A length error of the next column that has a limit (D-57)."""
    where = f"{where}, value {index + 1}: quotes are not closed in front of a comma or the end of the line"
    for name in (*layout.header[index + 1 :], *layout.header[: index + 1]):
        field = layout.schema.field(name)
        limit = None if field is None else character_limit(field)
        if limit is not None:
            return too_long(limit, name, where)
    return nonconforming(where)
