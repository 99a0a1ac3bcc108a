"""Base classes of models and recipes that wrap others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Kind, Model, Recipe, ScorePart, TrainingData, TrainingRun


@dataclass(frozen=True, eq=False)
class WrapperModel(Model):
    """base: a model of the same catalog."""

    catalog: tuple[str, ...]
    base: Model
    adds: ClassVar[str] = "wrapper"
    """Source of what this model adds to scores, in the parts of a score."""

    def parts(self, history: History, item: int) -> tuple[ScorePart, ...]:
        added = float(self.scores(history)[item]) - float(self.base.scores(history)[item])
        return (*self.base.parts(history, item), ScorePart(self.adds, added))

    @property
    def has_scores(self) -> bool:  # type: ignore[override]
        return self.base.has_scores

    @cached_property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.base.trained_items


@dataclass(frozen=True)
class WrapperRecipe(Recipe):
    """recipe: whose models are given something more."""

    recipe: Recipe

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.recipe.name

    @property
    def kind(self) -> Kind:  # type: ignore[override]
        return self.recipe.kind

    def check(self, data: TrainingData, run: TrainingRun) -> None:
        self.recipe.check(data, run)

    def without_effect(self, data: TrainingData, run: TrainingRun) -> frozenset[str]:
        return self.recipe.without_effect(data, run)

    def own_metrics(self, data: TrainingData, run: TrainingRun) -> dict[str, float]:
        return self.recipe.own_metrics(data, run)
