"""How circumstances and traits of users shift what is wanted: levels of columns, and lifts of items at each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.context.lifts import lifts_of
from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.contract.features import Categories, Features, Numbers

MOST_SINGLE_NUMBERS = 24
"""A numeric column of at most so many values, hours of the day for one, has each of them as a level."""
FEWEST_OF_A_NUMBER = 5
RANGES = 12
MOST_CELLS = 2**23
"""Levels times items of one column: 32 MB. Rarer levels are left out."""
MOST_KIND_COLUMNS = 12
MOST_KINDS = 1000
"""Of items, in one column of theirs."""
SEPARATOR = "|"


@dataclass(frozen=True, eq=False)
class Levels:
    """How values of one column are told apart.

    values: of categories, sorted. edges: of numbers, float64[levels - 1], ascending; None for categories.
    """

    name: str
    values: tuple[str, ...]
    edges: NDArray[np.float64] | None

    @property
    def count(self) -> int:
        return len(self.values) if self.edges is None else len(self.edges) + 1

    def of_column(self, column: Categories | Numbers) -> sp.csr_matrix:
        """float32 csr[rows, levels], rows of sum 1, or 0 where nothing is known."""
        if isinstance(column, Numbers):
            known = np.flatnonzero(~np.isnan(column.values))
            levels = np.searchsorted(self._edges, column.values[known], side="right")
            ones = np.ones(len(known), np.float32)
            return sp.csr_matrix((ones, (known, levels)), (len(column.values), self.count), dtype=np.float32)
        places = [self._place_of.get(value, -1) for value in column.values]
        renamed = sp.csr_matrix(
            (
                [1.0 for place in places if place >= 0],
                ([n for n, place in enumerate(places) if place >= 0], [place for place in places if place >= 0]),
            ),
            (len(places), self.count),
            dtype=np.float32,
        )
        return _rows_of_sum_one(column.members @ renamed)

    def of_text(self, text: str) -> Sequence[int]:
        """The levels of a value as requests have it; none of one that was not met in training."""
        if self.edges is not None:
            try:
                number = float(text)
            except ValueError:
                return []
            return [] if np.isnan(number) else [int(np.searchsorted(self.edges, number, side="right"))]
        return [self._place_of[value] for value in text.split(SEPARATOR) if value in self._place_of]

    @cached_property
    def _place_of(self) -> Mapping[str, int]:
        return {value: place for place, value in enumerate(self.values)}

    @property
    def _edges(self) -> NDArray[np.float64]:
        return np.zeros(0) if self.edges is None else self.edges


@dataclass(frozen=True, eq=False)
class Factor:
    """One column and what it shifts. lifts: float32[levels, items].

    kinds: the columns of items that say something of it, with float32[levels, levels of theirs].
    """

    levels: Levels
    lifts: NDArray[np.float32]
    kinds: tuple[tuple[Levels, NDArray[np.float32]], ...] = ()

    def lifts_of_kinds(self, items: Features) -> NDArray[np.float32]:
        """float32[levels, items.count] of items that nobody met, by what is known of them."""
        lifts = np.zeros((self.levels.count, items.count), np.float32)
        columns: dict[str, Categories | Numbers] = {column.name: column for column in items.categories}
        columns |= {column.name: column for column in items.numbers}
        for kinds, ratios in self.kinds:
            if kinds.name in columns:
                lifts += (kinds.of_column(columns[kinds.name]) @ ratios.T).T
        return lifts

    @property
    def name(self) -> str:
        return self.levels.name


@dataclass(frozen=True, eq=False)
class Traits:
    """What is known of users. ids: sorted. members: for each factor float32 csr[ids, levels], rows of sum 1 or 0."""

    ids: tuple[str, ...]
    factors: tuple[Factor, ...]
    members: tuple[sp.csr_matrix, ...]

    @cached_property
    def number_of(self) -> Mapping[str, int]:
        return {user: number for number, user in enumerate(self.ids)}


@dataclass(frozen=True, eq=False)
class Circumstances:
    """The factors of the interactions, and those of users."""

    context: tuple[Factor, ...]
    traits: Traits

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Those of the context, then those of users."""
        return (*self.context, *self.traits.factors)

    def levels_of(self, histories: Sequence[History]) -> list[sp.csr_matrix]:
        """For each factor float32 csr[histories, levels]: rows of sum 1, or 0 where nothing is known."""
        found = [self._told(factor.levels, histories) for factor in self.context]
        numbers = np.array([self.traits.number_of.get(history.user_id, -1) for history in histories], np.int64)
        known = sp.diags((numbers >= 0).astype(np.float32), shape=(len(numbers), len(numbers)))
        for members in self.traits.members:
            if not len(self.traits.ids):
                found.append(sp.csr_matrix((len(numbers), members.shape[1]), dtype=np.float32))
            else:
                found.append((known @ members[np.maximum(numbers, 0)]).tocsr())
        return found

    def shifts_of(self, history: History) -> list[NDArray[np.float32] | None]:
        """For each factor the lifts, float32[items], at the levels of one history; None where nothing is known."""
        told = [factor.levels.of_text(history.context.get(factor.name, "")) for factor in self.context]
        number = self.traits.number_of.get(history.user_id)
        for members in self.traits.members:
            first, end = (0, 0) if number is None else members.indptr[number : number + 2]
            told.append(members.indices[first:end])
        return [
            factor.lifts[levels].mean(axis=0) if len(levels) else None
            for factor, levels in zip(self.factors, told, strict=True)
        ]

    @staticmethod
    def _told(levels: Levels, histories: Sequence[History]) -> sp.csr_matrix:
        rows: list[int] = []
        places: list[int] = []
        for row, history in enumerate(histories):
            found = levels.of_text(history.context.get(levels.name, ""))
            rows += [row] * len(found)
            places += found
        ones = np.ones(len(rows), np.float32)
        return _rows_of_sum_one(sp.csr_matrix((ones, (rows, places)), (len(histories), levels.count)))


def fit_circumstances(data: TrainingData) -> Circumstances:
    """Lifts of all columns of the context and of the profiles; every user counts once an item and level."""
    items = len(data.catalog)
    pairs = _distinct(data.users.astype(np.int64) * max(1, items) + data.items)
    popularity = np.bincount(pairs % max(1, items), minlength=items).astype(np.float64)
    described = _with_levels(data.item_features, items, MOST_KINDS)[:MOST_KIND_COLUMNS]
    kinds = [levels.of_column(column) for column, levels in described]

    def factor(levels: Levels, counts: NDArray[np.float64]) -> Factor:
        lifts = lifts_of(counts, popularity, kinds)
        return Factor(
            levels, lifts.of_items, tuple((described[place][1], ratios) for place, ratios in lifts.of_kinds)
        )

    context = tuple(
        factor(levels, _context_counts(data, column, levels)) for column, levels in _with_levels(data.context, items)
    )
    return Circumstances(context, _traits(data, pairs, factor))


def levels_of_column(column: Categories | Numbers, most: int) -> Levels:
    """At most so many levels, the most frequent ones."""
    if isinstance(column, Categories):
        frequency = np.asarray(column.members.sum(axis=0)).ravel()
        kept = np.sort(np.argsort(-frequency, kind="stable")[:most])
        return Levels(column.name, tuple(column.values[place] for place in kept), None)
    known = column.values[np.isfinite(column.values)]
    single, counts = np.unique(known, return_counts=True)
    if len(single) > min(MOST_SINGLE_NUMBERS, most):
        inner = np.quantile(known, np.linspace(0, 1, min(RANGES, max(most, 1)) + 1)[1:-1])
        return Levels(column.name, (), np.unique(inner))
    return Levels(column.name, (), ((single[:-1] + single[1:]) / 2)[_ends(counts)[:-1]])


def _ends(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[numbers]: where a level ends; a number that hardly anybody has joins the next ones, or else those before."""
    ends = np.zeros(len(counts), np.bool_)
    gathered, left = 0, int(counts.sum())
    for place, count in enumerate(counts.tolist()):
        gathered, left = gathered + count, left - count
        if gathered >= FEWEST_OF_A_NUMBER <= left:
            ends[place], gathered = True, 0
    return ends


def _with_levels(
    features: Features | None, items: int, most: int = MOST_CELLS
) -> list[tuple[Categories | Numbers, Levels]]:
    """The columns that differ, with their levels; features: those of people and events that were seen."""
    if features is None:
        return []
    columns: list[Categories | Numbers] = [*features.categories, *features.numbers]
    levelled = [(column, levels_of_column(column, min(most, MOST_CELLS // max(1, items)))) for column in columns]
    # One level alone shifts nothing: everybody is there.
    return [(column, levels) for column, levels in levelled if levels.count > 1]


def _context_counts(data: TrainingData, column: Categories | Numbers, levels: Levels) -> NDArray[np.float64]:
    members = levels.of_column(column)
    rows = np.repeat(np.arange(members.shape[0]), np.diff(members.indptr))
    items = len(data.catalog)
    met = data.users[rows].astype(np.int64) * items + data.items[rows]
    triples = _distinct(met * levels.count + members.indices)
    cells = (triples % levels.count) * items + (triples // levels.count) % items
    return np.bincount(cells, minlength=levels.count * items).reshape(levels.count, items).astype(np.float64)


def _traits(
    data: TrainingData, pairs: NDArray[np.int64], factor: Callable[[Levels, NDArray[np.float64]], Factor]
) -> Traits:
    """pairs: int64[n], user times items plus item."""
    profiles, items = data.profiles, len(data.catalog)
    if profiles is None:
        return Traits((), (), ())
    ones = np.ones(len(pairs), np.float32)
    places = (pairs % max(1, items), pairs // max(1, items))
    users_of_items = sp.csr_matrix((ones, places), (items, len(data.user_ids)))
    rows = np.array([profiles.number_of.get(user, -1) for user in data.user_ids], np.int64)
    all_columns: dict[str, Categories | Numbers] = {column.name: column for column in profiles.features.categories}
    all_columns |= {column.name: column for column in profiles.features.numbers}
    factors, members = [], []
    for column, levels in _with_levels(profiles.features.taken(rows), items):
        own = levels.of_column(column)
        own.data[:] = 1
        counts = np.asarray((users_of_items @ own).todense(), np.float64).T
        factors.append(factor(levels, counts))
        members.append(levels.of_column(all_columns[column.name]))
    return Traits(profiles.ids if factors else (), tuple(factors), tuple(members))


def _distinct(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each key once, ascending. `np.unique` hashes, which takes ten times as long where most keys differ."""
    ordered = np.sort(keys)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def _rows_of_sum_one(matrix: sp.csr_matrix) -> sp.csr_matrix:
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    scaled = sp.diags((1 / np.where(sums > 0, sums, 1)).astype(np.float32), shape=(len(sums), len(sums))) @ matrix
    return sp.csr_matrix(scaled, dtype=np.float32)
