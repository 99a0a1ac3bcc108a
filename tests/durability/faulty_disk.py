"""A disk under a folder that fails at one call, and that notes what would be left after a loss of power.

It takes the place of the functions of Python's standard library through which the package uses files; what SQLite does
itself is not seen.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SHORT = -1
"""A fault in place of an error number: half of what is to be written is, then the disk is full."""


class FaultyDisk:
    """Calls below `folder` are counted from 1; the one with the number `failing` fails with `fault`."""

    def __init__(self, folder: Path, failing: int = 0, fault: int = errno.EIO) -> None:
        self.folder, self.failing, self.fault = folder, failing, fault
        self.calls: list[str] = []
        self.is_on = True

    def has_failed(self) -> bool:
        return 0 < self.failing <= len(self.calls)

    def call(self, name: str, path: Any) -> bool:
        """Count a call. Returns whether it is to write half of its bytes; raises OSError if it is to fail."""
        if not self.is_on or not is_below(path, self.folder):
            return False
        self.calls.append(name)
        if len(self.calls) != self.failing:
            return False
        if self.fault == SHORT and name == "write":
            return True
        number = errno.ENOSPC if self.fault == SHORT else self.fault
        raise OSError(number, os.strerror(number), str(path))


class _File(io.FileIO):
    """An open file whose reads and writes are calls."""

    disk: FaultyDisk

    def write(self, data: Any) -> int:
        if self.disk.call("write", self.name):
            super().write(memoryview(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.name))
        return super().write(data)

    def readinto(self, buffer: Any) -> int:
        self.disk.call("read", self.name)
        return super().readinto(buffer)


def is_below(path: Any, folder: Path) -> bool:
    return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(f"{folder}{os.sep}")


@contextmanager
def mounted(disk: FaultyDisk) -> Iterator[FaultyDisk]:
    """Have the disk take part in all calls inside the block."""
    real_open, names = io.open, dict[int, str]()

    def opened(path: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if "b" not in mode or not is_below(path, disk.folder):
            return real_open(path, mode, *rest, **more)
        disk.call("open", path)
        raw = _File(path, mode.replace("b", ""))
        raw.disk = disk
        names[raw.fileno()] = os.fspath(path)
        if "+" in mode:
            return io.BufferedRandom(raw)
        return io.BufferedReader(raw) if mode == "rb" else io.BufferedWriter(raw)

    def opened_number(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        disk.call("open", path)
        number = real["open"](path, flags, *rest, **more)
        names[number] = os.fspath(path)
        return int(number)

    def synchronised(number: int) -> None:
        disk.call("fsync", names.get(number))
        real["fsync"](number)

    real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in ("open", "fsync", *_BY_PATH)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", opened)
        patch.setattr(tarfile, "bltn_open", opened)
        patch.setattr(os, "open", opened_number)
        patch.setattr(os, "fsync", synchronised)
        for name in _BY_PATH:
            patch.setattr(os, name, _by_path(disk, name, real[name]))
        yield disk


_BY_PATH = ("replace", "unlink", "mkdir")


def _by_path(disk: FaultyDisk, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def called(path: Any, *rest: Any, **more: Any) -> Any:
        disk.call(name, path)
        return real(path, *rest, **more)

    return called


class FailingConnection:
    """A connection to SQLite whose transactions fail once. at: the number of the statement, counted from 1."""

    def __init__(self, real: sqlite3.Connection, at: int, message: str) -> None:
        self._real, self._at, self._message = real, at, message
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, text: str, *rest: Any) -> Any:
        self._count(text)
        return self._real.execute(text, *rest)

    def executemany(self, text: str, rows: Any) -> Any:
        self._count(text)
        return self._real.executemany(text, rows)

    def _count(self, text: str) -> None:
        # Otherwise SQLite itself ends the transaction.
        if text == "ROLLBACK":
            return
        self.statements += 1
        if self.statements == self._at:
            raise sqlite3.OperationalError(self._message)


def copied(folder: Path, to: Path) -> Path:
    """A copy of a data directory as it is now, as another process would find it."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*-shm"))
    return to
