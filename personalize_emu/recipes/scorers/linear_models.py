"""The three linear models that the personal and the item-to-item recipes have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Progress
from personalize_emu.recipes.contract.interactions import Visits
from personalize_emu.recipes.scorers.ease import Ease, fit_ease
from personalize_emu.recipes.scorers.histories import Kernel
from personalize_emu.recipes.scorers.next_item_ridge import NextItemRidge, fit_next_item_ridge
from personalize_emu.recipes.scorers.transitions import Transitions, fit_transitions

EASE_REGULARISATION = 300.0
RIDGE_REGULARISATION = 200.0
REFERENCE_VISITS = 100_000
"""Data size of the two constants above; they grow with its fourth root."""


@dataclass(frozen=True)
class Kernels:
    """How each model looks at a history."""

    ease: Kernel
    transitions: Kernel
    ridge: Kernel


@dataclass(frozen=True, eq=False)
class Affinities:
    """Who visits the same (ease), what follows soon (transitions), what comes next (ridge)."""

    ease: Ease
    transitions: Transitions
    ridge: NextItemRidge

    def scores(self, history: History, kernels: Kernels) -> list[NDArray[np.float32]]:
        """Three float32[items], in the order of the fields."""
        return [
            self.ease.scores(history, kernels.ease),
            self.transitions.scores(history, kernels.transitions),
            self.ridge.scores(history, kernels.ridge),
        ]

    def scores_many(self, histories: Sequence[History], kernels: Kernels) -> list[NDArray[np.float32]]:
        """Three float32[histories, items]."""
        return [
            self.ease.scores_many(histories, kernels.ease),
            self.transitions.scores_many(histories, kernels.transitions),
            self.ridge.scores_many(histories, kernels.ridge),
        ]


def fit_affinities(
    visits: Visits,
    user_count: int,
    item_count: int,
    progress: Progress,
    ease_regularisation: float = EASE_REGULARISATION,
) -> Affinities:
    """Fit all three; `progress` hears the name of each before it starts."""
    growth = float(max(1, len(visits)) / REFERENCE_VISITS) ** 0.25
    progress("who visits the same", 0.0)
    ease = fit_ease(visits, user_count, item_count, ease_regularisation * growth)
    progress("what follows", 0.4)
    transitions = fit_transitions(visits, item_count)
    progress("what comes next", 0.6)
    ridge = fit_next_item_ridge(visits, item_count, RIDGE_REGULARISATION * growth)
    progress("fitted what belongs together", 1.0)
    return Affinities(ease, transitions, ridge)
