"""Files of a data directory for what is large and does not change: rows of datasets (Arrow) and models (npz and JSON).

A file is written beside its place, synchronised and renamed, and named by the hash of its content: a name refers to
the whole of a file or to none. Files that nothing refers to are removed, once the disk has the row that does not refer
to them any more: after a loss of power an older row may be there again.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import IO

from personalize_emu.durability.directory import DataDirectory, damaged, synchronise_folder

log = logging.getLogger(__name__)
UNFINISHED = ".unfinished"
_CHUNK = 1 << 20


class Blobs:
    """Any thread may call any method.

    synchronise_rows: waits until the disk has all committed rows. Raises OSError, now and when it is called.
    """

    def __init__(self, directory: DataDirectory, synchronise_rows: Callable[[], None]) -> None:
        self._directory = directory
        self._synchronise_rows = synchronise_rows
        self._folder = directory.blobs
        self._folder.mkdir(exist_ok=True)
        synchronise_folder(directory.path)
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
            synchronise_folder(self._folder)
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

    def has(self, name: str) -> bool:
        """Whether the file is there: an owner refers to it, or it has just been written."""
        with self._lock:
            return name in self._unreferenced or self._uses[name] > 0

    def refer(self, owners: Mapping[str, frozenset[str]]) -> None:
        """Committed rows of these owners refer to these files and to no others, which are removed if nothing does."""
        with self._lock:
            left: set[str] = set()
            for owner, names in owners.items():
                before = self._names_of.pop(owner, frozenset())
                if names:
                    self._names_of[owner] = names
                self._unreferenced -= names
                self._uses.update(names)
                self._uses.subtract(before)
                left |= before
            self._remove([name for name in left if self._uses[name] <= 0 and name not in self._unreferenced])

    def start_over(self, references: Iterable[tuple[str, str]]) -> None:
        """Remove all files but those of these owners. references: owner and name, one for each file of an owner."""
        with self._lock:
            self._names_of, self._uses = {}, Counter()
            for owner, name in references:
                self._names_of[owner] = self._names_of.get(owner, frozenset()) | {name}
                self._uses[name] += 1
            self._remove([path.name for path in self._folder.iterdir() if path.name not in self._uses])

    def _remove(self, names: list[str]) -> None:
        for name in names:
            self._uses.pop(name, None)
        try:
            if names:
                self._synchronise_rows()
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
        except OSError:
            # The rows are committed, so the change is made; the next start removes the files.
            log.warning("files that nothing refers to cannot be removed from %s", self._folder, exc_info=True)


def _hash(path: Path) -> str:
    found = blake2b(digest_size=20)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
