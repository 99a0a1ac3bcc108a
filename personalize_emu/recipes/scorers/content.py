"""Items of the same categories, numbers and words as those of the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personalize_emu.recipes.base import History
from personalize_emu.recipes.models.histories import weighted_rows
from personalize_emu.recipes.models.kinds import Kinds
from personalize_emu.recipes.scorers.base import Column, Kernels, Scorer, Table


@dataclass(frozen=True, eq=False)
class ContentScorer(Scorer):
    """features: of the items of the catalog."""

    features: Kinds
    kernels: Kernels

    @property
    def columns(self) -> tuple[Column, ...]:
        return Column("content", True, 0.0), Column("content of recent items", True, 0.05)

    def scores(self, histories: Sequence[History]) -> Table:
        count = self.features.columns.shape[0]
        bags = weighted_rows(histories, self.kernels.whole, self.kernels.recent, item_count=count)
        return self.features.scores_of(bags).reshape(2, len(histories), count)
