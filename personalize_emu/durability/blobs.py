"""Files of a data directory for what is large and does not change: rows of datasets (Arrow) and models (npz and JSON).

A file is written beside its place, synchronised and renamed, and named by the hash of its content: a name refers to
the whole of a file or to none. Files that nothing refers to are removed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection
from hashlib import blake2b
from pathlib import Path
from typing import IO

from personalize_emu.durability.directory import DataDirectory, damaged

UNFINISHED = ".unfinished"
_CHUNK = 1 << 20


class Blobs:
    """Any thread may call any method."""

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory
        self._folder = directory.blobs
        self._folder.mkdir(exist_ok=True)
        self._lock = threading.Lock()
        self._unreferenced: set[str] = set()
        self._number = 0

    def write(self, suffix: str, fill: Callable[[IO[bytes]], object]) -> str:
        """The name of a file with what `fill` writes, which is kept until the next `sweep` at least.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            self._number += 1
            beside = self._folder / f"{self._number}{UNFINISHED}"
        try:
            with beside.open("wb+") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            name = f"{_hash(beside)}{suffix}"
            with self._lock:
                self._unreferenced.add(name)
                beside.replace(self._folder / name)
            self._synchronise()
        finally:
            beside.unlink(missing_ok=True)
        return name

    def path(self, name: str, owner: str) -> Path:
        """The file of that name. owner: the resource that refers to it. Raises UnusableDirectory: it is damaged."""
        path = self._folder / name
        try:
            intact = _hash(path) == path.stem
        except OSError as error:
            what = f"blobs/{name} of {owner} cannot be read ({error.strerror})"
            raise damaged(self._directory.path, what) from error
        if not intact:
            raise damaged(self._directory.path, f"blobs/{name} of {owner} has other content than was written")
        return path

    def referenced(self, names: Collection[str]) -> None:
        """A committed row refers to these files."""
        with self._lock:
            self._unreferenced.difference_update(names)

    def sweep(self, names: Collection[str]) -> None:
        """Remove all files but these and those that a commit has yet to refer to."""
        with self._lock:
            for path in self._folder.iterdir():
                if path.name not in names and path.name not in self._unreferenced and path.suffix != UNFINISHED:
                    path.unlink(missing_ok=True)

    def sweep_unfinished(self) -> None:
        """Remove what an earlier process has not finished."""
        for path in self._folder.glob(f"*{UNFINISHED}"):
            path.unlink(missing_ok=True)

    def _synchronise(self) -> None:
        """The names in the folder, too, where the system can."""
        if os.name != "posix":
            return
        number = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _hash(path: Path) -> str:
    found = blake2b(digest_size=20)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
