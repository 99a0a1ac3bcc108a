"""Trainings in a process of their own give the same answers (spec 07)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from personalize_emu.recipes.contract.base import TrainingRun
from personalize_emu.recipes.training import training_place
from personalize_emu.recipes.training.training_place import TrainingPlace
from tests.given import Given


def test_version_trained_in_a_process_gives_the_same_answers(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    stages: list[str] = []
    apart = TrainingPlace.train_apart

    def recorded(place: TrainingPlace, recipe: Any, data: Any, run: TrainingRun, *search: Any) -> Any:
        def report(stage: str, share: float) -> None:
            stages.append(stage)
            run.progress(stage, share)

        return apart(place, recipe, data, replace(run, progress=report), *search)

    monkeypatch.setattr(TrainingPlace, "train_apart", recorded)
    group = given.imported_group()
    here = given.version(given.solution(group, name="here"))
    assert not stages
    monkeypatch.setattr(training_place, "FEWEST_ROWS_FOR_A_PROCESS", 0)
    there = given.version(given.solution(group, name="there"))
    assert "trained" in stages
    metrics = [given.personalize.get_solution_metrics(solutionVersionArn=arn)["metrics"] for arn in (here, there)]
    assert metrics[0] == metrics[1]
