"""Work that takes time: waiting, in progress, done or failed, on the clock and in the background.

    start ──waiting──▶ begun() ──work in a worker──▶ succeeded(result) | failed(reason)

`waiting` is exact; being in progress lasts until the work is done and at least `working` seconds.

With no duration at all everything happens inside `start` (pace instant).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from personalize_emu.state.clock import Clock, ManualClock
from personalize_emu.state.lifecycle import Duration

log = logging.getLogger(__name__)
T = TypeVar("T")
_WORKERS = 8


class JobFailed(Exception):
    """Raised by work that cannot be done; the text is the failure reason clients read."""


@dataclass(frozen=True)
class Job(Generic[T]):
    """One piece of work and what it does to its resource.

    begun: the resource enters its in-progress state; False when there is nothing left to work for.
    work: the slow part, run in a worker thread; raises JobFailed.
    succeeded, failed: the resource reaches its final state.
    queue: jobs with the same non-empty queue run one after the other, in order of start (R-DIJ-11).
    """

    name: str
    duration: Duration
    begun: Callable[[], bool]
    work: Callable[[], T]
    succeeded: Callable[[T], None]
    failed: Callable[[str], None]
    queue: str = ""


class Jobs:
    """Runs jobs. Closing it calls off what has not begun; late results of the rest reach nobody."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="personalize-emu-job")
        self._changed = threading.Condition()
        self._unfinished = 0
        self._working = 0
        self._tails: dict[str, Future[Any]] = {}
        self._closed = False

    def start(self, job: Job[Any]) -> None:
        with self._changed:
            self._unfinished += 1
        at_once = job.duration.waiting == 0 and job.duration.working == 0
        start = self._clock.now()
        if at_once:
            self._begin(job, start, wait=True)
        else:
            begin_at = start + job.duration.waiting
            wait = isinstance(self._clock, ManualClock)
            self._clock.call_at(begin_at, lambda: self._begin(job, begin_at, wait=wait))

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Wait until no job is unfinished; False when `timeout` seconds of real time pass before."""
        with self._changed:
            return self._changed.wait_for(lambda: self._unfinished == 0 or self._closed, timeout)

    def wait_for_work(self) -> None:
        """Wait until no worker is busy; what then still is unfinished waits for the clock."""
        with self._changed:
            self._changed.wait_for(lambda: self._working == 0 or self._closed)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _begin(self, job: Job[Any], begun_at: float, *, wait: bool) -> None:
        if self._closed or not job.begun():
            self._count_finished()
            return
        with self._changed:
            if self._closed:
                return
            self._working += 1
            before = self._tails.get(job.queue) if job.queue else None
            future = self._workers.submit(_work_after, before, job.work)
            if job.queue:
                self._tails[job.queue] = future
        finish_at = begun_at + job.duration.working
        if wait:
            _wait_for(future)
            self._worked(job, finish_at, future)
        else:
            future.add_done_callback(lambda done: self._worked(job, finish_at, done))

    def _worked(self, job: Job[Any], finish_at: float, future: Future[Any]) -> None:
        if not future.cancelled():
            if finish_at <= self._clock.now():
                self._conclude(job, future)
            else:
                self._clock.call_at(finish_at, lambda: self._conclude(job, future))
        with self._changed:
            self._working -= 1
            self._changed.notify_all()

    def _conclude(self, job: Job[Any], future: Future[Any]) -> None:
        if not self._closed:
            error = future.exception()
            if error is None:
                job.succeeded(future.result())
            elif isinstance(error, JobFailed):
                job.failed(str(error))
            else:
                log.error("job %s broke", job.name, exc_info=error)
                job.failed("An internal error occurred. Please try again.")
        self._count_finished()

    def _count_finished(self) -> None:
        with self._changed:
            self._unfinished -= 1
            self._changed.notify_all()


def _work_after(before: Future[Any] | None, work: Callable[[], T]) -> T:
    if before is not None:
        _wait_for(before)
    return work()


def _wait_for(future: Future[Any]) -> None:
    future.exception()
