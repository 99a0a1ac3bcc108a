"""Guesses which columns of a table are user, item, time, event type and rating, from their names and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from personalize_emu.tryout.moments import are_times
from personalize_emu.tryout.names import ROLES, named, named_ids
from personalize_emu.tryout.tables import Table

IDS = frozenset({"user", "item"})
"""Roles whose columns have ids. The number of an event, or of a type, is no event type."""
OPTIONAL = frozenset({"time", "event", "rating"})
FEW_ROWS = 5
"""Too few to say that all ids differ."""
NO_COLUMN = ""
"""Given instead of a name: the table has no such column."""


class ColumnNotFound(ValueError):
    """A column that is needed cannot be guessed; the message names the columns and the option that names it."""

    def __init__(self, message: str, columns: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.columns = columns or {}
        """Role to the column that was guessed, or to a placeholder; empty if naming columns is not what helps."""


@dataclass(frozen=True)
class Guess:
    """Names of columns; None where the table has none."""

    user: str
    item: str
    time: str | None
    event: str | None
    rating: str | None
    is_time_by_values: bool = False
    """Whether no name told the column of times."""

    def lines(self) -> list[str]:
        """What was guessed, for people."""
        time = f"{self.time} (by its values)" if self.is_time_by_values else self.time
        found = {"user": self.user, "item": self.item, "time": time, "event": self.event, "rating": self.rating}
        return [f"{role:6} {name if name is not None else '(none)'}" for role, name in found.items()]


def guess_columns(table: Table, given: Mapping[str, str | None] | None = None) -> Guess:
    """given: names of columns by role, which are not guessed; NO_COLUMN for one that there is not.

    Raises:
        ColumnNotFound: no column for user or item, or a given column does not exist.
    """
    given = given or {}
    chosen: dict[str, str | None] = {}
    for role in ROLES:
        wanted = given.get(role)
        if wanted == NO_COLUMN and role in OPTIONAL:
            chosen[role] = None
            continue
        if wanted is not None and wanted not in table.columns:
            raise ColumnNotFound(f"{table.name} has no column {wanted!r}; it has {_listed(table)}")
        taken = {name for name in chosen.values() if name is not None}
        taken |= {name for other, name in given.items() if other != role and name}
        chosen[role] = wanted or _best(table, role, taken)
    times = _times_by_values(table, chosen) if chosen["time"] is None and given.get("time") != NO_COLUMN else []
    _require_decided(table, chosen, times)
    time = times[0] if times else chosen["time"]
    return Guess(str(chosen["user"]), str(chosen["item"]), time, chosen["event"], chosen["rating"], bool(times))


def _times_by_values(table: Table, chosen: Mapping[str, str | None]) -> list[str]:
    """The columns without a role whose values are times."""
    free = [name for name in table.columns if name not in chosen.values()]
    return [name for name in free if are_times(table.column(name))]


def _require_decided(table: Table, chosen: Mapping[str, str | None], times: list[str]) -> None:
    """times: columns that can be the time. Raises ColumnNotFound, with all that is undecided."""
    asked = {role: f"the {role}" for role in ("user", "item") if chosen[role] is None}
    if len(times) > 1:
        asked["time"] = f"the time ({' and '.join(times)} have times; '' if none is it)"
    if not asked:
        return
    options, keywords = [f"--{role}-column" for role in asked], [f"{role}=" for role in asked]
    items_instead = _items_instead(table, chosen)
    guessed = {**chosen, "time": times[0]} if len(times) == 1 else chosen
    placeholders = {role: f"{role.upper()}_COLUMN" for role in asked}
    columns = {role: name for role, name in {**guessed, **placeholders}.items() if name is not None}
    raise ColumnNotFound(
        f"which column of {table.name} is {', and which '.join(asked.values())}? It has {_listed(table)}; say it with "
        f"{' and '.join(options)} ({' and '.join(keywords)} in Python){items_instead}",
        {} if items_instead else columns,
    )


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


def _best(table: Table, role: str, taken: set[str]) -> str | None:
    """The column with the likeliest name; of several that are named as times, the first that has times."""
    find = named_ids if role in IDS else named
    found = find([name for name in table.columns if name not in taken], ROLES[role])
    if role == "time" and len(found) > 1:
        found = [name for name in found if are_times(table.column(name))] or found
    return found[0] if found else None


def _listed(table: Table) -> str:
    return ", ".join(table.columns)
