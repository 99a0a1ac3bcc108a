"""Events of the server are written together, and answered once they are written."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from personalize_emu.edge.http.group_commit import GroupCommit
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.commit_lock import NotWritten
from tests.durability.test_directory import database_of
from tests.given import INTERACTIONS_SCHEMA


class Worker:
    """A thread that works when it is reported to."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def run(self, work: Callable[[], None]) -> None:
        self.work.append(work)

    def do(self) -> None:
        self.work.pop(0)()


def test_one_write_is_for_all_that_wait() -> None:
    worker, writes, done = Worker(), [], list[str]()
    commit = GroupCommit(lambda: writes.append(len(done)), worker.run, lambda work: work())
    for name in "abc":
        commit.add(lambda _, name=name: done.append(name))  # type: ignore[misc]
    assert (len(worker.work), done) == (1, [])
    worker.do()
    assert (writes, done) == ([0], ["a", "b", "c"])
    commit.add(lambda _: done.append("d"))
    worker.do()
    assert (writes, done) == ([0, 3], ["a", "b", "c", "d"])


def test_what_comes_during_a_write_waits_for_the_next() -> None:
    """The write may have begun before what it waits for was queued."""
    worker, writes, done = Worker(), [], list[str]()

    def write() -> None:
        writes.append(list(done))
        if len(writes) == 1:
            commit.add(lambda _: done.append("late"))

    commit = GroupCommit(write, worker.run, lambda work: work())
    commit.add(lambda _: done.append("early"))
    worker.do()
    assert writes == [[], ["early"]]
    assert done == ["early", "late"]
    assert worker.work == []


def test_a_failed_write_is_reported_to_those_who_wait_for_it() -> None:
    worker, failures = Worker(), [NotWritten("full"), None]
    reported: list[object] = []

    def write() -> None:
        failure = failures.pop(0)
        if failure is not None:
            raise failure

    commit = GroupCommit(write, worker.run, lambda work: work())
    for _ in range(2):
        commit.add(reported.append)
        worker.do()
    assert [str(each) for each in reported] == ["full", "None"]


@contextmanager
def served(directory: Path) -> Iterator[tuple[LiveServer, Emulator, str]]:
    """A server with a data directory, and a tracking id."""
    settings = Settings(pace="instant", data_dir=str(directory), batch_workers=0)
    with Emulator(settings, clock=ManualClock()) as emulator, LiveServer(emulator) as server:
        call: Any = emulator.call
        schema = call("CreateSchema", {"name": "s", "schema": INTERACTIONS_SCHEMA})["schemaArn"]
        group = call("CreateDatasetGroup", {"name": "g"})["datasetGroupArn"]
        of_group = {"name": "g", "datasetGroupArn": group}
        call("CreateDataset", {**of_group, "schemaArn": schema, "datasetType": "Interactions"})
        yield server, emulator, call("CreateEventTracker", of_group)["trackingId"]


def put(server: LiveServer, tracker: str, number: int) -> tuple[int, str]:
    event = {"eventType": "x", "itemId": "i", "sentAt": number, "eventId": f"e{number}"}
    body = {"trackingId": tracker, "userId": "u", "sessionId": "s", "eventList": [event]}
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=60)) as connection:
        connection.request("POST", "/events", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def written(directory: Path) -> int:
    with closing(sqlite3.connect(directory / "state.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def test_an_event_is_on_disk_when_it_is_answered(tmp_path: Path) -> None:
    """Also one that is sent again while the first write goes on, and all of several at the same time (EV-40)."""
    with served(tmp_path) as (server, emulator, tracker):
        database = database_of(emulator)
        written_first, goes_on = threading.Event(), threading.Event()
        write = database._write

        def slow_write(statements: Any) -> None:
            written_first.set()
            goes_on.wait()
            write(statements)

        database._write = slow_write  # type: ignore[method-assign]
        with ThreadPoolExecutor(4) as clients:
            first = clients.submit(put, server, tracker, 1)
            written_first.wait()
            others = [clients.submit(put, server, tracker, number) for number in (1, 2, 3)]
            assert written(tmp_path) == 0
            assert not first.done()
            goes_on.set()
            assert [each.result()[0] for each in (first, *others)] == [200] * 4
        assert written(tmp_path) == 3


def test_events_that_cannot_be_written_are_refused_and_written_with_the_next(tmp_path: Path) -> None:
    with served(tmp_path) as (server, emulator, tracker):
        connection = database_of(emulator)._connection
        connection.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON main.events BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        )
        status, text = put(server, tracker, 1)
        assert status == 500
        assert "disk I/O error" in text
        assert put(server, tracker, 1)[0] == 500
        connection.execute("DROP TRIGGER full")
        assert put(server, tracker, 2)[0] == 200
        assert written(tmp_path) == 2


@pytest.mark.parametrize("with_directory", [False, True])
def test_only_a_data_directory_is_waited_for(with_directory: bool, tmp_path: Path) -> None:
    with Emulator(Settings(data_dir=str(tmp_path) if with_directory else ""), clock=ManualClock()) as emulator:
        assert emulator.writes_later is with_directory
        emulator.write_queued()
