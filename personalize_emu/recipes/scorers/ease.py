"""EASE, asked twice: with the whole history, and with its newest items counting most (Steck 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalize_emu.recipes.base import History
from personalize_emu.recipes.models.ease import Ease, fit_ease
from personalize_emu.recipes.models.histories import weighted_rows
from personalize_emu.recipes.scorers.base import Column, Kernels, Scorer, Table
from personalize_emu.recipes.visits import Visits

REGULARISATION = 100.0
REFERENCE_VISITS = 100_000
"""Data size of the regularisation, which grows with its fourth root."""


@dataclass(frozen=True, eq=False)
class EaseScorer(Scorer):
    """ease: of all interactions."""

    ease: Ease
    kernels: Kernels
    item_count: int

    @property
    def columns(self) -> tuple[Column, ...]:
        return Column("ease", True, 0.6), Column("ease on recent items", True, 0.2)

    def scores(self, histories: Sequence[History]) -> Table:
        bags = weighted_rows(histories, self.kernels.whole, self.kernels.recent, item_count=self.item_count)
        both, _ = self.ease.scores_of(bags)
        return np.ascontiguousarray(both).reshape(2, len(histories), self.item_count)


def fit_ease_scorer(visits: Visits, item_count: int, kernels: Kernels) -> EaseScorer:
    growth = float(max(1, len(visits)) / REFERENCE_VISITS) ** 0.25
    ease = fit_ease(visits, len(visits.lengths), item_count, REGULARISATION * growth)
    return EaseScorer(ease, kernels, item_count)
