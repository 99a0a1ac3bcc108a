"""Sums of metrics over interactions: streamed events, or all rows of an import (MA-13)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.schemas.columns import (
    EVENT_ATTRIBUTION_SOURCE,
    EVENT_TYPE,
    ITEM_ID,
    RECOMMENDATION_ID,
    TIMESTAMP,
    encoded,
)
from personalize_emu.data.schemas.dataset_types import ITEMS
from personalize_emu.service.state.attribution_ledger import (
    UNDEFINED_SOURCE,
    WINDOW_SECONDS,
    Metric,
    MetricExpression,
    SumKey,
    parsed_expression,
)

ItemValue = Callable[[str, str], object]
"""Item id and column, in upper case, to a number, or to None when there is none."""


@dataclass(frozen=True)
class CreditedEvent:
    """source: the event source it is attributed to (MA-20)."""

    row: Mapping[str, Any]
    source: str


def event_sums(
    metrics: Iterable[Metric], events: Iterable[CreditedEvent], item_value: ItemValue
) -> dict[SumKey, float]:
    """Values of metrics over events. Types compare without case (MA-14); a missing value adds 0 (MA-12)."""
    sums: dict[SumKey, float] = {}
    known = [(metric, metric.event_type.casefold(), parsed_expression(metric.expression)) for metric in metrics]
    for event in events:
        event_type = event.row.get(EVENT_TYPE)
        if event_type is None:
            continue
        window = int(event.row[TIMESTAMP]) // WINDOW_SECONDS * WINDOW_SECONDS
        for metric, wanted, expression in known:
            if wanted == event_type.casefold():
                key = SumKey(metric, event.source, window)
                sums[key] = sums.get(key, 0.0) + _value(expression, event.row, item_value)
    return sums


def _value(expression: MetricExpression, row: Mapping[str, Any], item_value: ItemValue) -> float:
    if not expression.column:
        return 1.0
    if expression.dataset_type == ITEMS:
        return _number(item_value(row[ITEM_ID], expression.column))
    return _number(next((value for name, value in row.items() if name.upper() == expression.column), None))


def _number(value: object) -> float:
    number = float(str(value)) if value is not None else 0.0
    return number if math.isfinite(number) else 0.0


@dataclass(frozen=True, eq=False)
class CreditedRows:
    """The rows of an import of interactions, and the source that each is attributed to.

    sources: int64[rows], places in `names`. windows: int64[rows], seconds since the epoch.
    """

    table: pa.Table
    sources: NDArray[np.int64]
    names: tuple[str, ...]
    windows: NDArray[np.int64]

    @classmethod
    def of(cls, table: pa.Table, credited: Callable[[str], str | None]) -> CreditedRows:
        """credited: recommendation id to the ARN of the campaign or recommender that gave it (MA-20, MA-22)."""
        number_of = {UNDEFINED_SOURCE: 0}
        sources = np.zeros(table.num_rows, np.int64)
        # The second column takes precedence.
        for column, name_of in ((RECOMMENDATION_ID, credited), (EVENT_ATTRIBUTION_SOURCE, _itself)):
            if column in table.column_names:
                numbers = _numbered(table.column(column), name_of, number_of)
                sources = np.where(numbers >= 0, numbers, sources)
        windows = _integers(table.column(TIMESTAMP)) // WINDOW_SECONDS * WINDOW_SECONDS
        return cls(table, sources, tuple(number_of), windows)

    @property
    def credited(self) -> frozenset[str]:
        """All sources that rows are attributed to."""
        return frozenset(self.names[number] for number in np.unique(self.sources))

    def between(self, after: float, until: float) -> CreditedRows:
        """The rows of events that happened later than `after` and not later than `until`."""
        timestamps = _integers(self.table.column(TIMESTAMP))
        kept = np.flatnonzero((timestamps > after) & (timestamps <= until))
        return CreditedRows(self.table.take(pa.array(kept)), self.sources[kept], self.names, self.windows[kept])

    def sums(self, metrics: Iterable[Metric], item_value: ItemValue) -> dict[SumKey, float]:
        """As `event_sums`."""
        return dict(key for metric in metrics for key in self._sums_of(metric, item_value))

    def _sums_of(self, metric: Metric, item_value: ItemValue) -> Iterator[tuple[SumKey, float]]:
        rows = self._rows_of_type(metric.event_type)
        values = self._values(parsed_expression(metric.expression), rows, item_value)
        windows, places = np.unique(self.windows[rows], return_inverse=True)
        keys, owners = np.unique(self.sources[rows] * max(len(windows), 1) + places, return_inverse=True)
        totals = np.bincount(owners, weights=values, minlength=len(keys))
        for key, total in zip(keys.tolist(), totals.tolist(), strict=True):
            source, place = divmod(key, len(windows))
            yield SumKey(metric, self.names[source], int(windows[place])), total

    def _rows_of_type(self, event_type: str) -> NDArray[np.int64]:
        if EVENT_TYPE not in self.table.column_names:
            return np.zeros(0, np.int64)
        coded, wanted = encoded(self.table.column(EVENT_TYPE)), event_type.casefold()
        is_wanted = np.array([name is not None and name.casefold() == wanted for name in coded.dictionary.to_pylist()])
        return np.flatnonzero(np.append(is_wanted, False)[_codes(coded)])

    def _values(self, expression: MetricExpression, rows: NDArray[np.int64], item_value: ItemValue) -> NDArray[Any]:
        """float64[rows]."""
        if not expression.column:
            return np.ones(len(rows))
        if expression.dataset_type == ITEMS:
            coded = encoded(self.table.column(ITEM_ID).take(pa.array(rows)))
            codes = _codes(coded)
            numbers = np.zeros(len(coded.dictionary) + 1)
            for code in np.unique(codes).tolist():
                if code >= 0:
                    numbers[code] = _number(item_value(coded.dictionary[code].as_py(), expression.column))
            return numbers[codes]
        name = next((name for name in self.table.column_names if name.upper() == expression.column), None)
        if name is None:
            return np.zeros(len(rows))
        column = pc.cast(self.table.column(name).take(pa.array(rows)), pa.float64())
        values = np.asarray(column.fill_null(0.0).to_numpy(), dtype=np.float64)
        return np.where(np.isfinite(values), values, 0.0)


def _itself(name: str) -> str | None:
    return name or None


def _numbered(
    column: pa.ChunkedArray, name_of: Callable[[str], str | None], number_of: dict[str, int]
) -> NDArray[np.int64]:
    """int64[rows]: the number of the name of each value, -1 where it has none. Adds new names to `number_of`."""
    coded = encoded(column)
    codes = _codes(coded)
    numbers = np.full(len(coded.dictionary) + 1, -1, np.int64)
    for code, value in enumerate(coded.dictionary.to_pylist()):
        name = name_of(value)
        if name is not None:
            numbers[code] = number_of.setdefault(name, len(number_of))
    return numbers[codes]


def _codes(coded: pa.DictionaryArray) -> NDArray[np.int64]:
    """int64[rows], -1 for null."""
    return np.asarray(coded.indices.fill_null(-1), dtype=np.int64)


def _integers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(pc.cast(column, pa.int64()).to_numpy(), dtype=np.int64)
