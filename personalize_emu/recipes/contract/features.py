"""Metadata of items, users and interactions as columns.

Columns are along rows: of the catalog for items, of `Profiles.ids` for users, of the interactions for context. Names
are those of the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp


@dataclass(frozen=True, eq=False)
class Categories:
    """A column of one or several categories a row.

    values: sorted. members: float32 csr[rows, values], 1 where the row has the category; no entry where nothing is
    known.
    """

    name: str
    values: tuple[str, ...]
    members: sp.csr_matrix

    @cached_property
    def number_of(self) -> dict[str, int]:
        return {value: number for number, value in enumerate(self.values)}

    def of_values(self, values: Sequence[str]) -> sp.csr_matrix:
        """float32 csr[rows, values]: the columns of other values, empty for values that are not here."""
        places = [self.number_of.get(value, -1) for value in values]
        known = [(number, place) for place, number in enumerate(places) if number >= 0]
        cells = ([1.0] * len(known), ([number for number, _ in known], [place for _, place in known]))
        renamed = sp.csr_matrix(cells, shape=(len(self.values), len(values)), dtype=np.float32)
        return sp.csr_matrix(self.members @ renamed)

    def taken(self, rows: NDArray[np.int64]) -> Categories:
        known = rows >= 0
        if not known.any():
            return Categories(self.name, self.values, sp.csr_matrix((len(rows), len(self.values)), dtype=np.float32))
        chosen = (sp.diags(known.astype(np.float32)) @ self.members[np.maximum(rows, 0)]).tocsr()
        chosen.eliminate_zeros()
        return Categories(self.name, self.values, chosen)


@dataclass(frozen=True, eq=False)
class Numbers:
    """A numeric column. values: float64[rows], NaN where nothing is known."""

    name: str
    values: NDArray[np.float64]

    def taken(self, rows: NDArray[np.int64]) -> Numbers:
        return Numbers(self.name, np.append(self.values, np.nan)[rows])


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of free text. texts: one a row, empty where nothing is known."""

    name: str
    texts: tuple[str, ...]

    def taken(self, rows: NDArray[np.int64]) -> Texts:
        texts = (*self.texts, "")
        return Texts(self.name, tuple(texts[row] for row in rows.tolist()))


@dataclass(frozen=True, eq=False)
class Features:
    """All columns of `count` rows; item_name is the text column flagged as the name of an item, "" for none."""

    count: int
    categories: tuple[Categories, ...] = ()
    numbers: tuple[Numbers, ...] = ()
    texts: tuple[Texts, ...] = ()
    item_name: str = ""

    def taken(self, rows: NDArray[np.int64]) -> Features:
        """The same columns of other rows: int64[n], -1 for a row that nothing is known of."""
        return Features(
            len(rows),
            tuple(column.taken(rows) for column in self.categories),
            tuple(column.taken(rows) for column in self.numbers),
            tuple(column.taken(rows) for column in self.texts),
            self.item_name,
        )

    def values_of(self, row: int) -> dict[str, str]:
        """Categories and numbers of one row as a request has them: column to value; nothing for what is not known."""
        values = {}
        for column in self.categories:
            first, end = column.members.indptr[row : row + 2]
            names = [column.values[place] for place in column.members.indices[first:end]]
            values[column.name] = "|".join(names)
        values |= {column.name: repr(float(column.values[row])) for column in self.numbers}
        return {name: value for name, value in values.items() if value not in ("", "nan")}

    def __bool__(self) -> bool:
        """Whether there is any column."""
        return bool(self.categories or self.numbers or self.texts)


@dataclass(frozen=True, eq=False)
class Profiles:
    """What is known of users, with or without interactions. ids: sorted; features: along them."""

    ids: tuple[str, ...]
    features: Features

    @cached_property
    def number_of(self) -> dict[str, int]:
        return {user: number for number, user in enumerate(self.ids)}

    def along(self, user_ids: Sequence[str]) -> Features:
        rows = [self.number_of.get(user, -1) for user in user_ids]
        return self.features.taken(np.array(rows, np.int64))


@dataclass(frozen=True, eq=False)
class Objective:
    """The business metric of items beside relevance (T-26).

    rewards: float32[items], the objective column, 0 for items that have none. strength: its weight beside
    relevance, both standardised (T-27).
    """

    rewards: NDArray[np.float32]
    strength: float
