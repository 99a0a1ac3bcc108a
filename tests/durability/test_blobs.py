"""Files that owners share are there as long as one refers to them, also after a loss of power."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from personalize_emu.durability.blobs import Blobs
from personalize_emu.durability.directory import DataDirectory
from personalize_emu.durability.large_values import LargeValues
from personalize_emu.service.state.dataset_contents import BulkLayer


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    held = DataDirectory(tmp_path)
    yield held
    held.close()


def kept_files(directory: DataDirectory) -> set[str]:
    return {path.name for path in directory.blobs.iterdir()}


def test_rows_are_on_the_disk_before_their_old_files_go(directory: DataDirectory) -> None:
    """A row that a loss of power brings back must find its file."""
    there: list[set[str]] = []
    blobs = Blobs(directory, lambda: there.append(kept_files(directory)))
    old = blobs.write(".arrow", lambda file: file.write(b"old"))
    blobs.refer({"owner": frozenset({old})})
    new = blobs.write(".arrow", lambda file: file.write(b"new"))
    assert there == []
    blobs.refer({"owner": frozenset({new})})
    assert there == [{old, new}]
    assert kept_files(directory) == {new}


def test_a_file_that_moves_from_one_owner_to_another_is_kept(directory: DataDirectory) -> None:
    blobs = Blobs(directory, lambda: None)
    name = blobs.write(".arrow", lambda file: file.write(b"rows"))
    blobs.refer({"first": frozenset({name})})
    blobs.refer({"first": frozenset(), "second": frozenset({name})})
    assert kept_files(directory) == {name}


def test_a_value_whose_file_went_with_another_owner_is_written_again(directory: DataDirectory) -> None:
    """Two datasets import the same rows; the first is deleted before the second is committed."""
    blobs = Blobs(directory, lambda: None)
    large = LargeValues(blobs)
    first, second = (BulkLayer(pa.table({"USER_ID": ["a", "b"]})) for _ in range(2))
    names = large.layer(first, None).names
    assert large.layer(second, None).names == names
    blobs.refer({"first": names})
    blobs.refer({"first": frozenset()})
    assert kept_files(directory) == set()
    assert large.layer(second, None).names == names
    assert kept_files(directory) == names


def test_files_that_cannot_be_removed_go_at_the_next_start(
    directory: DataDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    blobs = Blobs(directory, fail)
    name = blobs.write(".arrow", lambda file: file.write(b"rows"))
    blobs.refer({"owner": frozenset({name})})
    blobs.refer({"owner": frozenset()})
    assert kept_files(directory) == {name}
    assert "cannot be removed" in caplog.text
    Blobs(directory, lambda: None).start_over(())
    assert kept_files(directory) == set()
