"""Long trainings in a process of their own, so that whoever trains goes on answering others meanwhile.

    here                                         there (training_child)
    write the data to a folder   ─────────────▶  read them, train
    tell who watches             ◀── progress ─  a line of JSON each
    read the model back          ◀────────────   write model and metrics to the folder

Standard input ties the two: when it closes, because whoever started the training is gone, the other end stops. The
models are the same bytes either way, so where a training runs is nothing but a question of its size.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from personalize_emu.recipes.contract.base import NotEnoughData, Progress, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.saving import load_tree, save_tree
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import Trained, metrics_of
from personalize_emu.recipes.training.tuning import Search, train_tuned

FEWEST_ROWS_FOR_A_PROCESS = 250_000
"""Half a second is what a process costs, and little where so many rows take ten, or minutes with a network. Trainings
with fewer take less, those of tests a fraction of a second."""
LOOK_EVERY = 0.2
"""Seconds after which whoever watches is asked again whether the training is still wanted."""
INPUT, OUTPUT, ERRORS = "input", "output", "errors"


class TrainingProcessFailed(RuntimeError):
    """The process ended without a model; the text says why in its first line, then the end of its output."""


def train_where_it_fits(
    recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search | None = None
) -> Trained:
    """`train_tuned`, in this thread or, for many rows, in a process; the same result."""
    if _fits_here(recipe, data):
        return train_tuned(recipe, data, run, search)
    return train_apart(recipe, data, run, search)


def measure_where_it_fits(recipe: Recipe, data: TrainingData, run: TrainingRun) -> Mapping[str, float]:
    """`metrics_of`, in this thread or, for many rows, in a process; the same result."""
    if _fits_here(recipe, data):
        return metrics_of(recipe, data, run)
    metrics: Mapping[str, float] = _done_apart(_job(recipe, data, run) | {"metrics only": True}, run.progress)
    return metrics


def train_apart(recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search | None = None) -> Trained:
    """Train a recipe of the registry in a process. Whatever `run.progress` raises ends the process at once.

    Raises:
        NotEnoughData: the recipe did.
        TrainingProcessFailed: the process broke.
    """
    trained = _done_apart(_job(recipe, data, run) | {"search": search}, run.progress)
    if not isinstance(trained, Trained):
        raise TrainingProcessFailed("no model came back")
    return trained


def _fits_here(recipe: Recipe, data: TrainingData) -> bool:
    small = len(data.items) < FEWEST_ROWS_FOR_A_PROCESS
    return small or recipe_named(recipe.name) is not recipe or not sys.executable


def _job(recipe: Recipe, data: TrainingData, run: TrainingRun) -> dict[str, object]:
    settings = {each.name: getattr(run, each.name) for each in fields(run) if each.name != "progress"}
    return {"recipe": recipe.name, "data": data, "run": settings}


def _done_apart(job: Mapping[str, object], progress: Progress) -> Any:
    """What a process makes of the job."""
    with TemporaryDirectory(prefix="personalize-emu-training-") as name:
        folder = Path(name)
        progress("handing over the data", 0.0)
        save_tree(job, folder / INPUT)
        with _started(folder) as started:
            _watch(started, progress, folder)
        return load_tree(folder / OUTPUT)


@dataclass(frozen=True, eq=False)
class _Process:
    """A started process and the lines it tells, the last of them empty."""

    process: subprocess.Popen[bytes]
    lines: queue.Queue[bytes]


@contextmanager
def _started(folder: Path) -> Iterator[_Process]:
    """The process, which is ended with the block."""
    command = [sys.executable, "-P", "-m", "personalize_emu.recipes.training.training_child", str(folder)]
    lines: queue.Queue[bytes] = queue.Queue()
    with (folder / ERRORS).open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=_environment()
        )
    sequential = threading.Thread(target=_read, args=(process.stdout, lines.put), daemon=True)
    sequential.start()
    try:
        yield _Process(process, lines)
    finally:
        process.kill()
        sequential.join()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()


def _environment() -> Mapping[str, str]:
    """What is imported there is what is imported here; one thread from the start, as `train` wants it."""
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _watch(started: _Process, progress: Progress, folder: Path) -> None:
    """Pass on what the process tells until it ends."""
    stage, share = "starting a process", 0.0
    while True:
        try:
            line = started.lines.get(timeout=LOOK_EVERY)
        except queue.Empty:
            progress(stage, share)
            continue
        if not line:
            break
        message = json.loads(line)
        if "not enough data" in message:
            raise NotEnoughData(message["not enough data"])
        stage, share = message["stage"], message["share"]
        progress(stage, share)
    code = started.process.wait()
    if code:
        raise TrainingProcessFailed(_why(code, (folder / ERRORS).read_text("utf-8", "replace")[-2000:].strip()))


def _why(code: int, output: str) -> str:
    """First in one line, then the whole output."""
    if code < 0:
        return f"the training process was ended by signal {-code}; perhaps it had too little memory\n{output}"
    return f"{output.rpartition(chr(10))[2] or f'the training process ended with code {code}'}\n{output}"


def _read(stream: IO[bytes] | None, put: Callable[[bytes], None]) -> None:
    """Every line, and an empty one after the last."""
    for line in stream or ():
        put(line)
    put(b"")
