"""Latent factors: items near the recent ones in a truncated SVD of their co-occurrence (positive PMI)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personalize_emu.recipes.base import History
from personalize_emu.recipes.models.histories import weighted_rows
from personalize_emu.recipes.models.latent import LatentItems, fit_latent_items
from personalize_emu.recipes.scorers.base import Column, Kernels, Scorer, Table
from personalize_emu.recipes.visits import Visits


@dataclass(frozen=True, eq=False)
class LatentScorer(Scorer):
    """items: a vector each."""

    items: LatentItems
    kernels: Kernels

    @property
    def columns(self) -> tuple[Column, ...]:
        # Inner products, so no logarithm is taken; negative weights are possible and hardly ever learned.
        return (Column("latent", False, 0.0),)

    def scores(self, histories: Sequence[History]) -> Table:
        bags = weighted_rows(histories, self.kernels.last, item_count=len(self.items.vectors))
        return self.items.scores_of(bags)[None]


def fit_latent_scorer(visits: Visits, item_count: int, kernels: Kernels) -> LatentScorer:
    return LatentScorer(fit_latent_items(visits, item_count), kernels)
