"""Files of a data directory for what is large and does not change: rows of datasets (Arrow) and models (npz and JSON).

A file is written beside its place, synchronised and renamed, and named by the hash of its content: a name refers to
the whole of a file or to none. Files that nothing refers to are removed.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
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
        self._names_of: dict[str, frozenset[str]] = {}
        self._uses: Counter[str] = Counter()
        self._number = 0

    def write(self, suffix: str, fill: Callable[[IO[bytes]], object]) -> str:
        """The name of a file with what `fill` writes, which is kept until an owner refers to it, or the next start.

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

    def names_of(self, owner: str) -> frozenset[str]:
        """The files to which it refers."""
        return self._names_of.get(owner, frozenset())

    def refer(self, owner: str, names: frozenset[str]) -> None:
        """A committed row of the owner refers to these files and to no others, which are removed if nothing does."""
        with self._lock:
            before = self._names_of.pop(owner, frozenset())
            if names:
                self._names_of[owner] = names
            self._unreferenced -= names
            self._uses.update(names)
            self._uses.subtract(before)
            for name in before - names:
                if self._uses[name] <= 0 and name not in self._unreferenced:
                    del self._uses[name]
                    (self._folder / name).unlink(missing_ok=True)

    def start_over(self, references: Iterable[tuple[str, str]]) -> None:
        """Remove all files but those of these owners. references: owner and name, one for each file of an owner."""
        with self._lock:
            self._names_of, self._uses = {}, Counter()
            for owner, name in references:
                self._names_of[owner] = self._names_of.get(owner, frozenset()) | {name}
                self._uses[name] += 1
            for path in self._folder.iterdir():
                if path.name not in self._uses:
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
