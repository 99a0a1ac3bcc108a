"""A loss of power: what was not synchronised is gone, and the rest of the directory can be used.

Files of Python are seen by a layer that keeps each as it was at its last fsync, and names as at the last fsync of their
folder. SQLite is trusted in what it says of its write-ahead log: with `synchronous = FULL` a commit waits for the disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from personalize_emu.durability.archive import export_directory, import_archive
from tests.durability.restarts import given, picture, put_event, started
from tests.durability.test_directory import database_of
from tests.given import POPULARITY, as_csv, two_camps


class Disk:
    """What a disk has of a folder. Removed files go at once: the system may write their removal first.

    contents: of files, by inode, at their last fsync. names: of files in folders that were synchronised.
    """

    def __init__(self, folder: Path, kept: Path) -> None:
        self.folder, self._kept = folder, kept
        self._contents: dict[int, bytes] = {}
        self.names: dict[Path, int] = {}

    def synchronise(self, path: Path) -> None:
        if path.is_dir():
            self._forget(path)
            for each in path.iterdir():
                if each.is_file():
                    self.names[each] = each.stat().st_ino
        elif path.is_file():
            self._contents[path.stat().st_ino] = path.read_bytes()
            if path.name == "state.db-wal":
                self.keep_database()

    def _forget(self, folder: Path) -> None:
        for each in [each for each in self.names if each.parent == folder]:
            del self.names[each]

    def remove(self, path: Path) -> None:
        self.names.pop(path, None)

    def keep_database(self) -> None:
        """SQLite's files as they are now, as it synchronises them itself."""
        self._kept.mkdir(exist_ok=True)
        for path in self._kept.iterdir():
            path.unlink()
        for path in self.folder.glob("state.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy2(path, self._kept)

    def after_power_loss(self, target: Path) -> Path:
        """The folder as it is when power is back."""
        (target / "blobs").mkdir(parents=True)
        for path in self._kept.iterdir():
            shutil.copy2(path, target)
        for path, inode in self.names.items():
            if path.parent == self.folder / "blobs":
                (target / "blobs" / path.name).write_bytes(self._contents.get(inode, b""))
        return target


@contextmanager
def recorded(disk: Disk) -> Iterator[Disk]:
    real_fsync, real_unlink = os.fsync, os.unlink

    def synchronised(number: int) -> None:
        real_fsync(number)
        path = Path(os.readlink(f"/proc/self/fd/{number}"))
        if path.is_relative_to(disk.folder):
            disk.synchronise(path)

    def removed(path: str | Path, **more: int) -> None:
        real_unlink(path, **more)
        disk.remove(Path(path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", synchronised)
        patch.setattr(os, "unlink", removed)
        yield disk


def use() -> str:
    """Imports, an event and a training; returns the dataset."""
    makes = given()
    group = makes.group("films")
    dataset = makes.dataset(group, makes.schema())
    makes.import_job(dataset, makes.upload(as_csv(two_camps())), "first")
    tracker = makes.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    put_event(tracker, 1)
    makes.campaign(makes.version(makes.solution(group, POPULARITY, performAutoTraining=False)))
    return dataset


def replaced_import(dataset: str) -> None:
    makes = given()
    makes.import_job(dataset, makes.upload(as_csv(two_camps(users=100))), "second")


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("normal", 1)])
def test_synchronous_is_set_as_promised(durability: str, level: int, tmp_path: Path) -> None:
    with started(tmp_path, durability=durability) as emulator:
        connection = database_of(emulator)._connection
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_with_full_durability_everything_that_was_answered_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with recorded(Disk(folder, tmp_path / "kept")) as disk, started(folder, durability="full") as emulator:
        replaced_import(use())
        before = picture(emulator)
        # Every commit has waited for the disk.
        disk.keep_database()
        left = disk.after_power_loss(tmp_path / "left")
    with started(left) as emulator:
        assert picture(emulator) == before


def test_with_normal_durability_older_rows_find_their_files(tmp_path: Path) -> None:
    """The last commits are lost; removed files are not, unless the row without them is on the disk."""
    folder = tmp_path / "state"
    with recorded(Disk(folder, tmp_path / "kept")) as disk, started(folder) as emulator:
        dataset = use()
        disk.keep_database()
        before = picture(emulator)
        replaced_import(dataset)
        left = disk.after_power_loss(tmp_path / "left")
        after = picture(emulator)
    with started(left) as emulator:
        assert picture(emulator)["contents"] in (before["contents"], after["contents"])


def test_an_imported_archive_is_on_the_disk(tmp_path: Path) -> None:
    with started(tmp_path / "first") as emulator:
        use()
        before = picture(emulator)
    export_directory(tmp_path / "first", tmp_path / "file")
    folder = tmp_path / "second"
    with recorded(Disk(folder, tmp_path / "kept")) as disk:
        import_archive(tmp_path / "file", folder)
        assert folder / "state.db" in disk.names
        disk.keep_database()
        left = disk.after_power_loss(tmp_path / "left")
    with started(left) as emulator:
        assert picture(emulator) == before
