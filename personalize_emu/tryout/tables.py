"""Reads tables: CSV files whose separator and encoding are guessed, data frames, lists of dicts."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from math import isnan
from pathlib import Path
from typing import Any

SEPARATORS: Mapping[str, str] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SAMPLE = 1 << 16
"""Characters from which the separator is guessed."""
LONGEST_SHOWN = 60
FORMATS: Mapping[bytes, str] = {
    b"\x1f\x8b": "packed with gzip; unpack it, for example with gunzip",
    b"PK\x03\x04": "a ZIP archive or an Excel file; unpack it, or save it as CSV",
    b"PAR1": "in the Parquet format; save it as CSV",
    b"%PDF": "a PDF; save the table in it as CSV",
    b"SQLite format 3": "an SQLite database; export a table of it as CSV",
}
"""Beginnings of files that are no CSV, and what to do."""


class UnreadableTable(ValueError):
    """What was given is not a table; the message says why and what to do."""


@dataclass(frozen=True)
class Table:
    """columns: names as found. rows: a text for each column; an empty one is missing. name: for messages.

    notes: what was done to read it, for people.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> list[str]:
        """The values of a column. Raises KeyError."""
        if name not in self.columns:
            raise KeyError(name)
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def read_csv(path: Path) -> Table:
    """A CSV file in UTF-8, UTF-16 or Latin-1, separated by commas, semicolons, tabs or bars, with a header.

    Raises:
        OSError: it cannot be read. UnreadableTable: it has no table.
    """
    text, notes = _text_of(path.name, path.read_bytes())
    separator = _separator(text[:SAMPLE])
    lines = _lines(path.name, text, separator)
    header = tuple(name.strip() for name in lines[0])
    _require_header(path.name, header, text)
    if len(lines) == 1:
        raise UnreadableTable(f"{path.name} has a header line and no rows below it")
    rows = [tuple(line) for line in lines[1:] if len(line) == len(header)]
    other = len(lines) - 1 - len(rows)
    if other:
        first = next(number for number, line in enumerate(lines[1:], 1) if len(line) != len(header))
        found = f"row {first} has {len(lines[first])} values, the header {len(header)}"
        if len(rows) < other:
            raise UnreadableTable(
                f"{path.name}: most rows have another number of values than the header: {found}. "
                f"Columns were taken to be separated by {SEPARATORS[separator]}; is this so?"
            )
        notes += (f"{other:,} rows with another number of values than the header are left out: {found}",)
    return Table(path.name, header, tuple(rows), notes)


def _text_of(name: str, content: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and how it was decoded if not in UTF-8. Raises UnreadableTable."""
    for beginning, what in FORMATS.items():
        if content.startswith(beginning):
            raise UnreadableTable(f"{name} is {what}, with a header line")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace"), ("read as UTF-16",)
    if b"\0" in content[:SAMPLE]:
        raise UnreadableTable(f"{name} is not a text file; save it as CSV in UTF-8, with a header line")
    try:
        text, notes = content.decode("utf-8-sig"), tuple[str, ...]()
    except UnicodeDecodeError as error:
        place = content.count(b"\n", 0, error.start) + 1
        text, notes = content.decode("latin-1"), (f"not in UTF-8 (line {place}): read as Latin-1",)
    if not text.strip():
        raise UnreadableTable(f"{name} is empty")
    if text.lstrip()[0] in "{[":
        raise UnreadableTable(f"{name} looks like JSON; save it as CSV, with a header line")
    return text, notes


def _lines(name: str, text: str, separator: str) -> list[list[str]]:
    """Without empty ones; at least one. Raises UnreadableTable."""
    # A line of our own at the end becomes part of the last row if a quote before it is not closed.
    reader = csv.reader(chain(io.StringIO(text), ["end"]), delimiter=separator)
    lines, begin, end = list[list[str]](), 1, 0
    try:
        for line in reader:
            lines.append(line)
            begin, end = end + 1, reader.line_num
    except csv.Error as error:
        raise _unclosed(name, reader.line_num, str(error), separator) from error
    if begin < end:
        raise _unclosed(name, begin, "the row that begins here has no end", separator)
    return [line for line in lines[:-1] if any(line)] or [[""]]


def _unclosed(name: str, line: int, fault: str, separator: str) -> UnreadableTable:
    return UnreadableTable(
        f"{name}, line {line}: {fault}. Is a quote not closed? The column separator was taken to be "
        f"{SEPARATORS[separator]}"
    )


def _require_header(name: str, header: tuple[str, ...], text: str) -> None:
    """Raises UnreadableTable."""
    first = text.splitlines()[0][:LONGEST_SHOWN] if text else ""
    if len(header) < 2:
        raise UnreadableTable(
            f"{name} has one column only, {first!r}: columns must be separated by commas, semicolons, tabs or "
            f"bars{_other_separator(first)}"
        )
    if "::" in first:
        raise UnreadableTable(f"{name}: columns are separated by two colons, {first!r}{_other_separator(first)}")
    if sum(map(_is_number, header)) >= len(header) / 2:
        raise UnreadableTable(
            f"{name} has no header: its first line {first!r} has values. Add a line with the names of the columns, "
            "such as user,item,rating,timestamp"
        )
    repeated = next((column for column in header if header.count(column) > 1), None)
    if repeated is not None:
        raise UnreadableTable(f"{name} has two columns named {repeated!r}; rename one of them")


def _other_separator(line: str) -> str:
    """Advice if a line has a separator that is not supported."""
    found = next((each for each in ("::", " ", ":", "^") if each in line), None)
    return "" if found is None else f". Replace {found!r}, for example with: sed 's/{found}/,/g' FILE > FILE.csv"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def table_of(frame: Any, name: str) -> Table:
    """A data frame, or a list of mappings with equal keys.

    Raises:
        UnreadableTable: anything else, or no rows.
    """
    records = frame.to_dict("records") if hasattr(frame, "to_dict") else list(frame)
    if not records or not all(isinstance(record, Mapping) for record in records):
        raise UnreadableTable(f"{name} must be a data frame or a list of dicts with at least one row")
    columns = tuple(str(key) for key in records[0])
    rows = tuple(tuple(_text(value) for value in record.values()) for record in records)
    if any(tuple(map(str, record)) != columns for record in records):
        raise UnreadableTable(f"the rows of {name} must have the same keys in the same order")
    return Table(name, columns, rows)


def _text(value: Any) -> str:
    """None and NaN are missing."""
    missing = value is None or (isinstance(value, float) and isnan(value))
    return "" if missing else str(value)


def _separator(sample: str) -> str:
    """The separator that the first line has most often, of equal ones the first."""
    first = next((line for line in sample.splitlines() if line), "")
    return max(SEPARATORS, key=first.count)
