"""Guesses which columns of a table are user, item, time, event type and rating, from their names and values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from personalize_emu.tryout.tables import Table

ROLES: Mapping[str, tuple[str, ...]] = {
    "user": ("userid", "user", "customerid", "customer", "visitorid", "visitor", "memberid", "accountid", "sessionid"),
    "item": (
        *("itemid", "item", "movieid", "movie", "filmid", "productid", "product", "articleid", "article", "sku"),
        *("asin", "bookid", "songid", "trackid", "contentid", "isbn"),
    ),
    "time": ("timestamp", "time", "date", "datetime", "createdat", "eventtime", "ts", "sentat", "unixtime"),
    "event": ("eventtype", "event", "action", "type", "behavior", "activity"),
    "rating": ("rating", "eventvalue", "score", "stars", "value"),
}
"""Role to the names of columns that have it, in lower case without separators, the likeliest first."""
OPTIONAL = frozenset({"time", "event", "rating"})
SCALES: Mapping[int, tuple[int, str]] = {
    10**11: (1000, "milliseconds"),
    10**14: (10**6, "microseconds"),
    10**17: (10**9, "nanoseconds"),
}
"""From a number on, units in a second, and their name. As seconds the first is the year 5138."""
FEW_ROWS = 5
"""Too few to say that all ids differ."""
NO_COLUMN = ""
"""Given instead of a name: the table has no such column."""
_FORMATS = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S")


class ColumnNotFound(ValueError):
    """A column that is needed cannot be guessed; the message names the columns and the option that names it."""


@dataclass(frozen=True)
class Guess:
    """Names of columns; None where the table has none."""

    user: str
    item: str
    time: str | None
    event: str | None
    rating: str | None

    def lines(self) -> list[str]:
        """What was guessed, for people."""
        found = {"user": self.user, "item": self.item, "time": self.time, "event": self.event, "rating": self.rating}
        return [f"{role:6} {name if name is not None else '(none)'}" for role, name in found.items()]


def guess_columns(table: Table, given: Mapping[str, str | None] | None = None) -> Guess:
    """given: names of columns by role, which are not guessed; NO_COLUMN for one that there is not.

    Raises:
        ColumnNotFound: no column for user or item, or a given column does not exist.
    """
    chosen: dict[str, str | None] = {}
    for role in ROLES:
        wanted = (given or {}).get(role)
        if wanted == NO_COLUMN and role in OPTIONAL:
            chosen[role] = None
            continue
        if wanted is not None and wanted not in table.columns:
            raise ColumnNotFound(f"{table.name} has no column {wanted!r}; it has {_listed(table)}")
        taken = {name for name in chosen.values() if name is not None}
        chosen[role] = wanted or _best(table, role, taken)
    for role in ("user", "item"):
        if chosen[role] is None:
            raise ColumnNotFound(
                f"which column of {table.name} is the {role}? It has {_listed(table)}; say it with --{role}-column "
                f"({role}= in Python){_items_instead(table, chosen)}"
            )
    return Guess(str(chosen["user"]), str(chosen["item"]), chosen["time"], chosen["event"], chosen["rating"])


def item_column(table: Table, interactions: Table, guess: Guess) -> str:
    """The column of a table of items that has the ids of the interactions.

    Raises:
        ColumnNotFound: no column has any of them.
    """
    ids = set(interactions.column(guess.item))
    shared = {name: len(ids & set(table.column(name))) for name in table.columns}
    best = max(shared, key=lambda name: shared[name])
    if not shared[best]:
        raise ColumnNotFound(f"no column of {table.name} has the ids of the column {guess.item} of {interactions.name}")
    return best


def _items_instead(table: Table, chosen: Mapping[str, str | None]) -> str:
    """Advice for a table that describes items instead of telling who interacted with them."""
    key = chosen["item"] or (table.columns[0] if table.columns else "")
    values = table.column(key) if key else []
    has_others = chosen["user"] is not None or chosen["time"] is not None
    if has_others or len(values) < FEW_ROWS or len(set(values)) < len(values):
        return ""
    return (
        f".\nEvery row has another {key}: is this a file of items? Then give the file with users and items first, and "
        f"this one with --items"
    )


def time_unit(values: list[str]) -> tuple[int, str]:
    """Units in a second, and their name, of the times in a column; seconds, also if they are dates."""
    numbers = sorted(number for value in values[:1000] if (number := _number(value)) is not None)
    median = numbers[len(numbers) // 2] if numbers else 0
    return next((SCALES[least] for least in sorted(SCALES, reverse=True) if median >= least), (1, "seconds"))


def seconds_reader(values: list[str]) -> Callable[[str], int | None]:
    """A function that reads a time as epoch seconds: seconds, milli-, micro- or nanoseconds, or a date; or None.

    values: of the whole column, which decide between the units.
    """
    scale, _ = time_unit(values)

    def read(value: str) -> int | None:
        number = _number(value)
        return int(number / scale) if number is not None else _date(value.strip())

    return read


def _best(table: Table, role: str, taken: set[str]) -> str | None:
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in table.columns if name not in taken}
    return next((plain[name] for name in ROLES[role] if name in plain), None)


def _listed(table: Table) -> str:
    return ", ".join(table.columns)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < 1e20 else None


def _date(value: str) -> int | None:
    for read in (datetime.fromisoformat, *(_reader(form) for form in _FORMATS)):
        try:
            moment = read(value)
        except ValueError:
            continue
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return None


def _reader(form: str) -> Callable[[str], datetime]:
    return lambda value: datetime.strptime(value, form)
