"""Reads tables: CSV files whose separator and encoding are guessed, data frames, lists of dicts."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

SEPARATORS = ",;\t|"
SAMPLE = 1 << 16
"""Characters from which the separator is guessed."""


class UnreadableTable(ValueError):
    """What was given is not a table; the message says why and what to do."""


@dataclass(frozen=True)
class Table:
    """columns: names as found. rows: a text for each column; an empty one is missing. name: for messages."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """The values of a column. Raises KeyError."""
        if name not in self.columns:
            raise KeyError(name)
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def read_csv(path: Path) -> Table:
    """A CSV file in UTF-8 or Latin-1, separated by commas, semicolons, tabs or bars.

    Raises:
        OSError: it cannot be read. UnreadableTable: it has no table.
    """
    content = path.read_bytes()
    if b"\0" in content[:SAMPLE]:
        raise UnreadableTable(f"{path.name} is not a text file; save it as CSV")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = list(csv.reader(io.StringIO(text), delimiter=_separator(text[:SAMPLE])))
    lines = [line for line in lines if any(line)]
    if len(lines) < 2 or len(lines[0]) < 2:
        raise UnreadableTable(f"{path.name} needs a header line with two columns at least, and rows below it")
    columns = tuple(name.strip() for name in lines[0])
    width = len(columns)
    rows = [tuple(line) for line in lines[1:] if len(line) == width]
    if len(rows) < len(lines[1:]) / 2:
        raise UnreadableTable(f"{path.name}: most rows have another number of values than the header, {width}")
    return Table(path.name, columns, tuple(rows))


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
    """The separator that the first lines have most often and equally often."""
    lines = [line for line in sample.splitlines()[:20] if line]
    first = lines[0] if lines else ""
    return max(SEPARATORS, key=lambda each: (first.count(each), -SEPARATORS.index(each)))
