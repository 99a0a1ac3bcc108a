"""The data directory: its lock, what may be in it, how it is refused, and waiting for the disk.

    DIR/lock        one process at a time; the lock ends with the process, however that ends
    DIR/state.db    SQLite: records, events, references to files (database.py)
    DIR/blobs/      rows of datasets and models, named by their content (blobs.py)
    DIR/tls/        the certificate authority of the server, with the option `tls` (edge/tls)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK, DATABASE, BLOBS = "lock", "state.db", "blobs"
FILLING = f"{DATABASE}.unfinished"
"""The database of a directory that is being filled from an archive: there before any other file, and renamed last."""
_OURS = frozenset({LOCK, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal", BLOBS, "tls"})

_OWNER_ONLY = 0o600


class UnusableDirectory(Exception):
    """The directory cannot be used; the text says what is wrong with it and what can be done."""


class DataDirectory:
    """A directory that this process, and no other, uses until `close`.

    to_fill: it may have the files of an import from an archive that did not end.

    Raises:
        UnusableDirectory: another process uses it, it has other files, or there are no rights to it.
    """

    def __init__(self, path: Path, *, to_fill: bool = False) -> None:
        self.path = path
        self._lock = self._locked()
        try:
            self._check(to_fill=to_fill)
        except UnusableDirectory:
            self.close()
            raise

    @property
    def database(self) -> Path:
        return self.path / DATABASE

    @property
    def blobs(self) -> Path:
        return self.path / BLOBS

    def close(self) -> None:
        self._lock.close()

    def _locked(self) -> IO[str]:
        try:
            # Secrets of access keys are in it.
            if not self.path.exists():
                self.path.mkdir(0o700, parents=True, exist_ok=True)
                synchronise_folder(self.path.parent)
            lock = (self.path / LOCK).open("a+")
        except OSError as error:
            raise UnusableDirectory(f"the data directory {self.path} cannot be used: {error.strerror}") from error
        if fcntl is None:
            return lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = self._owner(lock)
            lock.close()
            raise UnusableDirectory(
                f"the data directory {self.path} is in use by another process{owner}. Stop that one, or choose another "
                "directory."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return lock

    @staticmethod
    def _owner(lock: IO[str]) -> str:
        lock.seek(0)
        number = lock.read(20)
        return f" (number {number})" if number.isdecimal() else ""

    def _check(self, *, to_fill: bool) -> None:
        names = {entry.name for entry in self.path.iterdir()}
        if FILLING in names and DATABASE not in names:
            if to_fill:
                return
            raise UnusableDirectory(
                f"the data directory {self.path} is not complete: an import into it did not end. Import into it again, "
                "or choose another directory."
            )
        if names - _OURS:
            raise UnusableDirectory(
                f"{self.path} is no data directory: it has other files, such as {min(names - _OURS)}. Choose an empty "
                "or a new directory."
            )
        if DATABASE not in names and BLOBS in names:
            raise damaged(self.path, f"{BLOBS} is there, but {DATABASE} is missing")


def damaged(path: Path, what: str) -> UnusableDirectory:
    return UnusableDirectory(
        f"the data directory {path} is damaged: {what}. It has not been changed. Restore it from a copy, or start with "
        "an empty directory."
    )


def make_private(path: Path) -> None:
    """Make an empty file for its owner alone; a file that is there is cut. Raises OSError."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(number, _OWNER_ONLY)
    finally:
        os.close(number)


def synchronise_folder(folder: Path) -> None:
    """Wait for the names in a folder, where the system can do that: files made, renamed and removed in it.

    Raises:
        OSError: the disk has failed.
    """
    if os.name == "posix":
        _synchronise(folder, os.O_RDONLY)


def synchronise_file(path: Path) -> None:
    """Wait for the content of a file, whoever has written it. Raises OSError."""
    _synchronise(path, os.O_RDWR)


def _synchronise(path: Path, flags: int) -> None:
    number = os.open(path, flags)
    try:
        os.fsync(number)
    finally:
        os.close(number)
