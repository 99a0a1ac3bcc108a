"""The generated rows and their CSV files, with the columns of the `demo/*` schemas."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Interaction(NamedTuple):
    """One event. timestamp: epoch seconds. event_type: View or Purchase. device: phone or desktop."""

    user_id: str
    item_id: str
    timestamp: int
    event_type: str
    device: str


class Item(NamedTuple):
    """One item. price: in currency units with cents. creation_timestamp: epoch seconds."""

    item_id: str
    title: str
    category_l1: str
    brand: str
    price: float
    creation_timestamp: int


class Shopper(NamedTuple):
    """The metadata of one user."""

    user_id: str
    age_group: str
    membership_status: str


@dataclass(frozen=True)
class Dataset:
    """The generated data.

    interactions: oldest first. items, users: sorted by id. trending: ids of the items of effect 9.
    personas, brands, levels: persona, preferred brand and price level (0 to 2) of each user, by user id; not part of
    the files.
    """

    interactions: tuple[Interaction, ...]
    items: tuple[Item, ...]
    users: tuple[Shopper, ...]
    trending: frozenset[str]
    personas: dict[str, str]
    brands: dict[str, str]
    levels: dict[str, int]

    def item(self, item_id: str) -> Item:
        """The item with that id. Raises KeyError."""
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise KeyError(item_id)

    def write_csv(self, folder: Path | str) -> tuple[Path, Path, Path]:
        """Write interactions.csv, items.csv and users.csv into an existing folder; return their paths."""
        target = Path(folder)
        return (
            _write(target / "interactions.csv", Interaction._fields, self.interactions),
            _write(target / "items.csv", Item._fields, self.items),
            _write(target / "users.csv", Shopper._fields, self.users),
        )


def _write(path: Path, fields: Sequence[str], rows: Iterable[tuple[object, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.upper() for field in fields])
        writer.writerows(rows)
    return path
