"""Directories that cannot be used are refused, with what is wrong and what can be done; a full disk loses nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from personalize_emu.durability.database import APPLICATION_ID, MIGRATIONS, Database, Statement
from personalize_emu.durability.directory import DataDirectory, UnusableDirectory
from personalize_emu.emulator import Emulator
from tests.durability.restarts import contents, given, picture, put_event, started
from tests.given import as_csv, two_camps

HOLDER = """
import sys
from pathlib import Path
from typing import Any
from personalize_emu.durability.directory import DataDirectory
directory = DataDirectory(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_refused_while_one_uses_the_directory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UnusableDirectory, match=rf"in use by another process \(number {holder.pid}\)"):
            DataDirectory(tmp_path)
        holder.kill()
        holder.wait()
        DataDirectory(tmp_path).close()


def test_a_newer_format_is_refused_by_the_name_of_its_version(tmp_path: Path) -> None:
    with started(tmp_path):
        given().group()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.execute("UPDATE facts SET value = '99.1' WHERE name = 'version'")
    connection.close()
    before = (tmp_path / "state.db").read_bytes()
    refused = rf"personalize-emu 99\.1 in format {len(MIGRATIONS) + 1}"
    with pytest.raises(UnusableDirectory, match=refused), started(tmp_path):
        pass
    assert (tmp_path / "state.db").read_bytes() == before


def test_a_directory_of_an_older_format_is_read_and_brought_up_to_date(tmp_path: Path) -> None:
    """Of each format but the newest: what its version has written is there."""
    with started(tmp_path / "now"):
        group = given().group("kept")
    with sqlite3.connect(tmp_path / "now" / "state.db") as connection:
        rows = connection.execute("SELECT * FROM resources").fetchall()
    connection.close()
    for older in range(1, len(MIGRATIONS)):
        folder = tmp_path / f"format-{older}"
        folder.mkdir()
        with sqlite3.connect(folder / "state.db") as connection:
            for script in MIGRATIONS[:older]:
                connection.executescript(script)
            connection.execute(f"PRAGMA user_version = {older}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.executemany("INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.close()
        with started(folder) as emulator:
            assert [record.arn for record in emulator.state.store.records()] == [group]
            assert database_of(emulator).fetched("PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_a_folder_with_other_files_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UnusableDirectory, match=r"other files, such as letter\.txt"), started(tmp_path):
        pass


def drop_database(folder: Path) -> None:
    for path in folder.glob("state.db*"):
        path.unlink()


def scribble_database(folder: Path) -> None:
    path = folder / "state.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(4096, size, 4096):
            file.seek(page)
            file.write(b"scribble" * 16)


def cut_database(folder: Path) -> None:
    with (folder / "state.db").open("r+b") as file:
        file.truncate(5000)


def other_database(folder: Path) -> None:
    drop_database(folder)
    with sqlite3.connect(folder / "state.db") as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()


def no_database(folder: Path) -> None:
    (folder / "state.db").write_bytes(b"this is text" * 1000)


def bad_record(folder: Path) -> None:
    with sqlite3.connect(folder / "state.db") as connection:
        connection.execute("UPDATE resources SET record = '{\"odd\": 1}' WHERE kind = 'Dataset'")
    connection.close()


def drop_model(folder: Path) -> None:
    next((folder / "blobs").glob("*.model")).unlink()


def change_rows(folder: Path) -> None:
    path = next((folder / "blobs").glob("*.arrow"))
    path.write_bytes(path.read_bytes()[:-9] + b"different")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("used")
    with started(folder):
        given().version(given().solution())
    return folder


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (drop_database, "blobs is there, but state.db is missing"),
        (scribble_database, "state.db"),
        (cut_database, "state.db"),
        (other_database, "state.db has tables but no format"),
        (no_database, "state.db cannot be read"),
        (bad_record, "dataset/group/INTERACTIONS in state.db cannot be read"),
        (drop_model, r"\.model of arn:.*solution/solution/"),
        (change_rows, r"\.arrow of arn:.*dataset/group/INTERACTIONS has other content than was written"),
    ],
)
def test_damage_is_named_and_never_read_as_empty(
    damage: Callable[[Path], None], named: str, used: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    (folder / "blobs").mkdir(parents=True)
    for path in [*used.glob("state.db*"), *used.glob("blobs/*")]:
        (folder / path.relative_to(used)).write_bytes(path.read_bytes())
    damage(folder)
    with pytest.raises(UnusableDirectory, match=named) as refused, started(folder):
        pass
    assert "is damaged" in str(refused.value)
    assert "start with an empty directory" in str(refused.value)
    # The lock is free again: what is wrong is not that the directory is in use.
    with pytest.raises(UnusableDirectory, match="is damaged"), started(folder):
        pass


def database_of(emulator: Emulator) -> Database:
    assert emulator._durable is not None
    return emulator._durable._database


def fill_disk(emulator: Emulator) -> None:
    """SQLite itself says that the disk is full, as it would of one."""
    connection = database_of(emulator)._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


def free_disk(emulator: Emulator) -> None:
    database_of(emulator)._connection.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_is_an_internal_failure_with_its_reason(tmp_path: Path) -> None:
    """What was refused can be asked for again once there is room, and nothing that was answered is lost."""
    with started(tmp_path) as emulator:
        fill_disk(emulator)
        made: list[str] = []
        with pytest.raises(ClientError, match=r"\(InternalFailure\).*database or disk is full"):
            made.extend(given().schema(name=f"s{number}") for number in range(1000))
        refused = f"s{len(made)}"
        names = [schema["name"] for schema in given().personalize.list_schemas()["schemas"]]
        assert refused not in names
        free_disk(emulator)
        made.append(given().schema(name=refused))
    with started(tmp_path) as emulator:
        assert [record.arn for record in emulator.state.store.records()] == made


def test_events_that_could_not_be_written_are_with_the_next_ones(tmp_path: Path) -> None:
    """An answer of 200 says that an event is on disk, also for one that is sent again under its id (EV-40)."""
    with started(tmp_path) as emulator:
        group = given().imported_group()
        tracker = given().personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        fill_disk(emulator)
        sent: list[int] = []
        with pytest.raises(ClientError, match=r"InternalFailure"):
            sent.extend(number for number in range(1000) if put_event(tracker, number) is None)
        answered = len(sent)
        with pytest.raises(ClientError, match=r"InternalFailure"):
            put_event(tracker, answered)
        free_disk(emulator)
        put_event(tracker, answered)
        before = contents(emulator)
        assert len(next(iter(before.values()))[1]) == answered + 1
    with started(tmp_path) as emulator:
        assert contents(emulator) == before


@pytest.mark.parametrize("fault", [OverflowError("a number of 65 bits"), MemoryError()])
def test_no_fault_of_a_write_leaves_a_transaction_open(tmp_path: Path, fault: BaseException) -> None:
    """Whatever is raised while rows are written: it is raised, and the next write has all rows."""

    class Rows(Sequence[Sequence[Any]]):
        fails = True

        def __len__(self) -> int:
            return 1

        def __getitem__(self, _number: Any) -> Any:
            if self.fails:
                raise fault
            return ["a"]

        def __iter__(self) -> Any:
            return (self[number] for number in range(len(self)))

    with started(tmp_path) as emulator:
        database, rows = database_of(emulator), Rows()
        database.queue([Statement("REPLACE INTO facts VALUES (?, 'b')", rows)], database.generation)
        with pytest.raises(type(fault)):
            database.flush()
        assert not database._connection.in_transaction
        rows.fails = False
        given().group("g")
        assert database.fact("a", "") == "b"


def test_a_job_whose_file_cannot_be_written_fails_with_the_reason(tmp_path: Path) -> None:
    with started(tmp_path):
        dataset = given().dataset()
        (tmp_path / "blobs").rmdir()
        job = given().import_job(dataset, given().upload(as_csv(two_camps())))
        described = given().personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
        assert described["status"] == "CREATE FAILED"
        assert described["failureReason"] == "The data directory cannot be written to: No such file or directory."


def test_two_emulators_have_two_directories(tmp_path: Path) -> None:
    with started(tmp_path / "a") as first, started(tmp_path / "b") as second:
        given().group("only-b")
        assert [len(list(one.state.store.records())) for one in (first, second)] == [0, 1]
        with pytest.raises(UnusableDirectory, match="in use"), started(tmp_path / "a"):
            pass


def test_reading_changes_nothing(tmp_path: Path) -> None:
    """Restarts without a change in between find the same state."""
    with started(tmp_path) as emulator:
        given().campaign(given().version(given().solution()))
        before = picture(emulator)
    for _ in range(2):
        with started(tmp_path) as emulator:
            assert picture(emulator) == before
