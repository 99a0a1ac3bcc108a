"""The ensemble for one history, without the table of all columns.

Columns without weight are left out, those that are the same for every history are summed up beforehand, and of a
column that is 0 for most items only the others are looked at. Up to rounding the result is that of the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.numerics.logits import BACKGROUND, FLAT, TINY, row_sum_of_squares
from personalize_emu.recipes.scorers.base import Column, Part, Scores

LARGEST = np.float32(10.0)
"""Deviations above the mean of the best item of a column: where nearly all items of a large catalog have a sum of 0,
the deviation alone would make it hundreds.
"""


@dataclass(frozen=True, eq=False)
class Term:
    """A standardised column times its weight: `values` at `items`, None for all, and for every item `constant`."""

    values: Scores
    items: NDArray[np.integer[Any]] | None = None
    constant: float = 0.0

    def of_item(self, item: int) -> float:
        if self.items is None:
            return float(self.values[item]) + self.constant
        return float(self.values[self.items == item].sum()) + self.constant


def term_of(part: Part, column: Column, weight: float, item_count: int) -> Term:
    """The caller's part is written to."""
    if part.items is not None:
        return _sparse_term(part.values.astype(np.float64), part.items, column, weight, item_count)
    values = part.values
    if column.sums:
        _in_logarithms(values)
    scale = bounded_scale(_centre(values), float(values.max(initial=0)))
    values *= np.float32(weight * scale)
    return Term(values)


def _in_logarithms(values: Scores) -> None:
    """`in_logarithms` of one row, in half the time where it is short."""
    np.maximum(values, 0, out=values)
    size = sqrt(row_sum_of_squares(values) / len(values)) if len(values) else 0.0
    values *= np.float32(1 / ((size or 1.0) * float(BACKGROUND)))
    values += 1
    np.log(values, out=values)


def _centre(values: Scores) -> float:
    """`centre` of one row."""
    mean = np.add.reduce(values) / np.float32(max(1, len(values)))
    values -= mean
    spread = sqrt(row_sum_of_squares(values) / max(1, len(values)))
    return 0.0 if spread <= float(FLAT) * abs(float(mean)) + float(TINY) else 1 / spread


def _sparse_term(
    values: NDArray[np.float64], items: NDArray[np.integer[Any]], column: Column, weight: float, item_count: int
) -> Term:
    if column.sums:
        np.maximum(values, 0, out=values)
        size = sqrt(float(values @ values) / item_count)
        values = np.log1p(values / (size * float(BACKGROUND))) if size else values
    mean = float(values.sum()) / item_count
    spread = sqrt(max(0.0, float(values @ values) / item_count - mean * mean))
    flat = spread <= float(FLAT) * abs(mean) + float(TINY)
    factor = 0.0 if flat else weight * bounded_scale(1 / spread, float(values.max(initial=0)) - mean)
    return Term((factor * values).astype(np.float32), items, -factor * mean)


def bounded_scale(scale: float, best: float) -> float:
    """What a centred column is multiplied by. best: its greatest value."""
    return min(scale, float(LARGEST) / max(best, 1e-30))


def summed(terms: Iterable[Term], item_count: int) -> Scores:
    """float32[items]: the sum of terms of whole columns."""
    total = np.zeros(item_count)
    for term in terms:
        total += term.values
    return total.astype(np.float32)
