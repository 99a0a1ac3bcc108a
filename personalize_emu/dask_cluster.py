"""A connection to the Dask cluster of the option `executor`, and single calls that are made in it.

    here                                    in a worker
    carried: data, once to each worker ──▶  kept while they are needed
    call                               ──▶  work(job, data, progress)
    progress raises: the stop is set   ──▶  progress raises, within LOOK_EVERY
    result                             ◀──  returned

A call whose worker ends is repeated in another one, three times at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from personalize_emu.settings import DASK_SCHEME

CONNECT_SECONDS = 10
WITHOUT_WORKERS = 10.0
"""Seconds that a call waits for workers where all have ended."""
LOOK_EVERY = 0.5
"""Seconds after which whoever waits is asked again whether the result is still wanted, and the worker asks."""
STAGE = "in the cluster"

Progress = Callable[[str, float], None]
Work = Callable[[Mapping[str, Any], Any, Progress], Any]


class ClusterFailed(Exception):
    """The cluster cannot be reached or has lost the work; the text is a failure reason for users."""


class _NotWanted(Exception):
    """Ends a call in a worker; nobody waits for it."""


@contextmanager
def cluster_at(executor: str) -> Iterator[Cluster]:
    """The cluster whose scheduler is dask://HOST:PORT, until the end of the block.

    Raises:
        ClusterFailed: there is none, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterFailed("Install personalize-emu[dask] to work in a Dask cluster.") from error
    connect: Any = Client
    address = f"tcp://{executor.removeprefix(DASK_SCHEME)}"
    try:
        client = connect(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        raise ClusterFailed(f"No Dask scheduler answers at {executor}.") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise ClusterFailed(f"The Dask cluster at {executor} has no workers.")
        yield Cluster(client, threads)


@dataclass(frozen=True, eq=False)
class Carried:
    """reference: of Dask, to the copies of the data in the workers."""

    data: Any
    reference: Any


@dataclass(frozen=True, eq=False)
class Cluster:
    """client: of Dask. threads: of all workers at the time of the connection. stop: name of the event in the scheduler
    that ends the calls of this connection.
    """

    client: Any
    threads: int
    stop: str = field(default_factory=lambda: f"personalize-emu-stop-{uuid4().hex}")

    @contextmanager
    def carried(self, data: Any) -> Iterator[Carried]:
        """The data at every worker."""
        carried = Carried(data, self._sent(data))
        try:
            yield carried
        finally:
            carried.reference.release()

    def _sent(self, data: Any) -> Any:
        try:
            return self.client.scatter(data, broadcast=True, hash=False)
        except TimeoutError as error:
            raise ClusterFailed("The Dask cluster has no workers to send the data to.") from error

    def call(self, work: Work, job: Mapping[str, Any], carried: Carried, progress: Progress) -> Any:
        """What `work` returns in a worker, or raises there. What `progress` raises here ends the call.

        Raises:
            ClusterFailed: worker after worker has ended with it, or none is left.
        """
        from distributed import KilledWorker

        try:
            try:
                return self._called(work, job, carried.reference, progress)
            except CancelledError:
                # The copies of the data ended with their workers, before others had any.
                reference = self._sent(carried.data)
                try:
                    return self._called(work, job, reference, progress)
                finally:
                    reference.release()
        except (KilledWorker, CancelledError) as error:
            raise ClusterFailed("Workers of the Dask cluster have ended during the work.") from error

    def _called(self, work: Work, job: Mapping[str, Any], reference: Any, progress: Progress) -> Any:
        ended = threading.Event()
        future = self.client.submit(_called, work, job, reference, self.stop, pure=False)
        future.add_done_callback(lambda _: ended.set())
        try:
            self._wait(ended, progress)
            return future.result()
        finally:
            if not ended.is_set():
                self._end_calls()
            future.release()

    def _end_calls(self) -> None:
        """In workers that can be reached."""
        with suppress(OSError):
            _event(self.stop, self.client).set()

    def _wait(self, ended: threading.Event, progress: Progress) -> None:
        left_alone = 0.0
        while not ended.wait(LOOK_EVERY):
            progress(STAGE, 0.0)
            left_alone = 0.0 if self._has_workers() else left_alone + LOOK_EVERY
            if left_alone > WITHOUT_WORKERS:
                raise ClusterFailed("All workers of the Dask cluster have ended.")

    def _has_workers(self) -> bool:
        try:
            return bool(self.client.nthreads())
        except OSError as error:
            raise ClusterFailed("The scheduler of the Dask cluster has ended.") from error


def _event(name: str, client: Any) -> Any:
    """An event of the scheduler."""
    from distributed import Event

    make: Any = Event
    return make(name, client=client)


def _called(work: Work, job: Mapping[str, Any], data: Any, stop: str) -> Any:
    """In a worker. Other threads than this one, which report progress, too, would not find the worker's client."""
    from distributed import get_client

    client: Any = get_client()
    return work(job, data, _Watch(_event(stop, client)))


class _Watch:
    """A progress that raises once the stop is set."""

    def __init__(self, stop: Any) -> None:
        self._stop = stop
        self._next = time.monotonic()

    def __call__(self, stage: str, share: float) -> None:
        del stage, share
        if time.monotonic() >= self._next:
            if self._stop.is_set():
                raise _NotWanted
            self._next = time.monotonic() + LOOK_EVERY
