"""The far end of `training_process`: reads what to train from a folder, and writes the model there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from personalize_emu.recipes.contract.base import NotEnoughData, Recipe, TrainingRun
from personalize_emu.recipes.contract.saving import load_tree, save_tree
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import metrics_of
from personalize_emu.recipes.training.training_process import INPUT, OUTPUT
from personalize_emu.recipes.training.tuning import train_tuned

NICENESS = 5
"""Whoever answers requests goes first."""


def main() -> int:
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    threading.Thread(target=_end_with_the_parent, args=(folder,), daemon=True).start()
    job = load_tree(folder / INPUT)
    recipe = recipe_named(job["recipe"])
    if recipe is None:
        raise LookupError(job["recipe"])
    try:
        result = _done(recipe, job)
    except NotEnoughData as error:
        _tell({"not enough data": str(error)})
        return 0
    save_tree(result, folder / OUTPUT)
    return 0


def _done(recipe: Recipe, job: dict[str, Any]) -> object:
    run = TrainingRun(**job["run"], progress=_tell_progress)
    if job.get("metrics only"):
        return dict(metrics_of(recipe, job["data"], run))
    return train_tuned(recipe, job["data"], run, job.get("search"))


def _tell_progress(stage: str, share: float) -> None:
    _tell({"stage": stage, "share": float(share)})


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _end_with_the_parent(folder: Path) -> None:
    """Standard input ends when the process at its other end does, however that came about."""
    while os.read(0, 1024):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
