"""Work that takes time: waiting, in progress, done or failed, on the clock and in the background.

    start ──waiting──▶ begun() ──work in a worker──▶ succeeded(result) | failed(reason)

`waiting` is exact; being in progress lasts until the work is done and at least `working` seconds.

With no duration at all everything happens inside `start` (pace instant).

Jobs that share a queue take turns in the order of their start: what has waited long enough goes on waiting
until everything before it in each of its queues is done or failed.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
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


class JobStopped(JobFailed):
    """Raised by work that was told to stop before its end."""


@dataclass(frozen=True, eq=False)
class Job(Generic[T]):
    """One piece of work and what it does to its resource.

    begun: the resource enters its in-progress state; False when there is nothing left to work for.
    work: the slow part, run in a worker thread; raises JobFailed.
    succeeded, failed: the resource reaches its final state.
    queues: names of the queues it takes turns in (R-DIJ-11, D-112).
    in_background: whoever starts it goes on at once, even if it has no duration.
    """

    name: str
    duration: Duration
    begun: Callable[[], bool]
    work: Callable[[], T]
    succeeded: Callable[[T], None]
    failed: Callable[[str], None]
    queues: tuple[str, ...] = ()
    in_background: bool = False

    @property
    def at_once(self) -> bool:
        return self.duration.waiting == 0 and self.duration.working == 0 and not self.in_background


class Jobs:
    """Runs jobs. Closing it calls off what has not begun; late results of the rest reach nobody."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="personalize-emu-job")
        self._changed = threading.Condition()
        self._unfinished = 0
        self._working = 0
        self._queues: dict[str, deque[Job[Any]]] = {}
        self._held: list[Job[Any]] = []
        self._timers: dict[int, Callable[[], None]] = {}
        self._timer_numbers = itertools.count()
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def start(self, job: Job[Any]) -> None:
        with self._changed:
            self._unfinished += 1
            for name in job.queues:
                self._queues.setdefault(name, deque()).append(job)
        if job.at_once:
            self._due(job)
            self._wait_for_turns(job)
        else:
            self._clock.call_at(self._clock.now() + job.duration.waiting, lambda: self._due(job))

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Run `action` once the clock reaches `when`. Nobody waits for it, and closing calls it off.

        The clock may outlive these jobs by far, so it is given a number only and keeps nothing alive.
        """
        with self._changed:
            if self._closed:
                return
            number = next(self._timer_numbers)
            self._timers[number] = action
        self._clock.call_at(when, lambda: self._ring(number))

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
            self._timers.clear()
            self._changed.notify_all()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _ring(self, number: int) -> None:
        with self._changed:
            action = self._timers.pop(number, None)
        if action is not None:
            action()

    def _due(self, job: Job[Any]) -> None:
        with self._changed:
            if not self._is_first(job):
                self._held.append(job)
                return
        self._begin(job)

    def _is_first(self, job: Job[Any]) -> bool:
        return all(self._queues[name][0] is job for name in job.queues)

    def _wait_for_turns(self, job: Job[Any]) -> None:
        """Until a job that had to wait for those of other threads has had its turn in every queue."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._is_queued(job))

    def _is_queued(self, job: Job[Any]) -> bool:
        return any(job in self._queues.get(name, ()) for name in job.queues)

    def _begin(self, job: Job[Any]) -> None:
        if self._closed or not job.begun():
            self._finish(job)
            return
        finish_at = self._clock.now() + job.duration.working
        with self._changed:
            if self._closed:
                return
            self._working += 1
            future = self._workers.submit(job.work)
        if job.at_once or isinstance(self._clock, ManualClock):
            future.exception()
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
        self._finish(job)

    def _finish(self, job: Job[Any]) -> None:
        """Let those begin whose turn this was holding up."""
        with self._changed:
            self._unfinished -= 1
            for name in job.queues:
                self._queues[name].remove(job)
                if not self._queues[name]:
                    del self._queues[name]
            following = [held for held in self._held if self._is_first(held)]
            self._held = [held for held in self._held if held not in following]
            self._changed.notify_all()
        for held in following:
            self._begin(held)
