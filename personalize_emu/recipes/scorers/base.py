"""What a base scorer is: fitted once on interactions, it scores every item for a batch of histories."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.scorers.histories import Kernel

Table = NDArray[np.float32]
Scores = NDArray[np.float32]
SPARSE = 8
"""Fewer cells than one of so many items are sorted instead of counted."""


@dataclass(frozen=True)
class Column:
    """One score of every item. sums: a sum of counts or weights, at least 0: its logarithm is taken
    and its weight is never negative. prior: its weight in the ensemble before any is learned.
    """

    name: str
    sums: bool
    prior: float


@dataclass(frozen=True, eq=False)
class Part:
    """Scores of one history. items: int[k], distinct; all others have 0. None for all items. values: float32[k], or
    float32[items]; whoever asked may write to them.
    """

    values: Scores
    items: NDArray[np.integer[Any]] | None = None


def part_of_cells(items: NDArray[np.integer[Any]], values: Scores, item_count: int) -> Part:
    """Sums of float32[n] by item, where an item may come several times."""
    if len(items) * SPARSE > item_count:
        return Part(np.bincount(items, values, minlength=item_count).astype(np.float32))
    order = np.argsort(items, kind="stable")
    ordered = items[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(items) else order
    sums = np.add.reduceat(values[order], starts, dtype=np.float64) if len(items) else values
    return Part(sums.astype(np.float32), ordered[starts])


class Scorer(ABC):
    """Immutable. Its class has a `fit` that takes interactions (`Interactions`) and the number of items."""

    @property
    @abstractmethod
    def columns(self) -> tuple[Column, ...]:
        """What `scores` has along its first axis."""

    def is_fixed(self, column: int, history: History) -> bool:
        """Whether a column is the same for this history as for an empty one."""
        del column, history
        return False

    @abstractmethod
    def part(self, column: int, history: History) -> Part:
        """One column for one history, up to rounding what `scores` has."""

    @abstractmethod
    def scores(self, histories: Sequence[History]) -> Table:
        """float32[columns, histories, items]: greater is better; of an empty history anything finite."""


@dataclass(frozen=True)
class Kernels:
    """Weights of a history: all items equal, mostly the newest part, or only the last few items."""

    whole: Kernel
    recent: Kernel
    last: Kernel


def kernels_of(recency: bool, steps: int) -> Kernels:
    """`steps` (bptt) is how far back sequences are read; without `recency` the order of a history is of no account."""
    return Kernels(
        whole=Kernel(reach=2000, decay=0.0, recency=False),
        recent=Kernel(reach=200, decay=20.0, harmonic=3.0, recency=recency),
        last=Kernel(reach=min(12, steps), decay=4.0, recency=recency),
    )
