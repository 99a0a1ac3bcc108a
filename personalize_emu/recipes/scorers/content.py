"""Content-based scores: inner products of item vectors (content/item_vectors.py) and those of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personalize_emu.recipes.content.item_vectors import ItemVectors
from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.scorers.base import Column, Kernels, Part, Scorer, Table
from personalize_emu.recipes.scorers.histories import weighted_rows


@dataclass(frozen=True, eq=False)
class ContentScorer(Scorer):
    """features: of the items of the catalog."""

    features: ItemVectors
    kernels: Kernels

    @property
    def columns(self) -> tuple[Column, ...]:
        return Column("content", True, 0.0), Column("content of recent items", True, 0.05)

    def part(self, column: int, history: History) -> Part:
        kernel = (self.kernels.whole, self.kernels.recent)[column]
        return Part(self.features.scores_of_bag(*kernel.bag(history)))

    def scores(self, histories: Sequence[History]) -> Table:
        count = self.features.sparse.shape[0]
        bags = weighted_rows(histories, self.kernels.whole, self.kernels.recent, item_count=count)
        return self.features.scores_of(bags).reshape(2, len(histories), count)
