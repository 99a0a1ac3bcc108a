"""The far end of `training_process`: reads what to train from a folder, and writes the model there."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from personalize_emu.freed_memory import return_freed_memory
from personalize_emu.lazy_imports import load_all
from personalize_emu.recipes.contract.base import NotEnoughData
from personalize_emu.recipes.contract.saving import load_tree, save_tree
from personalize_emu.recipes.training.training_process import ENDED, INPUT, OUTPUT, READY, TOO_LITTLE
from personalize_emu.recipes.training.training_task import result_of

THREADS = min(4, os.cpu_count() or 1)
NICENESS = 10
"""Whoever answers requests goes first."""


class Folders:
    """Those named on standard input, which ends when the process at its other end does, however that came about."""

    def __init__(self) -> None:
        self._named: queue.Queue[Path] = queue.Queue()
        self._current: Path | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Path:
        self._current = self._named.get()
        return self._current

    def _read(self) -> None:
        """Ends the process with standard input, and clears up for who cannot any more."""
        for line in sys.stdin:
            self._named.put(Path(line.rstrip("\n")))
        if self._current is not None:
            shutil.rmtree(self._current, ignore_errors=True)
        os._exit(1)


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    folders = Folders()
    load_all()
    _tell({READY: True})
    while True:
        _do(folders.next())
        return_freed_memory()


def _do(folder: Path) -> None:
    try:
        save_tree(_done(load_tree(folder / INPUT)), folder / OUTPUT)
    except NotEnoughData as error:
        _tell({TOO_LITTLE: str(error)})
    else:
        _tell({ENDED: True})


def _done(job: dict[str, Any]) -> object:
    """The data are in the job, or in a file that several jobs read, each of them one of several at the same time."""
    data = job["data"]
    if isinstance(data, str):
        return result_of(job, load_tree(Path(data)), _tell_progress)
    return result_of(job, data, _tell_progress, THREADS)


def _tell_progress(stage: str, share: float) -> None:
    _tell({"stage": stage, "share": float(share)})


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
