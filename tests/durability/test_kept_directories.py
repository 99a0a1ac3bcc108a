"""Directories that each format so far has written are read, brought up to date, and go on being written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from personalize_emu.durability.archive import import_archive
from personalize_emu.durability.database import MIGRATIONS
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.durability.kept_directories import found
from tests.durability.restarts import given, started
from tests.durability.test_directory import database_of

DIRECTORIES = Path(__file__).parent / "directories"
FORMATS = range(1, len(MIGRATIONS) + 1)


def archive(number: int) -> Path:
    return DIRECTORIES / f"format-{number}.tar.gz"


def test_each_format_has_a_directory() -> None:
    """After a migration: python -m tests.durability.kept_directories tests/durability/directories."""
    assert sorted(DIRECTORIES.glob("*.tar.gz")) == sorted(map(archive, FORMATS))


@pytest.mark.parametrize("number", FORMATS)
def test_what_a_format_has_written_is_read(number: int, tmp_path: Path) -> None:
    expected = json.loads((DIRECTORIES / f"format-{number}.json").read_text("utf-8"))
    import_archive(archive(number), tmp_path / "state")
    with started(tmp_path / "state") as emulator:
        assert found(emulator) == expected
        assert database_of(emulator).fetched("PRAGMA user_version") == [(len(MIGRATIONS),)]
        new = given().group("new")
    with started(tmp_path / "state") as emulator:
        assert emulator.state.store.find(new) is not None
        assert found(emulator)["answers"] == expected["answers"]


@pytest.mark.parametrize("number", FORMATS)
def test_tests_start_from_a_file_of_each_format(number: int) -> None:
    expected = json.loads((DIRECTORIES / f"format-{number}.json").read_text("utf-8"))
    with mock_personalize(state=str(archive(number)), clock=ManualClock()) as emulator:
        assert found(emulator) == expected
