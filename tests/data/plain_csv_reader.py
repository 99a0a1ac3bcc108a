"""A slow reference implementation of the CSV rules of spec 03 section 6, cell by cell.

It shares no code with the real reader, apart from the schema.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from personalize_emu.data.schemas.avro import Field, Schema

ID_COLUMNS = ("USER_ID", "ITEM_ID", "ACTION_ID")
INTEGER_BITS = {"int": 32, "long": 64}


class Refused(Exception):
    """verdict: missing, length or nonconforming. line: number of the line at fault, 0 = the header."""

    def __init__(self, verdict: str, line: int, column: str = "") -> None:
        super().__init__(verdict, line, column)
        self.verdict = verdict
        self.line = line
        self.column = column


@dataclass
class Cell:
    text: str
    broken: bool = False


def read_rows(content: bytes, schema: Schema) -> tuple[list[dict[str, Any]], list[int]]:
    """Rows as dicts with None for null, and the numbers of the lines that do not conform."""
    if content[:3] == b"\xef\xbb\xbf":
        content = content[3:]
    lines = [(number, line) for number, line in numbered_lines(content) if line]
    names = header_names(lines[0][1] if lines else b"")
    names = [spelt_as_in(schema, name, names) for name in names]
    missing = [field.name for field in schema.fields if field.name not in names]
    if missing:
        raise Refused("missing", 0, ", ".join(missing))
    if any(names.count(field.name) > 1 for field in schema.fields):
        raise Refused("nonconforming", 0)
    rows, left_out = [], []
    for number, line in lines[1:]:
        try:
            rows.append(read_row(line, number, names, schema))
        except Refused as refused:
            if refused.verdict == "length":
                raise
            left_out.append(number)
    return rows, left_out


def spelt_as_in(schema: Schema, name: str, names: list[str]) -> str:
    """The column that a header matches in another case, unless another header matches exactly."""
    for field in schema.fields:
        if field.name not in names and name.isascii() and name.upper() == field.name.upper():
            return field.name
    return name


def numbered_lines(content: bytes) -> list[tuple[int, bytes]]:
    lines = []
    number = 1
    line = b""
    position = 0
    while position < len(content):
        byte = content[position : position + 1]
        if byte in (b"\n", b"\r"):
            if content[position : position + 2] == b"\r\n":
                position += 1
            lines.append((number, line))
            number += 1
            line = b""
        else:
            line += byte
        position += 1
    lines.append((number, line))
    return lines


def header_names(line: bytes) -> list[str]:
    text = decoded(line, 0)
    cells = cells_of(text)
    if any(cell.broken for cell in cells):
        return text.split(",")
    return [cell.text for cell in cells]


def decoded(line: bytes, number: int) -> str:
    try:
        return str(line, "utf-8")
    except UnicodeDecodeError:
        raise Refused("nonconforming", number) from None


def cells_of(line: str) -> list[Cell]:
    """Cells up to the first broken one."""
    cells = []
    position = 0
    while True:
        cell, position = next_cell(line, position)
        cells.append(cell)
        if cell.broken or position >= len(line):
            return cells
        position += 1


def next_cell(line: str, position: int) -> tuple[Cell, int]:
    """The cell that begins at `position`, and the place of the comma or line end after it."""
    quoted = line[position : position + 1] == '"'
    text = ""
    position += quoted
    while position < len(line):
        pair = line[position : position + 2]
        if pair in ('\\"', "\\\\") or (quoted and pair == '""'):
            text += pair[1]
            position += 2
        elif quoted and pair[0] == '"':
            position += 1
            closed = position == len(line) or line[position] == ","
            return Cell(text, broken=not closed), position
        elif not quoted and pair[0] == ",":
            break
        else:
            text += pair[0]
            position += 1
    return Cell(text, broken=quoted), position


def read_row(line: bytes, number: int, names: list[str], schema: Schema) -> dict[str, Any]:
    if 0 in line:
        raise Refused("nonconforming", number)
    cells = cells_of(decoded(line, number))
    if cells[-1].broken:
        raise broken_quote(number, names, len(cells) - 1, schema)
    if len(cells) != len(names):
        raise Refused("nonconforming", number)
    texts = dict(zip(names, (cell.text for cell in cells), strict=True))
    return {field.name: value_of(field, texts[field.name], number) for field in schema.fields}


def broken_quote(number: int, names: list[str], index: int, schema: Schema) -> Refused:
    limited = {field.name for field in schema.fields if limit_of(field)}
    for name in names[index + 1 :] + names[: index + 1]:
        if name in limited:
            return Refused("length", number, name)
    return Refused("nonconforming", number)


def limit_of(field: Field) -> int:
    if field.type != "string" or field.textual:
        return 0
    return 256 if field.name in ID_COLUMNS else 1000


def value_of(field: Field, text: str, number: int) -> Any:
    if text == "":
        if not field.nullable:
            raise Refused("nonconforming", number)
        return None
    if field.type == "string":
        if limit_of(field) and len(text) > limit_of(field):
            raise Refused("length", number, field.name)
        return text[:20_000] if field.textual else text
    if field.type == "boolean":
        if text not in ("true", "false"):
            raise Refused("nonconforming", number)
        return text == "true"
    bare = text.strip(" \t")
    value = integer(bare, INTEGER_BITS[field.type]) if field.type in INTEGER_BITS else real(bare, field.type)
    if value is None:
        raise Refused("nonconforming", number)
    return value


def integer(text: str, bits: int) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits or any(digit not in "0123456789" for digit in digits):
        return None
    value = 0
    for digit in digits:
        value = value * 10 + int(digit)
    value = -value if text[0] == "-" else value
    return value if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else None


def real(text: str, kind: str) -> float | None:
    if not text or any(character not in "0123456789.eE+-" for character in text):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    greatest = 3.4028235677973366e38 if kind == "float" else math.inf
    return value if abs(value) < greatest else None
