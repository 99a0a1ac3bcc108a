"""Levels of a column of context or of user metadata: categories, and numbers as values or ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.features import Categories, Features, Numbers

MOST_SINGLE_NUMBERS = 24
"""A numeric column of at most so many values, such as hours of the day, has each of them as a level."""
RANGES = 12
MOST_CELLS = 2**23
"""Levels times items of one column (32 MB). Rarer levels are left out."""
SEPARATOR = "|"

Column = Categories | Numbers


@dataclass(frozen=True, eq=False)
class Levels:
    """values: of categories. edges: of numbers, float64[levels - 1], ascending; None for categories."""

    name: str
    values: tuple[str, ...]
    edges: NDArray[np.float64] | None

    @property
    def count(self) -> int:
        return len(self.values) if self.edges is None else len(self.edges) + 1

    def of_column(self, column: Column) -> sp.csr_matrix:
        """float32 csr[rows, levels], rows of sum 1, or 0 where nothing is known."""
        if isinstance(column, Categories):
            return rows_of_sum_one(column.of_values(self.values))
        known = np.flatnonzero(~np.isnan(column.values))
        assert self.edges is not None
        levels = np.searchsorted(self.edges, column.values[known], side="right")
        return sp.csr_matrix((np.ones(len(known), np.float32), (known, levels)), (len(column.values), self.count))

    def of_text(self, text: str) -> Sequence[int]:
        """The levels of a value in a request; none for one that is unknown."""
        if self.edges is None:
            return [self._place_of[value] for value in text.split(SEPARATOR) if value in self._place_of]
        try:
            number = float(text)
        except ValueError:
            return []
        return [] if np.isnan(number) else [int(np.searchsorted(self.edges, number, side="right"))]

    @cached_property
    def _place_of(self) -> Mapping[str, int]:
        return {value: place for place, value in enumerate(self.values)}


def columns_of(features: Features) -> dict[str, Column]:
    """By name; texts are left out."""
    columns: list[Column] = [*features.categories, *features.numbers]
    return {column.name: column for column in columns}


def levels_of_columns(features: Features | None, item_count: int) -> list[Levels]:
    """Of the columns with more than one level."""
    if features is None:
        return []
    most = MOST_CELLS // max(1, item_count)
    found = [levels_of_column(column, most) for column in columns_of(features).values()]
    return [levels for levels in found if levels.count > 1]


def levels_of_column(column: Column, most: int) -> Levels:
    """At most so many levels, the most frequent ones."""
    if isinstance(column, Categories):
        frequency = np.asarray(column.members.sum(axis=0)).ravel()
        kept = np.sort(np.argsort(-frequency, kind="stable")[:most])
        return Levels(column.name, tuple(column.values[place] for place in kept), None)
    known = column.values[np.isfinite(column.values)]
    single = np.unique(known)
    if len(single) > min(MOST_SINGLE_NUMBERS, most):
        inner = np.quantile(known, np.linspace(0, 1, min(RANGES, max(most, 1)) + 1)[1:-1])
        return Levels(column.name, (), np.unique(inner))
    return Levels(column.name, (), (single[:-1] + single[1:]) / 2)


def rows_of_sum_one(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """float32, each row over its sum; rows without an entry stay empty."""
    scaled: sp.csr_matrix = matrix.astype(np.float32).tocsr()
    sums = np.asarray(scaled.sum(axis=1)).ravel()
    scaled.data /= np.repeat(np.where(sums > 0, sums, 1), np.diff(scaled.indptr)).astype(np.float32)
    return scaled
