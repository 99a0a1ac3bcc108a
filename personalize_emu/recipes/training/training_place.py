"""Where a training runs: in the thread that asks for it, or in a process. A question of size only: the result is the
same.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

from personalize_emu.recipes.contract.base import Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import Trained, metrics_of
from personalize_emu.recipes.training.training_process import TrainingProcesses, TrainingProcessFailed
from personalize_emu.recipes.training.tuning import Search, train_tuned, validation_metrics

FEWEST_ROWS_FOR_A_PROCESS = 250_000
"""Where no process is kept ready: a second is what a process costs, and little where so many rows take ten, or minutes
with a network."""
FEWEST_ROWS_TO_START_ONE = 20_000
"""Where some are kept, but none is ready: fewer rows are trained sooner than it starts."""
FEWEST_ROWS_FOR_THE_LAST = 1_000_000
"""The memory of a process that has trained on as many is given back with its end."""
Wanted = Literal["model", "metrics", "validation"]


class TrainingPlace:
    """Trains in processes if these are kept, and otherwise where it is called, but for many rows."""

    def __init__(self, processes: TrainingProcesses) -> None:
        self._processes = processes

    @property
    def at_once(self) -> int:
        """How many independent trainings to begin at once."""
        return max(1, self._processes.kept)

    def train(self, recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search | None = None) -> Trained:
        """`train_tuned`."""
        if self._is_here(recipe, data):
            return train_tuned(recipe, data, run, search)
        return self.train_apart(recipe, data, run, search)

    def train_apart(
        self, recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search | None = None
    ) -> Trained:
        """The same of a recipe of the registry, in a process. Whatever `run.progress` raises ends the process at once.

        Raises:
            NotEnoughData: the recipe did.
            TrainingProcessFailed: the process broke.
        """
        trained = self._apart("model", recipe, data, run, search)
        if not isinstance(trained, Trained):
            raise TrainingProcessFailed("no model came back")
        return trained

    def metrics(self, recipe: Recipe, data: TrainingData, run: TrainingRun) -> Mapping[str, float]:
        """`metrics_of`."""
        return (
            metrics_of(recipe, data, run) if self._is_here(recipe, data) else self._apart("metrics", recipe, data, run)
        )

    def validation_metrics(self, recipe: Recipe, data: TrainingData, run: TrainingRun) -> Mapping[str, float]:
        if self._is_here(recipe, data):
            return validation_metrics(recipe, data, run)
        measured: Mapping[str, float] = self._apart("validation", recipe, data, run)
        return measured

    def warm(self) -> None:
        """Get ready: there will be trainings."""
        self._processes.warm()

    def close(self) -> None:
        self._processes.close()

    def _is_here(self, recipe: Recipe, data: TrainingData) -> bool:
        if recipe_named(recipe.name) is not recipe or not sys.executable:
            return True
        if len(data.items) >= FEWEST_ROWS_FOR_A_PROCESS:
            return False
        if self._processes.kept == 0:
            return True
        return len(data.items) < FEWEST_ROWS_TO_START_ONE and not self._processes.ready

    def _apart(
        self, wanted: Wanted, recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search | None = None
    ) -> Any:
        settings = {each.name: getattr(run, each.name) for each in fields(run) if each.name != "progress"}
        job = {"wanted": wanted, "recipe": recipe.name, "data": data, "run": settings, "search": search}
        return self._processes.done(job, run.progress, last=len(data.items) >= FEWEST_ROWS_FOR_THE_LAST)
