"""Every call of a data directory to the file system and to SQLite fails in turn, as on a full or a broken disk.

`make test` takes a selection of the calls, `make crash` takes all (EVERY_DISK_FAULT=1).
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from botocore.exceptions import ClientError

from personalize_emu.durability.archive import NotAnArchive, export_directory, import_archive
from personalize_emu.durability.directory import UnusableDirectory
from personalize_emu.edge.testing.server_process import ServerProcess
from personalize_emu.emulator import Emulator
from tests.durability.crash.answered import Answered
from tests.durability.crash.programs import Clients
from tests.durability.crash.rounds import kill
from tests.durability.faulty_disk import SHORT, FailingConnection, FaultyDisk, copied, mounted
from tests.durability.restarts import given, picture, put_event, started
from tests.durability.test_directory import database_of
from tests.given import POPULARITY, Given, as_csv, two_camps

T = TypeVar("T")
FAULTS = (errno.ENOSPC, errno.EIO, SHORT)
MESSAGES = ("disk I/O error", "database or disk is full")
EVERY = bool(os.environ.get("EVERY_DISK_FAULT"))
REFUSED = ("InvalidInputException", "ResourceNotFoundException", "ResourceInUseException")
"""What depends on a job that has failed, or has taken effect before it is repeated."""


@dataclass
class Program:
    """Makes calls, repeats what could not be written, and notes what was answered.

    done: called after the first answer that says that the directory cannot be written to.
    """

    done: Callable[[], None]
    arns: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    refusals: int = 0

    def insisted(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except ClientError as error:
            answer = error.response["Error"]
            if answer["Code"] in REFUSED:
                raise
            assert answer["Code"] == "InternalFailure"
            assert "data directory" in answer["Message"]
            self.refusals += 1
            if self.refusals == 1:
                self.done()
            return call()

    def made(self, call: Callable[[], str]) -> str:
        arn = self.insisted(call)
        self.arns.add(arn)
        return arn

    def run(self) -> None:
        try:
            self._run()
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSED:
                raise

    def _run(self) -> None:
        makes = given()
        personalize = makes.personalize
        group = self.made(lambda: makes.group("films"))
        schema = self.made(lambda: makes.schema(name="views"))
        dataset = self.made(lambda: makes.dataset(group, schema))
        location = makes.upload(as_csv(two_camps()))
        self.made(lambda: makes.import_job(dataset, location, "first"))
        tracker = self.insisted(lambda: personalize.create_event_tracker(name="t", datasetGroupArn=group))
        for number in range(2):
            self.insisted(lambda number=number: put_event(tracker["trackingId"], number))  # type: ignore[misc]
            self.events.add(f"{number}")
        self.made(lambda: makes.import_job(dataset, location, "second"))
        solution = self.made(lambda: makes.solution(group, POPULARITY, performAutoTraining=False))
        version = self.made(lambda: makes.version(solution))
        spare = self.insisted(lambda: makes.schema(name="spare"))
        self.insisted(lambda: personalize.delete_schema(schemaArn=spare))
        self.made(lambda: makes.campaign(version))


def check(directory: Path, program: Program) -> None:
    """Everything that was answered is in a directory, and jobs that have succeeded are whole."""
    with started(directory) as emulator:
        store = emulator.state.store
        assert {arn for arn in program.arns if store.find(arn) is None} == set()
        stored = {str(row["TIMESTAMP"] - 1_700_000_000) for row in rows_of(emulator)}
        assert program.events <= stored
        picture(emulator)


def rows_of(emulator: Emulator) -> list[dict[str, int]]:
    held = [entry.contents for _, entry in emulator.state.datasets.items()]
    return [row for contents in held if contents is not None for row in contents.log.table().to_pylist()]


def with_fault(tmp_path: Path, fail: Callable[[Emulator], None], switch: Callable[[bool], None]) -> None:
    """Use a directory in which something fails. switch: turns the fault off and on."""
    directory, answered = tmp_path / "state", Program(lambda: None)

    def copy() -> None:
        switch(False)
        copied(directory, tmp_path / "copy")
        answered.arns, answered.events = set(program.arns), set(program.events)
        switch(True)

    program = Program(copy)
    with started(directory) as emulator:
        fail(emulator)
        program.run()
        switch(False)
        # A change that succeeds brings along what could not be written before.
        given().group("last")
        before = picture(emulator)
    check(directory, program)
    with started(directory) as emulator:
        assert picture(emulator) == before
    if program.refusals:
        check(tmp_path / "copy", answered)


def calls_of_use(folder: Path) -> int:
    """How many calls one use makes when nothing fails."""
    disk = FaultyDisk(folder / "state")
    with mounted(disk), started(folder / "state"):
        Program(lambda: None).run()
    return len(disk.calls)


def test_every_call_to_the_file_system_may_fail(tmp_path: Path) -> None:
    most = calls_of_use(tmp_path / "counted")
    assert most > 30
    chosen = range(1, most + 1) if EVERY else range(6, most + 1, 11)
    for number in chosen:
        for fault in FAULTS if EVERY else (FAULTS[number % 3],):
            folder = tmp_path / f"{number}-{fault}"
            disk = FaultyDisk(folder / "state", number, fault)

            def switch(on: bool, disk: FaultyDisk = disk) -> None:
                disk.is_on = on

            with mounted(disk):
                try:
                    with_fault(folder, lambda _: None, switch)
                except UnusableDirectory:
                    # The start was refused.
                    switch(False)
                    check(folder / "state", Program(lambda: None))
            assert disk.has_failed(), disk.calls
            shutil.rmtree(folder)


@pytest.mark.parametrize("message", MESSAGES)
def test_every_statement_may_fail(message: str, tmp_path: Path) -> None:
    with started(tmp_path / "counted") as emulator:
        counting = failing_connection(emulator, 0, message)
        Program(lambda: None).run()
    most = counting.statements
    assert most > 60
    for number in range(1, most + 1) if EVERY else range(5, most + 1, 29):
        folder = tmp_path / str(number)
        failing: list[FailingConnection] = []
        with_fault(
            folder,
            lambda emulator, failing=failing, number=number: failing.append(  # type: ignore[misc]
                failing_connection(emulator, number, message)
            ),
            lambda _: None,
        )
        assert failing[0].statements >= number
        shutil.rmtree(folder)


def failing_connection(emulator: Emulator, at: int, message: str) -> FailingConnection:
    database = database_of(emulator)
    failing = FailingConnection(database._connection, at, message)
    database._connection = failing  # type: ignore[assignment]
    return failing


def test_a_server_that_may_not_write_more_says_so_and_loses_nothing(tmp_path: Path) -> None:
    """The system itself refuses to let files grow, so SQLite meets a real error."""
    made: list[str] = []
    with ServerProcess("--data-dir", str(tmp_path / "state"), "--quotas", "off", "--log-level", "ERROR") as server:
        clients = Clients(server.url, Answered(), count(), {}, 0)
        makes = Given(clients.client("personalize"), None)
        made.append(makes.schema(name="first"))
        size = (tmp_path / "state" / "state.db-wal").stat().st_size
        _, most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 20_000, most))
        with pytest.raises(ClientError, match=r"\(InternalFailure\).*data directory"):
            made.extend(makes.schema(name=f"s{number}") for number in range(100))
        assert len(makes.personalize.list_schemas()["schemas"]) == len(made)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))
        made.append(makes.schema(name="last"))
        kill(server)
        assert "Traceback" not in server.log()
    with started(tmp_path / "state") as emulator:
        assert [record.arn for record in emulator.state.store.records()] == made


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("used") / "state"
    with started(folder):
        Program(lambda: None).run()
    return folder


def test_an_archive_is_whole_or_not_there_whichever_call_fails(used: Path, tmp_path: Path) -> None:
    export_directory(used, tmp_path / "file")
    with started(copied(used, tmp_path / "first")) as emulator:
        before = picture(emulator)

    def read_back() -> None:
        shutil.rmtree(tmp_path / "second", ignore_errors=True)
        import_archive(tmp_path / "file", tmp_path / "second")
        with started(tmp_path / "second") as emulator:
            assert picture(emulator) == before

    def export(disk: FaultyDisk) -> None:
        with mounted(disk):
            export_directory(used, tmp_path / "file")

    def fill(disk: FaultyDisk) -> None:
        shutil.rmtree(tmp_path / "second", ignore_errors=True)
        with mounted(disk):
            import_archive(tmp_path / "file", tmp_path / "second")

    def completed() -> None:
        if not (tmp_path / "second" / "state.db").exists():
            import_archive(tmp_path / "file", tmp_path / "second")
        with started(tmp_path / "second") as emulator:
            assert picture(emulator) == before

    for run, afterwards in ((export, read_back), (fill, completed)):
        counting = FaultyDisk(tmp_path)
        run(counting)
        refused = 0
        for number in range(1, len(counting.calls) + 1, 1 if EVERY else 5):
            for fault in FAULTS if EVERY else (FAULTS[number % 3],):
                try:
                    run(FaultyDisk(tmp_path, number, fault))
                except (OSError, UnusableDirectory, NotAnArchive):
                    refused += 1
                afterwards()
        assert refused
