"""A training in a process of its own: the same model, and it ends when nobody wants it any more."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from personalize_emu.recipes.contract.base import NotEnoughData, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Categories, Features, Numbers, Objective, Profiles, Texts
from personalize_emu.recipes.contract.saving import load_tree, save_tree
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training import training_place, training_process
from personalize_emu.recipes.training.training import train
from personalize_emu.recipes.training.training_place import TrainingPlace
from personalize_emu.recipes.training.training_process import INPUT, TrainingProcesses, TrainingProcessFailed
from tests.recipes.made_data import history, random_data, training_data

DATA = random_data(users=40, items=60, rows=1200, seed=3)
RECIPE = recipe_named("aws-user-personalization")
PLACE = TrainingPlace(TrainingProcesses())


class NotWantedAnyMore(Exception):
    """What a watcher raises to stop a training."""


def stopping(at: Callable[[str], bool]) -> Callable[[str, float], None]:
    def progress(stage: str, share: float) -> None:
        if at(stage):
            raise NotWantedAnyMore

    return progress


def test_the_model_is_the_same_bytes_wherever_it_was_trained() -> None:
    assert RECIPE is not None
    reported: list[tuple[str, float]] = []
    run = TrainingRun({"bptt": "8"}, 5, lambda stage, share: reported.append((stage, share)))
    there = PLACE.train_apart(RECIPE, DATA, run)
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
        PLACE.train_apart(RECIPE, data, TrainingRun({}, 5, stopping(lambda stage: stage == moment)))
    assert [process.poll() is not None for process in processes] == [True]


def test_the_process_ends_with_its_parent_and_clears_up(tmp_path: Path) -> None:
    folder = tmp_path / "training"
    folder.mkdir()
    data = random_data(users=200, items=4000, rows=20_000, seed=3)
    job = {"wanted": "model", "recipe": "aws-sims", "run": {"hyperparameters": {}}, "data": data, "search": None}
    save_tree(job, folder / INPUT)
    command = [sys.executable, "-m", "personalize_emu.recipes.training.training_child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.write(f"{folder}\n".encode())
        process.stdin.flush()
        assert b"ready" in process.stdout.readline()
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
        PLACE.train_apart(RECIPE, DATA, TrainingRun({}, 5))


def test_a_process_that_breaks_says_why() -> None:
    assert RECIPE is not None
    broken = TrainingData(DATA.catalog, DATA.user_ids, DATA.users, np.full_like(DATA.items, 10**6), DATA.timestamps)
    with pytest.raises(TrainingProcessFailed, match=r"^IndexError: "):
        PLACE.train_apart(RECIPE, broken, TrainingRun({}, 5))


def test_a_process_that_is_killed_says_so(processes: list[subprocess.Popen[bytes]]) -> None:
    """As the system does to one that takes too much memory."""
    assert RECIPE is not None

    def kill(stage: str, _: float) -> None:
        if stage != "handing over the data":
            processes[-1].kill()

    with pytest.raises(TrainingProcessFailed, match=r"^the training process was ended by signal 9; perhaps it had too"):
        PLACE.train_apart(RECIPE, DATA, TrainingRun({}, 5, kill))


def test_t73_metrics_alone_are_the_same_wherever_they_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RECIPE is not None
    here = PLACE.metrics(RECIPE, DATA, TrainingRun({}, 5))
    monkeypatch.setattr(training_place, "FEWEST_ROWS_FOR_A_PROCESS", 0)
    assert PLACE.metrics(RECIPE, DATA, TrainingRun({}, 5)) == here


def test_only_long_trainings_get_a_process(
    processes: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    popular = recipe_named("aws-popularity-count")
    assert popular is not None
    PLACE.train(popular, DATA, TrainingRun({}, 1))
    assert not processes
    monkeypatch.setattr(training_place, "FEWEST_ROWS_FOR_A_PROCESS", len(DATA.items))
    PLACE.train(popular, DATA, TrainingRun({}, 1))
    assert len(processes) == 1


@pytest.fixture
def kept() -> Iterator[TrainingProcesses]:
    processes = TrainingProcesses(1)
    yield processes
    processes.close()


def until_ready(processes: TrainingProcesses) -> None:
    """Asks a process for a training, which waits until it has started."""
    popular = recipe_named("aws-popularity-count")
    assert popular is not None
    TrainingPlace(processes).train_apart(popular, DATA, TrainingRun({}, 1))
    assert processes.ready


def test_a_process_that_is_kept_trains_again_and_again(
    kept: TrainingProcesses, processes: list[subprocess.Popen[bytes]]
) -> None:
    assert RECIPE is not None
    kept.warm()
    until_ready(kept)
    place, asked = TrainingPlace(kept), history(DATA, *DATA.catalog[:4])
    here = train(RECIPE, DATA, TrainingRun({}, 5)).model.scores(asked).tobytes()
    for _ in range(2):
        assert place.train(RECIPE, DATA, TrainingRun({}, 5)).model.scores(asked).tobytes() == here
    assert len(processes) == 1


def test_trainings_do_not_wait_for_one_another(
    kept: TrainingProcesses, processes: list[subprocess.Popen[bytes]]
) -> None:
    """One more process for one more training at once; afterwards as many are left as are kept."""
    assert RECIPE is not None
    place = TrainingPlace(kept)
    meanwhile: list[str] = []

    def another(_stage: str, _share: float) -> None:
        if not meanwhile:
            meanwhile.append("begun")
            place.train_apart(RECIPE, DATA, TrainingRun({}, 6))

    place.train_apart(RECIPE, DATA, TrainingRun({}, 5, another))
    assert len(processes) == 2
    assert sorted(process.poll() is None for process in processes) == [False, True]


def test_a_kept_process_that_died_is_replaced(
    kept: TrainingProcesses, processes: list[subprocess.Popen[bytes]]
) -> None:
    kept.warm()
    until_ready(kept)
    processes[0].kill()
    processes[0].wait()
    until_ready(kept)
    assert [process.poll() is None for process in processes] == [False, True]


def test_t64_a_stopped_training_ends_its_process_and_another_is_kept(
    kept: TrainingProcesses, processes: list[subprocess.Popen[bytes]]
) -> None:
    assert RECIPE is not None
    kept.warm()
    with pytest.raises(NotWantedAnyMore):
        TrainingPlace(kept).train_apart(
            RECIPE, DATA, TrainingRun({}, 5, stopping(lambda stage: stage == "evaluating: EASE"))
        )
    assert [process.poll() is None for process in processes] == [False, True]


def test_no_process_outlives_the_place_where_it_is_kept(processes: list[subprocess.Popen[bytes]]) -> None:
    """Neither one that waits, nor one that works when it closes; and none is started afterwards."""
    kept = TrainingProcesses(2)
    kept.warm()

    def close(_stage: str, _share: float) -> None:
        kept.close()

    assert RECIPE is not None
    TrainingPlace(kept).train_apart(RECIPE, DATA, TrainingRun({}, 5, close))
    kept.warm()
    assert [process.poll() is None for process in processes] == [False, False]


def test_few_rows_are_trained_here_until_a_process_is_ready(
    kept: TrainingProcesses, processes: list[subprocess.Popen[bytes]]
) -> None:
    assert RECIPE is not None
    place = TrainingPlace(kept)
    place.train(RECIPE, DATA, TrainingRun({}, 5))
    assert not processes
    stages: list[str] = []
    until_ready(kept)
    place.train(RECIPE, DATA, TrainingRun({}, 5, lambda stage, _: stages.append(stage)))
    assert stages[0] == "handing over the data"


def test_validation_metrics_are_the_same_wherever_they_are_measured(kept: TrainingProcesses) -> None:
    """T-40: what AutoML compares recipes by."""
    assert RECIPE is not None
    here = PLACE.validation_metrics(RECIPE, DATA, TrainingRun({}, 5))
    until_ready(kept)
    assert TrainingPlace(kept).validation_metrics(RECIPE, DATA, TrainingRun({}, 5)) == here
