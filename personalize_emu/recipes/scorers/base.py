"""What a base scorer is: fitted once on interactions, it scores every item for a batch of histories."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.scorers.histories import Kernel

Table = NDArray[np.float32]


@dataclass(frozen=True)
class Column:
    """One score of every item. sums: a sum of counts or weights, at least 0: its logarithm is taken
    and its weight is never negative. prior: its weight in the ensemble before any is learned.
    """

    name: str
    sums: bool
    prior: float


class Scorer(ABC):
    """Immutable. Its class has a `fit` that takes interactions (`Interactions`) and the number of items."""

    @property
    @abstractmethod
    def columns(self) -> tuple[Column, ...]:
        """What `scores` has along its first axis."""

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
