"""Converts tables with guessed columns to files and schemas that the service imports."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from typing import Any

from personalize_emu.tryout.columns import Guess
from personalize_emu.tryout.moments import (
    ACCEPTED,
    are_times,
    days_come_first,
    has_slashed_dates,
    seconds_reader,
    time_unit,
)
from personalize_emu.tryout.names import TITLES, named
from personalize_emu.tryout.tables import Table

MADE_UP_START = 1_700_000_000
"""Epoch seconds of the first row where there is no time."""
MOST_CATEGORIES = 1000
MOST_COLUMNS = 20
"""Metadata columns of items that are kept."""
LONGEST_CATEGORY = 100
LONGEST_TITLE = 200
DISTINCT = 0.9
"""Share of values that must differ in a column of titles that no name tells."""
_YEAR = re.compile(r"\((\d{4})\)\s*$")


@dataclass(frozen=True)
class Upload:
    """A CSV text and its schema. notes: what was left out or made up, for people."""

    csv: str
    schema: str
    rows: int
    notes: tuple[str, ...] = ()


def interactions_of(table: Table, guess: Guess) -> Upload:
    """USER_ID, ITEM_ID, TIMESTAMP, and EVENT_TYPE and EVENT_VALUE where the table has them."""
    times, notes = _times(table, guess)
    columns: list[tuple[str, Any, list[str]]] = [
        ("USER_ID", "string", table.column(guess.user)),
        ("ITEM_ID", "string", table.column(guess.item)),
        ("TIMESTAMP", "long", times),
    ]
    if guess.event is not None:
        columns.append(("EVENT_TYPE", "string", table.column(guess.event)))
    if guess.rating is not None:
        columns.append(("EVENT_VALUE", ["float", "null"], [_float(value) for value in table.column(guess.rating)]))
    needed = range(4 if guess.event is not None else 3)
    rows = [row for row in zip(*(values for *_, values in columns), strict=True) if all(row[place] for place in needed)]
    if len(rows) < len(table.rows):
        notes.append(f"{len(table.rows) - len(rows):,} rows without user, item, time or event type are left out")
    fields = [{"name": name, "type": kind} for name, kind, _ in columns]
    return Upload(_csv([name for name, *_ in columns], rows), _schema("Interactions", fields), len(rows), tuple(notes))


def items_of(table: Table, item: str) -> Upload | None:
    """ITEM_ID and columns of categories and numbers, also the year at the end of titles; None if there are none."""
    columns: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for name in [name for name in table.columns if name != item][:MOST_COLUMNS]:
        values, column = table.column(name), _column_name(name)
        kind = _kind(values)
        if kind is not None and column not in columns:
            columns[column] = ({"name": column, **kind}, [value.strip() for value in values])
    title = title_column(table, item)
    if title is not None and "YEAR" not in columns:
        years = [found[1] if (found := _YEAR.search(value)) else "" for value in table.column(title)]
        if sum(map(bool, years)) > len(years) / 2:
            columns["YEAR"] = ({"name": "YEAR", "type": ["int", "null"]}, years)
    if not columns:
        return None
    fields = [{"name": "ITEM_ID", "type": "string"}, *(field for field, _ in columns.values())]
    rows = list(zip(table.column(item), *(values for _, values in columns.values()), strict=True))
    return Upload(_csv([str(field["name"]) for field in fields], rows), _schema("Items", fields), len(rows))


def title_column(table: Table, item: str) -> str | None:
    """The column that names items for people: by its name, else the only one of texts that mostly differ."""
    others = [name for name in table.columns if name != item]
    by_values = [name for name in others if _are_titles(table.column(name))]
    return next(iter(named(others, TITLES)), by_values[0] if len(by_values) == 1 else None)


def _are_titles(values: list[str]) -> bool:
    """Whether values are short texts, mostly different, and no numbers, links or times."""
    present = [value.strip() for value in values if value.strip()]
    texts = {value for value in present if not _float(value) and "://" not in value and len(value) <= LONGEST_TITLE}
    return len(present) > 1 and len(texts) >= DISTINCT * len(values) and not are_times(present)


def _times(table: Table, guess: Guess) -> tuple[list[str], list[str]]:
    if guess.time is None:
        made = [str(MADE_UP_START + 60 * number) for number in range(len(table.rows))]
        return made, ["there is no time: rows are taken to be in order, a minute apart"]
    values = table.column(guess.time)
    read, notes = seconds_reader(values), []
    times = ["" if (seconds := read(value)) is None else str(seconds) for value in values]
    unit = time_unit(values)[1]
    if unit != "seconds":
        notes.append(f"times are in {unit}; they are imported in seconds")
    if has_slashed_dates(values):
        order = "day/month/year" if days_come_first(values) else "month/day/year"
        notes.append(f"dates with slashes are read as {order}")
    wrong = [value for value, seconds in zip(values, times, strict=True) if value.strip() and not seconds]
    if wrong:
        found = f"{len(wrong):,} values of {guess.time} are no times, the first {wrong[0]!r}"
        notes.append(f"{found}; times may be {ACCEPTED}")
    return times, notes


def _kind(values: list[str]) -> dict[str, Any] | None:
    """The Avro type of a metadata column; None for columns that are of no use, such as titles and links."""
    present = [value.strip() for value in values if value.strip()]
    if not present:
        return None
    if all(_float(value) for value in present):
        return {"type": ["float", "null"]}
    words = {word for value in present for word in value.split("|")}
    if len(words) <= MOST_CATEGORIES and max(map(len, present)) <= LONGEST_CATEGORY and len(words) < len(present):
        return {"type": ["string", "null"], "categorical": True}
    return None


def _float(value: str) -> str:
    """The value if it is a finite number, else an empty text."""
    try:
        number = float(value)
    except ValueError:
        return ""
    return value.strip() if abs(number) < 1e38 else ""


def _column_name(name: str) -> str:
    plain = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_") or "COLUMN"
    return plain if not plain[0].isdigit() else f"C_{plain}"


def _schema(name: str, fields: list[dict[str, Any]]) -> str:
    head = {"type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema"}
    return json.dumps({**head, "fields": fields, "version": "1.0"})


def _csv(columns: list[str], rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    # Values cannot contain line breaks (D-56); the backslash is the escape character (D-54).
    clean = [[value.replace("\\", " ").replace("\n", " ").replace("\r", " ") for value in row] for row in rows]
    csv.writer(text, lineterminator="\n").writerows([columns, *clean])
    return text.getvalue()
