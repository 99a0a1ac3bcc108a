"""A training in a process of its own: the same model, and it ends when nobody wants it any more."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from personalize_emu.recipes.contract.base import NotEnoughData, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Categories, Features, Numbers, Objective, Profiles, Texts
from personalize_emu.recipes.contract.saving import load_tree, save_tree
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training import training_process
from personalize_emu.recipes.training.training import train
from personalize_emu.recipes.training.training_process import (
    INPUT,
    TrainingProcessFailed,
    measure_where_it_fits,
    train_apart,
    train_where_it_fits,
)
from tests.recipes.made_data import history, random_data, training_data

DATA = random_data(users=40, items=60, rows=1200, seed=3)
RECIPE = recipe_named("aws-user-personalization")


class NotWantedAnyMore(Exception):
    """What a watcher raises to stop a training."""


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Those that were started."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def recorded(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(start(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(training_process.subprocess, "Popen", recorded)
    return started


def stopping(at: Callable[[str], bool]) -> Callable[[str, float], None]:
    def progress(stage: str, share: float) -> None:
        if at(stage):
            raise NotWantedAnyMore

    return progress


def test_the_model_is_the_same_bytes_wherever_it_was_trained() -> None:
    assert RECIPE is not None
    reported: list[tuple[str, float]] = []
    run = TrainingRun({"bptt": "8"}, 5, lambda stage, share: reported.append((stage, share)))
    there = train_apart(RECIPE, DATA, run)
    here = train(RECIPE, DATA, TrainingRun({"bptt": "8"}, 5))
    asked = history(DATA, *DATA.catalog[:4])
    assert there.metrics == here.metrics
    assert there.model.scores(asked).tobytes() == here.model.scores(asked).tobytes()
    shares = [share for _, share in reported]
    assert shares == sorted(shares)
    assert reported[-1] == ("trained", 1.0)


@pytest.mark.parametrize("moment", ["starting a process", "evaluating: transitions"])
def test_t64_a_training_that_nobody_wants_ends_with_its_process(
    processes: list[subprocess.Popen[bytes]], moment: str
) -> None:
    assert RECIPE is not None
    data = random_data(users=200, items=2000, rows=20_000, seed=3)
    with pytest.raises(NotWantedAnyMore):
        train_apart(RECIPE, data, TrainingRun({}, 5, stopping(lambda stage: stage == moment)))
    assert [process.poll() is not None for process in processes] == [True]


def test_the_process_ends_with_its_parent_and_clears_up(tmp_path: Path) -> None:
    folder = tmp_path / "training"
    folder.mkdir()
    data = random_data(users=200, items=4000, rows=20_000, seed=3)
    save_tree({"recipe": "aws-sims", "run": {"hyperparameters": {}}, "data": data}, folder / INPUT)
    command = [sys.executable, "-m", "personalize_emu.recipes.training.training_child", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline()
        process.stdin.close()
        assert process.wait(20) == 1
    assert not folder.exists()


def test_training_data_arrive_with_everything() -> None:
    members = sp.csr_matrix(np.eye(2, dtype=np.float32))
    features = Features(
        2,
        (Categories("GENRE", ("a", "b"), members),),
        (Numbers("PRICE", np.array([1.5, np.nan])),),
        (Texts("NAME", ("één", "")),),
        "NAME",
    )
    data = training_data([("u", "a", 1), ("u", "b", 2)])
    whole = TrainingData(
        data.catalog,
        data.user_ids,
        data.users,
        data.items,
        data.timestamps,
        attributes=(np.array([0], np.int32),),
        item_features=features,
        profiles=Profiles(("u", "v"), features),
        objective=Objective(np.array([1, 2], np.float32), 0.5),
    )
    kept = io.BytesIO()
    save_tree(whole, kept)
    back = load_tree(kept)
    assert back.catalog == whole.catalog
    assert back.item_features.texts[0].texts == ("één", "")
    assert np.isnan(back.item_features.numbers[0].values[1])
    assert back.item_features.categories[0].members.toarray().tolist() == members.toarray().tolist()
    assert back.profiles.number_of == {"u": 0, "v": 1}
    assert back.objective.rewards.tolist() == [1, 2]
    assert back.interactions.items.tolist() == data.interactions.items.tolist()


def test_too_little_data_raises_the_same_error_in_both_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RECIPE is not None
    message = [b'{"not enough data": "Dataset has fewer"}\n', b""]
    monkeypatch.setattr(training_process, "_read", lambda stream, put: [put(line) for line in message])
    with pytest.raises(NotEnoughData, match="Dataset has fewer"):
        train_apart(RECIPE, DATA, TrainingRun({}, 5))


def test_a_process_that_breaks_says_why() -> None:
    assert RECIPE is not None
    broken = TrainingData(DATA.catalog, DATA.user_ids, DATA.users, np.full_like(DATA.items, 10**6), DATA.timestamps)
    with pytest.raises(TrainingProcessFailed, match=r"^IndexError: "):
        train_apart(RECIPE, broken, TrainingRun({}, 5))


def test_a_process_that_is_killed_says_so(processes: list[subprocess.Popen[bytes]]) -> None:
    """As the system does to one that takes too much memory."""
    assert RECIPE is not None

    def kill(stage: str, _: float) -> None:
        if stage != "handing over the data":
            processes[-1].kill()

    with pytest.raises(TrainingProcessFailed, match=r"^the training process was ended by signal 9; perhaps it had too"):
        train_apart(RECIPE, DATA, TrainingRun({}, 5, kill))


def test_t73_metrics_alone_are_the_same_wherever_they_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RECIPE is not None
    here = measure_where_it_fits(RECIPE, DATA, TrainingRun({}, 5))
    monkeypatch.setattr(training_process, "FEWEST_ROWS_FOR_A_PROCESS", 0)
    assert measure_where_it_fits(RECIPE, DATA, TrainingRun({}, 5)) == here


def test_only_long_trainings_get_a_process(
    processes: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    popular = recipe_named("aws-popularity-count")
    assert popular is not None
    train_where_it_fits(popular, DATA, TrainingRun({}, 1))
    assert not processes
    monkeypatch.setattr(training_process, "FEWEST_ROWS_FOR_A_PROCESS", len(DATA.items))
    train_where_it_fits(popular, DATA, TrainingRun({}, 1))
    assert len(processes) == 1
