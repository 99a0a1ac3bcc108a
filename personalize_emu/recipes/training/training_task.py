"""What is done elsewhere for a training: in a process beside the server, or in a worker of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import fields
from typing import Any, Literal, Protocol

from personalize_emu.recipes.contract.base import Progress, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import metrics_of
from personalize_emu.recipes.training.tuning import Search, Trials, train_tuned, trial_scores, validation_metrics

Wanted = Literal["model", "metrics", "validation", "trials"]
Task = Mapping[str, Any]
"""Plain data and dataclasses of recipes/, as made by `task_of`."""


class Places(Protocol):
    """Where several tasks are done at the same time."""

    @property
    def width(self) -> int:
        """How many at the same time."""

    def carried(self, data: TrainingData) -> AbstractContextManager[Any]:
        """A reference to the data, which are handed over once for several tasks."""

    def done(self, task: Task, reference: Any, progress: Progress) -> Any:
        """`result_of` with the data. What `progress` raises ends it."""


def task_of(
    wanted: Wanted, recipe: Recipe, run: TrainingRun, *, search: Search | None = None, trials: Trials | None = None
) -> Task:
    """recipe: of the registry. The progress of `run` stays here."""
    settings = {each.name: getattr(run, each.name) for each in fields(run) if each.name != "progress"}
    return {"wanted": wanted, "recipe": recipe.name, "run": settings, "search": search, "trials": trials}


def result_of(task: Task, data: TrainingData, progress: Progress, threads: int = 1) -> Any:
    """A model (Trained), metrics, or for trials {"scores": float64[trials]}. threads: changes no result."""
    recipe = recipe_named(task["recipe"])
    if recipe is None:
        raise LookupError(task["recipe"])
    run = TrainingRun(**{**task["run"], "threads": threads}, progress=progress)
    if task["wanted"] == "metrics":
        return dict(metrics_of(recipe, data, run))
    if task["wanted"] == "validation":
        return dict(validation_metrics(recipe, data, run))
    if task["wanted"] == "trials":
        return {"scores": trial_scores(recipe, data, run, task["trials"])}
    return train_tuned(recipe, data, run, task["search"])
