"""One file of a data directory: a tar archive of its database and of the files that this refers to.

    export   a copy of the database, as of one moment, also while a server uses the directory
    import   into a directory that is empty; the database gets its name last, so that half an import is not taken for a
             whole, and can be done again
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from personalize_emu.durability.directory import (
    BLOBS,
    DATABASE,
    FILLING,
    DataDirectory,
    UnusableDirectory,
    damaged,
    make_private,
    synchronise_file,
    synchronise_folder,
)

_BLOB = re.compile(rf"{BLOBS}/[0-9a-f]{{40}}\.[a-z]+")
_TRIES = 5


class NotAnArchive(ValueError):
    """The file was not written by `export_directory`."""


def export_directory(directory: Path, target: Path) -> int:
    """Write an archive; returns its size in bytes. A file that exists is replaced as a whole.

    Raises:
        UnusableDirectory: there is no data directory, or it is damaged.
        OSError: the file cannot be written.
    """
    if not (directory / DATABASE).is_file():
        raise UnusableDirectory(f"{directory} is no data directory: it has no {DATABASE}.")
    beside = target.with_name(f"{target.name}.unfinished")
    try:
        for attempt in range(1, _TRIES + 1):
            try:
                _write(directory, beside)
                break
            except FileNotFoundError as error:
                # The server has replaced a file since the database was copied.
                if attempt == _TRIES:
                    raise damaged(directory, f"{error.filename} is missing") from error
        size = beside.stat().st_size
        synchronise_file(beside)
        beside.replace(target)
        synchronise_folder(target.parent)
    finally:
        beside.unlink(missing_ok=True)
    return size


def import_archive(source: Path, directory: Path) -> None:
    """Fill a directory, which must be empty or new, for `--data-dir`.

    Raises:
        NotAnArchive, OSError: the file cannot be read.
        UnusableDirectory: the directory is not empty, or is in use.
    """
    held = DataDirectory(directory, to_fill=True)
    try:
        if held.database.exists():
            raise UnusableDirectory(f"the data directory {directory} is not empty. Choose an empty or a new directory.")
        unfinished = directory / FILLING
        try:
            _read(source, held, unfinished)
            unfinished.replace(held.database)
            synchronise_folder(directory)
        finally:
            if not held.database.exists():
                shutil.rmtree(held.blobs, ignore_errors=True)
                # Last: without it files in the folder are taken for damage.
                if not held.blobs.exists():
                    unfinished.unlink(missing_ok=True)
    finally:
        held.close()


def _write(directory: Path, target: Path) -> None:
    # Secrets of access keys and the material of KMS keys are in it.
    make_private(target)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / DATABASE
        names = list(_copied(directory, copy))
        with tarfile.open(target, "w:gz", compresslevel=6) as archive:
            archive.add(copy, DATABASE, filter=_plain)
            for name in names:
                archive.add(directory / BLOBS / name, f"{BLOBS}/{name}", filter=_plain)


def _copied(directory: Path, copy: Path) -> Iterator[str]:
    """Copy the database; the names of the files that the copy refers to."""
    try:
        with closing(sqlite3.connect(directory / DATABASE)) as ours, closing(sqlite3.connect(copy)) as other:
            ours.backup(other)
            for (name,) in other.execute("SELECT DISTINCT name FROM blobs ORDER BY name"):
                yield str(name)
    except sqlite3.Error as error:
        raise damaged(directory, f"{DATABASE} cannot be read ({error})") from error


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what is of this machine."""
    member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
    return member


def _read(source: Path, directory: DataDirectory, database: Path) -> None:
    """Write what the archive has, and wait until it is on the disk. database: where its database is written to."""
    shutil.rmtree(directory.blobs, ignore_errors=True)
    make_private(database)
    found = set()
    try:
        with tarfile.open(source, "r:gz") as archive:
            for member in archive:
                found.add(member.name)
                _extract(archive, member, directory, database)
    except NotAnArchive:
        raise
    # ValueError: the archive says that a member ends where no file can.
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise NotAnArchive(f"{source} is no state of personalize-emu: {error}") from error
    if DATABASE not in found:
        raise NotAnArchive(f"{source} is no state of personalize-emu: it has no {DATABASE}")
    if directory.blobs.exists():
        synchronise_folder(directory.blobs)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, directory: DataDirectory, database: Path) -> None:
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or not (member.name == DATABASE or _BLOB.fullmatch(member.name)):
        raise NotAnArchive(f"{archive.name!s} is no state of personalize-emu: it has {member.name}")
    directory.blobs.mkdir(exist_ok=True)
    target = database if member.name == DATABASE else directory.path / member.name
    with target.open("wb") as file:
        while chunk := content.read(1 << 20):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
