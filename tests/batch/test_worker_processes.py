"""Batch jobs in processes of their own write the same bytes in the same order, and end in every case."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest

from personalize_emu.batch import executors, transfer
from personalize_emu.batch.executors import process_workers, workers_at
from personalize_emu.batch.inference import Inference
from personalize_emu.batch.segments import Segments
from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.jobs import JobFailed
from tests.batch_mixture import LINES, Mixture
from tests.given import REGION, Given

SPREAD = ("items", "segments", "attributes")
"""Jobs of the mixture: one of each kind, as every process takes a second to start."""


@pytest.fixture
def no_chunk_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "CHUNKS_ALONE", 0)


def answered_here(*_: object) -> None:
    raise AssertionError("the lines were answered in the server")


@pytest.mark.usefixtures("no_chunk_alone")
def test_output_of_processes_equals_output_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """B-43, B-52, B-57, B-71: filters, attributes and lines with errors included."""
    monkeypatch.setattr(transfer, "CHUNK_LINES", 5)
    with MockPersonalize(Settings(pace="instant", quotas="off"), ManualClock()) as emulator:
        mixture = Mixture(Given(boto3.client("personalize", REGION), boto3.client("s3", REGION)))
        here = mixture.outputs("here", *SPREAD)
        spread = replace(emulator.settings, batch_workers=2)
        monkeypatch.setattr("personalize_emu.batch.inference_jobs.workers_at", lambda _: workers_at(spread))
        monkeypatch.setattr("personalize_emu.batch.segment_jobs.workers_at", lambda _: workers_at(spread))
        monkeypatch.setattr(Inference, "__call__", answered_here)
        monkeypatch.setattr(Segments, "__call__", answered_here)
        assert mixture.outputs("there", *SPREAD) == here
    assert here["items"].count("\n") == len(LINES)
    assert '"error":"userId is required"' in here["items"]


def doubled(number: int) -> int:
    return 2 * number


def killed_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refused_at_three(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


def process_of(_: int) -> int:
    return os.getpid()


def counted(taken: list[int], count: int) -> Iterator[int]:
    for number in range(count):
        taken.append(number)
        yield number


def test_short_jobs_start_no_process() -> None:
    with process_workers(2) as workers:
        chunks = range(executors.CHUNKS_ALONE)
        assert set(workers.in_order(workers.carry(process_of), iter(chunks))) == {os.getpid()}


def test_long_jobs_do_in_order_and_in_bounded_memory() -> None:
    """B-43: no more chunks are read ahead than there are workers for."""
    taken: list[int] = []
    with process_workers(2) as workers:
        results = workers.in_order(workers.carry(doubled), counted(taken, 40))
        for number in range(40):
            assert next(results) == 2 * number
            assert len(taken) - number <= workers.ahead
        assert list(results) == []


@pytest.mark.usefixtures("no_chunk_alone")
def test_a_killed_process_fails_the_job() -> None:
    with pytest.raises(JobFailed, match="A worker process of the batch job has ended"), process_workers(2) as workers:
        list(workers.in_order(workers.carry(killed_at_three), iter(range(9))))


@pytest.mark.usefixtures("no_chunk_alone")
def test_what_is_raised_in_a_process_is_raised_here() -> None:
    with pytest.raises(ValueError, match="three"), process_workers(2) as workers:
        list(workers.in_order(workers.carry(refused_at_three), iter(range(9))))


@pytest.mark.usefixtures("no_chunk_alone")
def test_the_processes_end_with_a_job_that_is_stopped() -> None:
    with pytest.raises(JobFailed, match="stopped") as caught:
        stopped_after_a_chunk()
    with pytest.raises(ProcessLookupError):
        os.kill(int(str(caught.value).rpartition(" ")[2]), 0)


def stopped_after_a_chunk() -> None:
    with process_workers(2) as workers:
        for process in workers.in_order(workers.carry(process_of), iter(range(99))):
            raise JobFailed(f"stopped, and so is {process}")


SERVER = """
import itertools, multiprocessing
from personalize_emu.batch import executors

executors.CHUNKS_ALONE = 0
if __name__ == "__main__":
    with executors.process_workers(2) as workers:
        for result in workers.in_order(workers.carry(abs), itertools.repeat(-5)):
            print(*[process.pid for process in multiprocessing.active_children()], flush=True)
"""


def test_the_processes_end_with_a_server_that_is_killed() -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    assert server.stdout is not None
    processes = [int(number) for number in server.stdout.readline().split()]
    server.kill()
    # The processes have inherited the output, so it ends when the last of them does.
    server.stdout.read()
    server.stdout.close()
    server.wait()
    assert len(processes) == 2


def test_the_option_is_a_number_of_processes() -> None:
    with pytest.raises(ValueError, match="batch_workers must not be negative"):
        Settings(batch_workers=-1)
    with workers_at(Settings(batch_workers=0)) as workers:
        assert workers.ahead == 1
