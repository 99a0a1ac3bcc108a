"""Entries of the caches of scores and finished lists, which runtime/remembered.py fills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.wire.rendered import RenderedOnce

Basis = tuple[object, ...]
"""What an entry was computed from, compared by equality. Weak references, so that entries keep no model alive."""


@dataclass(frozen=True, eq=False, slots=True)
class RememberedScores:
    """scores: float[items] or float[actions], read-only. size: bytes."""

    scores: NDArray[np.floating[Any]]
    basis: Basis
    size: int


@dataclass(frozen=True, eq=False, slots=True)
class FinishedList:
    """The list of a response. item_ids: of its items. until: epoch seconds up to which the clock changes nothing.

    size: bytes.
    """

    listed: RenderedOnce
    item_ids: tuple[str, ...]
    basis: Basis
    until: float
    size: int
