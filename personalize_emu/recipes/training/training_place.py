"""Where a training runs: in the thread that asks for it, or in a process; the trials of a search in several processes,
or in a cluster. A question of time only: the result is the same.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from personalize_emu.recipes.contract.base import Progress, Recipe, TrainingData, TrainingRun, no_progress
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import Trained, metrics_of
from personalize_emu.recipes.training.training_process import TrainingProcesses, TrainingProcessFailed
from personalize_emu.recipes.training.training_task import Places, Task, Wanted, task_of
from personalize_emu.recipes.training.tuning import (
    Scores,
    Search,
    Trials,
    train_tuned,
    trained_with_best,
    validation_metrics,
)

FEWEST_ROWS_FOR_A_PROCESS = 250_000
"""Where no process is kept ready: a second is what a process costs, and little where so many rows take ten, or minutes
with a network."""
FEWEST_ROWS_TO_START_ONE = 20_000
"""Where some are kept, but none is ready: fewer rows are trained sooner than it starts."""
FEWEST_ROWS_FOR_THE_LAST = 1_000_000
"""The memory of a process that has trained on as many is given back with its end."""


class OthersFailed(Exception):
    """Ends trials whose scores are of no use, as others of the same round have failed."""


class TrainingPlace:
    """Trains in processes if these are kept, and otherwise where it is called, but for many rows.

    cluster: where the trials of a search, and recipes to choose from, are trained, whatever their size. Without it
    trials are done in the processes, if several are kept.
    """

    def __init__(self, processes: TrainingProcesses, cluster: Places | None = None) -> None:
        self._processes = processes
        self._cluster = cluster

    @property
    def at_once(self) -> int:
        """How many independent trainings to begin at once."""
        return max(1, self._processes.kept if self._cluster is None else self._cluster.width)

    def train(self, recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search | None = None) -> Trained:
        """`train_tuned`."""
        places = self._places_of_trials(recipe, data) if search else None
        if search is not None and places is not None:
            return self._train_after_trials(places, recipe, data, run, search)
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
        measured: Mapping[str, float]
        if self._cluster is not None and _is_registered(recipe):
            with self._cluster.carried(data) as reference:
                measured = self._cluster.done(task_of("validation", recipe, run), reference, run.progress)
        elif self._is_here(recipe, data):
            measured = validation_metrics(recipe, data, run)
        else:
            measured = self._apart("validation", recipe, data, run)
        return measured

    def warm(self) -> None:
        """Get ready: there will be trainings."""
        self._processes.warm()

    def close(self) -> None:
        self._processes.close()

    def _is_here(self, recipe: Recipe, data: TrainingData) -> bool:
        if not _is_registered(recipe) or not sys.executable:
            return True
        if len(data.items) >= FEWEST_ROWS_FOR_A_PROCESS:
            return False
        if self._processes.kept == 0:
            return True
        return len(data.items) < FEWEST_ROWS_TO_START_ONE and not self._processes.ready

    def _places_of_trials(self, recipe: Recipe, data: TrainingData) -> Places | None:
        """None: where the training is."""
        if self._cluster is not None:
            return self._cluster if _is_registered(recipe) else None
        return self._processes if self._processes.kept > 1 and not self._is_here(recipe, data) else None

    def _train_after_trials(
        self, places: Places, recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search
    ) -> Trained:
        with places.carried(data) as reference:
            search_run = replace(run, progress=no_progress)

            def score(trials: Trials, progress: Progress) -> Scores:
                width = max(1, min(places.width, search.parallel, len(trials.jobs)))
                parts = [trials.part(number, width) for number in range(width)]
                tasks = [task_of("trials", recipe, search_run, trials=part) for part in parts]
                scores = np.empty(len(trials.jobs))
                for number, found in enumerate(_results(places, tasks, reference, progress)):
                    scores[number::width] = found["scores"]
                return scores

            return trained_with_best(recipe, data, run, search, score, self.train)

    def _apart(
        self, wanted: Wanted, recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search | None = None
    ) -> Any:
        last = len(data.items) >= FEWEST_ROWS_FOR_THE_LAST
        return self._processes.done(task_of(wanted, recipe, run, search=search), data, run.progress, last=last)


def _is_registered(recipe: Recipe) -> bool:
    """Whether others know it by its name."""
    return recipe_named(recipe.name) is recipe


def _results(places: Places, tasks: Sequence[Task], reference: Any, progress: Progress) -> list[Any]:
    """Of tasks that are done at the same time. What one raises, or `progress`, ends them all."""
    futures: list[Future[Any]] = []

    def report(stage: str, share: float) -> None:
        del share
        ended = [future for future in futures if future.done()]
        if any(future.exception() for future in ended):
            raise OthersFailed
        progress(f"tuning: {stage}", len(ended) / len(tasks))

    with ThreadPoolExecutor(len(tasks), thread_name_prefix="personalize-emu-trials") as pool:
        futures += [pool.submit(places.done, task, reference, report) for task in tasks]
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, OthersFailed))
    return [future.result() for future in futures]
