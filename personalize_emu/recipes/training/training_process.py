"""Processes that train, so that whoever asked for a training goes on answering others meanwhile.

    here                                         there (training_child)
    write the data to a folder                   import everything, then wait
    name the folder              ─────────────▶  read the data, train
    tell who watches             ◀── progress ─  a line of JSON each
    read the result              ◀──── ended ──  write it to the folder

Standard input ties the two: when it closes, because whoever started the process is gone, the other end stops. Results
are the same bytes wherever they are computed.
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
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

from personalize_emu.recipes.contract.base import NotEnoughData, Progress, TrainingData

LOOK_EVERY = 0.2
"""Seconds after which whoever watches is asked again whether the training is still wanted."""
INPUT, OUTPUT = "input", "output"
READY, ENDED, TOO_LITTLE = "ready", "ended", "not enough data"
"""Messages of the process beside its stages."""
_COMMAND = ("-P", "-m", "personalize_emu.recipes.training.training_child")


class TrainingProcessFailed(RuntimeError):
    """The process ended without a result; the text says why in its first line, then the end of its output."""


class TrainingProcess:
    """One process, which does one job after the other."""

    def __init__(self) -> None:
        self._errors = TemporaryFile()  # noqa: SIM115 - closed with the process.
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._ready = False
        self._process = subprocess.Popen(
            [sys.executable, *_COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
        )
        self._reader = threading.Thread(target=_read, args=(self._process.stdout, self._lines.put), daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has started; asked of one that has no job."""
        if not self._ready and not self._lines.empty():
            line = self._lines.get()
            self._ready = READY.encode() in line
            if not line:
                # The last one: for who watches.
                self._lines.put(line)
        return self._ready and self.alive

    def done(self, job: Mapping[str, object], progress: Progress) -> Any:
        """What it makes of the job. Afterwards it waits for the next, unless anything was raised.

        Raises:
            NotEnoughData: the recipe did.
            TrainingProcessFailed: the process broke.
            Whatever `progress` does.
        """
        from personalize_emu.recipes.contract.saving import load_tree, save_tree  # Import time of SciPy.

        with TemporaryDirectory(prefix="personalize-emu-training-") as name:
            folder, ended = Path(name), False
            try:
                progress("handing over the data", 0.0)
                save_tree(job, folder / INPUT)
                self._tell(f"{folder}\n")
                self._watch(progress)
                ended = True
            finally:
                if not ended:
                    # Before the folder is removed, as it might write there.
                    self._process.kill()
                    self._process.wait()
            return load_tree(folder / OUTPUT)

    def end(self) -> None:
        """At once, whatever it does."""
        self._process.kill()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                _close(stream)
        self._process.wait()
        self._errors.close()

    def _tell(self, line: str) -> None:
        """To a process that has ended, nothing: its end is seen by who watches."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()
        except BrokenPipeError:
            return

    def _watch(self, progress: Progress) -> None:
        """Pass on what the process tells until the job has ended."""
        stage, share = "handing over the data" if self._ready else "starting a process", 0.0
        while True:
            progress(stage, share)
            try:
                line = self._lines.get(timeout=LOOK_EVERY)
            except queue.Empty:
                continue
            message = json.loads(line or "{}")
            if ENDED in message:
                return
            if TOO_LITTLE in message:
                raise NotEnoughData(message[TOO_LITTLE])
            if not line:
                raise TrainingProcessFailed(self._why())
            if READY in message:
                self._ready = True
            else:
                stage, share = message["stage"], message["share"]

    def _why(self) -> str:
        """First in one line, then the whole output."""
        code = self._process.wait()
        size = os.fstat(self._errors.fileno()).st_size
        output = os.pread(self._errors.fileno(), 2000, max(0, size - 2000)).decode("utf-8", "replace").strip()
        if code < 0:
            return f"the training process was ended by signal {-code}; perhaps it had too little memory\n{output}"
        return f"{output.rpartition(chr(10))[2] or f'the training process ended with code {code}'}\n{output}"


class TrainingProcesses:
    """kept: how many processes are kept ready for the next training. More are started for more trainings at once, and
    end with these.
    """

    def __init__(self, kept: int = 0) -> None:
        self.kept = kept if sys.executable else 0
        self._lock = threading.Lock()
        self._idle: list[TrainingProcess] = []
        self._busy = 0
        self._closed = False

    def warm(self) -> None:
        """Start those that are missing; returns before they have started."""
        with self._lock:
            missing = 0 if self._closed else self.kept - self._busy - len(self._idle)
            self._idle += [TrainingProcess() for _ in range(missing)]

    @property
    def ready(self) -> bool:
        """Whether a training need not wait for the start of a process."""
        with self._lock:
            return any(process.ready for process in self._idle)

    def done(self, task: Mapping[str, Any], data: TrainingData | str, progress: Progress, *, last: bool = False) -> Any:
        """What a process makes of the task (training_task.py); raises as `TrainingProcess.done` does.

        data: these, or a file with them from `carried`. last: the process is not used again, as it has had much memory.
        """
        with self._one(last=last) as process:
            return process.done({**task, "data": data}, progress)

    @property
    def width(self) -> int:
        """How many tasks are done at the same time without starting more processes."""
        return self.kept

    @contextmanager
    def carried(self, data: TrainingData) -> Iterator[str]:
        """A file with the data, for several tasks."""
        from personalize_emu.recipes.contract.saving import save_tree  # Import time of SciPy.

        with TemporaryDirectory(prefix="personalize-emu-training-data-") as name:
            path = Path(name) / INPUT
            save_tree(data, path)
            yield str(path)

    def close(self) -> None:
        """End all that wait for work; those that work end with their trainings."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    @contextmanager
    def _one(self, *, last: bool) -> Iterator[TrainingProcess]:
        process = self._taken()
        keep = False
        try:
            yield process
            keep = not last
        finally:
            if not (keep and self._returned(process)):
                process.end()
                self._ended()

    def _taken(self) -> TrainingProcess:
        """A ready one if there is any."""
        with self._lock:
            self._busy += 1
            dead = [process for process in self._idle if not process.alive]
            self._idle = sorted((process for process in self._idle if process.alive), key=lambda process: process.ready)
            taken = self._idle.pop() if self._idle else None
        for process in dead:
            process.end()
        return taken or TrainingProcess()

    def _returned(self, process: TrainingProcess) -> bool:
        """False if it is not needed any more."""
        with self._lock:
            if self._closed or len(self._idle) >= self.kept:
                return False
            self._busy -= 1
            self._idle.append(process)
            return True

    def _ended(self) -> None:
        with self._lock:
            self._busy -= 1
        self.warm()


def _environment() -> Mapping[str, str]:
    """What is imported there is what is imported here; one thread from the start, as `train` wants it."""
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _read(stream: IO[bytes] | None, put: Callable[[bytes], None]) -> None:
    """Every line, and an empty one after the last."""
    for line in stream or ():
        put(line)
    put(b"")


def _close(stream: IO[bytes]) -> None:
    """What could not be written to a process that has ended is lost."""
    try:
        stream.close()
    except BrokenPipeError:
        return
