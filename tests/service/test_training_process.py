"""Trainings in a process of their own give the same answers (spec 07)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.recipes.contract.base import Progress
from personalize_emu.recipes.training import training_process
from tests.given import Given


def test_version_trained_in_a_process_gives_the_same_answers(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    stages: list[str] = []
    apart = training_process.train_apart

    def recorded(recipe: Any, data: Any, hyperparameters: Any, seed: int, progress: Progress, *search: Any) -> Any:
        def record_stage(stage: str, share: float) -> None:
            stages.append(stage)
            progress(stage, share)

        return apart(recipe, data, hyperparameters, seed, record_stage, *search)

    monkeypatch.setattr(training_process, "train_apart", recorded)
    group = given.imported_group()
    here = given.version(given.solution(group, name="here"))
    assert not stages
    monkeypatch.setattr(training_process, "ROWS_WORTH_A_PROCESS", 0)
    there = given.version(given.solution(group, name="there"))
    assert "trained" in stages
    metrics = [given.personalize.get_solution_metrics(solutionVersionArn=arn)["metrics"] for arn in (here, there)]
    assert metrics[0] == metrics[1]
