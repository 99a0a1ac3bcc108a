"""Trials of a search in several processes at the same time (T-30, T-35): the same values, and an end in every case."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import Recipe, TrainingRun
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training import training_place, tuning
from personalize_emu.recipes.training.training_place import TrainingPlace
from personalize_emu.recipes.training.training_process import TrainingProcesses, TrainingProcessFailed
from personalize_emu.recipes.training.tuning import Axis, Search, Trials, train_tuned, trial_scores
from tests.recipes.made_data import history, random_data

DATA = random_data(users=200, items=60, rows=4000, seed=3)
RUN = TrainingRun({"min_cointeraction_count": "2"}, seed=5)
SEARCH = Search((Axis("popularity_discount_factor", "0.5", 0, 1), Axis("min_cointeraction_count", "3", 0, 10)), 9, 4)
TRIALS = Trials(90, (0, 3, 4, 7), tuple({"popularity_discount_factor": str(each / 10)} for each in (0, 2, 7, 9)))


class NotWantedAnyMore(Exception):
    """What a watcher raises to stop a training."""


def sims() -> Recipe:
    recipe = recipe_named("aws-sims")
    assert recipe is not None
    return recipe


def searched_here(*_: object) -> None:
    raise AssertionError("the trials were done where the training is")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainingPlace]:
    """With two processes, whatever the size of the training."""
    monkeypatch.setattr(training_place, "FEWEST_ROWS_TO_START_ONE", 0)
    kept = TrainingProcesses(2)
    yield TrainingPlace(kept)
    kept.close()


def test_scores_do_not_depend_on_the_trials_beside() -> None:
    """T-35: however they are distributed."""
    together = trial_scores(sims(), DATA, RUN, TRIALS)
    assert len(set(together.tolist())) > 1
    for parts in (2, 3, 4):
        apart = np.empty(len(together))
        for number in range(parts):
            apart[number::parts] = trial_scores(sims(), DATA, RUN, TRIALS.part(number, parts))
        assert apart.tolist() == together.tolist()


def test_trials_in_processes_find_the_same(
    place: TrainingPlace, processes: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = train_tuned(sims(), DATA, RUN, SEARCH)
    monkeypatch.setattr(tuning, "_scores", searched_here)
    stages: list[tuple[str, float]] = []
    run = TrainingRun(RUN.hyperparameters, RUN.seed, lambda stage, share: stages.append((stage, share)))
    there = place.train(sims(), DATA, run, SEARCH)
    asked = history(DATA, DATA.catalog[4])
    assert (there.tuned, there.metrics) == (here.tuned, here.metrics)
    assert there.model.scores(asked).tobytes() == here.model.scores(asked).tobytes()
    assert len(processes) == 2
    assert any(stage.startswith("tuning: tuning, job ") for stage, _ in stages)
    assert stages[-1] == ("trained", 1.0)


def test_one_process_does_the_whole_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has threads for the trials."""
    monkeypatch.setattr(training_place, "FEWEST_ROWS_TO_START_ONE", 0)
    kept, wanted = TrainingProcesses(1), list[object]()
    done = kept.done
    monkeypatch.setattr(kept, "done", lambda task, *rest, **last: (wanted.append(task["wanted"]), done(task, *rest))[1])
    assert TrainingPlace(kept).train(sims(), DATA, RUN, SEARCH).tuned
    kept.close()
    assert wanted == ["model"]


def test_a_process_that_ends_fails_the_training(
    place: TrainingPlace, processes: list[subprocess.Popen[bytes]]
) -> None:
    def killing(stage: str, _share: float) -> None:
        if stage.startswith("tuning: ") and len(processes) == 2:
            processes[0].kill()

    with pytest.raises(TrainingProcessFailed, match="ended by signal 9"):
        place.train(sims(), DATA, TrainingRun({}, 5, killing), SEARCH)


def test_t64_trials_that_nobody_wants_end_with_their_processes(
    place: TrainingPlace, processes: list[subprocess.Popen[bytes]]
) -> None:
    def stop(stage: str, _share: float) -> None:
        if stage.startswith("tuning: tuning, job "):
            raise NotWantedAnyMore

    with pytest.raises(NotWantedAnyMore):
        place.train(sims(), DATA, TrainingRun({}, 5, stop), SEARCH)
    assert all(process.poll() is not None for process in processes[:2])
