"""Export, import, and tests that start from a state in a file."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from personalize_emu.cli.main import main
from personalize_emu.durability.archive import NotAnArchive, export_directory, import_archive
from personalize_emu.durability.directory import UnusableDirectory
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.durability.restarts import given, picture, put_event, started


def used_directory(folder: Path) -> None:
    with started(folder):
        group = given().imported_group()
        given().campaign(given().version(given().solution(group)))
        tracker = given().personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        put_event(tracker, 1)


def test_a_directory_comes_back_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    used_directory(tmp_path / "first")
    file = str(tmp_path / "state.tar.gz")
    assert main(["export", file, "--data-dir", str(tmp_path / "first")]) == 0
    assert main(["import", file, "--data-dir", str(tmp_path / "second")]) == 0
    assert "has the state of" in capsys.readouterr().out
    with started(tmp_path / "first") as emulator:
        before = picture(emulator)
    with started(tmp_path / "second") as emulator:
        assert picture(emulator) == before


def test_secrets_are_for_the_owner_alone(tmp_path: Path) -> None:
    """The archive, also in place of one that all can read, and the database in a folder that was there before."""
    first, second, file = tmp_path / "first", tmp_path / "second", tmp_path / "state"
    for folder in (first, second):
        folder.mkdir(0o755)
    with started(first):
        given().group("g")
        assert {path.name: path.stat().st_mode & 0o077 for path in first.glob("state.db*")} == {
            "state.db": 0, "state.db-wal": 0, "state.db-shm": 0,
        }  # fmt: skip
    file.write_bytes(b"")
    file.chmod(0o644)
    export_directory(first, file)
    import_archive(file, second)
    assert [path.stat().st_mode & 0o777 for path in (file, second / "state.db")] == [0o600, 0o600]


def test_a_directory_in_use_is_exported_as_it_is_now(tmp_path: Path) -> None:
    with started(tmp_path / "first") as emulator:
        given().version(given().solution())
        export_directory(tmp_path / "first", tmp_path / "state")
        before = picture(emulator)
        given().group("later")
    import_archive(tmp_path / "state", tmp_path / "second")
    with started(tmp_path / "second") as emulator:
        assert picture(emulator) == before


def test_tests_start_from_a_file_and_leave_it_as_it_is(tmp_path: Path) -> None:
    used_directory(tmp_path / "first")
    file = tmp_path / "state"
    export_directory(tmp_path / "first", file)
    content = file.read_bytes()
    with started(tmp_path / "first") as emulator:
        before = picture(emulator)
    for _ in range(2):
        with mock_personalize(state=str(file), clock=ManualClock()) as emulator:
            assert picture(emulator) == before
            given().group("of-this-test")
    assert file.read_bytes() == content


def test_only_an_empty_directory_is_filled(tmp_path: Path) -> None:
    used_directory(tmp_path / "first")
    export_directory(tmp_path / "first", tmp_path / "state")
    with pytest.raises(UnusableDirectory, match="is not empty"):
        import_archive(tmp_path / "state", tmp_path / "first")


def test_no_directory_is_exported_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path / "file"), "--data-dir", str(tmp_path)]) == 1
    assert "is no data directory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "blobs/../../outside", "lock", "blobs/other.txt"])
def test_an_archive_writes_nothing_but_its_own_files(tmp_path: Path, name: str) -> None:
    file = tmp_path / "state"
    with tarfile.open(file, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"text"))
    with pytest.raises(NotAnArchive, match="is no state of personalize-emu"):
        import_archive(file, tmp_path / "in" / "directory")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["lock", "state"]


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_half_an_archive_is_refused(tmp_path: Path, share: float) -> None:
    used_directory(tmp_path / "first")
    export_directory(tmp_path / "first", tmp_path / "state")
    content = (tmp_path / "state").read_bytes()
    (tmp_path / "state").write_bytes(content[: int(share * len(content))])
    with pytest.raises(NotAnArchive):
        import_archive(tmp_path / "state", tmp_path / "second")
    with started(tmp_path / "second") as emulator:
        assert list(emulator.state.store.records()) == []


def test_an_archive_with_a_wrong_header_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("state.db")
    header = bytearray(member.tobuf())
    # A size in base 256, which is negative.
    header[124:136] = b"\xff" + b"0" * 11
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    file = tmp_path / "state"
    file.write_bytes(gzip.compress(bytes(header) + bytes(1024)))
    with pytest.raises(NotAnArchive, match="is no state of personalize-emu"):
        import_archive(file, tmp_path / "directory")


def half_filled(file: Path, folder: Path, content: list[str]) -> None:
    """As a kill leaves a directory that is being filled: with the first of the files of an archive."""
    folder.mkdir()
    (folder / "state.db.unfinished").write_bytes(b"")
    (folder / "blobs").mkdir()
    with tarfile.open(file) as archive:
        for member in archive:
            content.append(member.name)
            read = archive.extractfile(member)
            assert read is not None
            target = folder / ("state.db.unfinished" if member.name == "state.db" else member.name)
            target.write_bytes(read.read()[:-1])


def test_an_interrupted_import_is_reported_and_can_be_repeated(tmp_path: Path) -> None:
    used_directory(tmp_path / "first")
    file, folder, content = tmp_path / "state", tmp_path / "second", list[str]()
    export_directory(tmp_path / "first", file)
    half_filled(file, folder, content)
    assert len(content) > 1
    with pytest.raises(UnusableDirectory, match=r"did not end\. Import into it again"), started(folder):
        pass
    import_archive(file, folder)
    with started(tmp_path / "first") as emulator:
        before = picture(emulator)
    with started(folder) as emulator:
        assert picture(emulator) == before
