"""Jobs: work that takes time on the emulator's clock and runs in the background.

    start ──waiting──▶ begun() ──work in a worker──▶ succeeded(result) | failed(reason)

The waiting time is exact; the job is in progress until its work is done and at least `working` seconds have passed.
Without any duration the whole job runs inside `start` (pace instant).

Every job ends. Any exception in `begun`, the work or `succeeded` is a failure: its traceback is logged and `failed` is
called with a reason for the client. Starts and ends are logged.

Jobs in the same queue run in the order of their start. Jobs of different pools have different workers, and jobs that
only take time need none, so that short jobs do not wait for long ones.
"""

from __future__ import annotations

import itertools
import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from personalize_emu.freed_memory import returning_memory
from personalize_emu.state.clock import Clock, ManualClock
from personalize_emu.state.job_holds import JobHold
from personalize_emu.state.lifecycle import Duration

log = logging.getLogger(__name__)
T = TypeVar("T")
INTERNAL_ERROR = "An internal error occurred. Please try again."
UNLOGGED = "(the reason is not logged: the data of the dataset group are encrypted)"
_LONGEST_HINT = 200
_TRIES_TO_FAIL = 2


class JobFailed(Exception):
    """The work failed; the text is the failure reason for clients."""


class JobFailedOnSecrets(JobFailed):
    """The text may quote data that are encrypted: it is for clients, and not for the log."""


class JobStopped(JobFailed):
    """The work was stopped before its end."""


class WorkerPool(Enum):
    """The worker pool of a job.

    TRAINING: long computations. TRANSFER: reads or writes S3. UPKEEP: model refresh, metrics.
    """

    TRAINING = "training"
    TRANSFER = "transfer"
    UPKEEP = "upkeep"


_WORKERS: Mapping[WorkerPool, int] = MappingProxyType(
    {WorkerPool.TRAINING: 8, WorkerPool.TRANSFER: 8, WorkerPool.UPKEEP: 4}
)


def no_work() -> None:
    """The work of a job that only takes time; needs no worker."""


@dataclass(frozen=True, eq=False)
class Job(Generic[T]):
    """A job and its effects on a resource.

    begun: sets the in-progress state; returns False if the resource no longer exists.
    work: the slow part, run by a worker of `pool`; raises JobFailed. `no_work` if the job only takes time.
    succeeded, failed: set the final state. `failed` is also called if `begun` or `succeeded` raises.
    queues: names of the queues in which it waits for earlier jobs (R-DIJ-11, D-112).
    in_background: `start` returns immediately, even if the job has no duration.
    log_level: of the log lines about its start and success.
    hold: keeps the job in progress, before its work, until it is released. Calls and waits do not wait for held jobs.
    """

    name: str
    duration: Duration
    begun: Callable[[], bool]
    work: Callable[[], T]
    succeeded: Callable[[T], None]
    failed: Callable[[str], None]
    queues: tuple[str, ...] = ()
    in_background: bool = False
    pool: WorkerPool = WorkerPool.UPKEEP
    log_level: int = logging.INFO
    hold: JobHold | None = None

    @property
    def at_once(self) -> bool:
        return self.duration.waiting == 0 and self.duration.working == 0 and not self.in_background


def attempt(what: str, action: Callable[[], object]) -> Exception | None:
    """Run an action; exceptions are logged and returned, so that they do not affect other jobs."""
    try:
        action()
    except JobFailed as error:
        return error
    except Exception as error:
        log.error("%s: a step failed", what, exc_info=error)
        return error
    return None


def failure_reason(error: BaseException) -> str:
    """The failure reason for clients: the text of JobFailed, or the generic text of the service with a hint."""
    if isinstance(error, JobFailed):
        return str(error)
    first_line = next(iter(str(error).splitlines()), "")
    hint = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return f"{INTERNAL_ERROR} ({hint[:_LONGEST_HINT]})"


def unquoted(what: str, work: Callable[[], T]) -> T:
    """The result of work on data that are encrypted. Raises JobFailedOnSecrets and JobStopped."""
    try:
        return work()
    except JobStopped:
        raise
    except JobFailed as error:
        raise JobFailedOnSecrets(str(error)) from error
    except Exception as error:
        # The text may have a value; the places where it was raised have none.
        log.error("%s: the work failed\n%s", what, "".join(traceback.format_tb(error.__traceback__)))
        raise JobFailedOnSecrets(failure_reason(error)) from error


@dataclass(frozen=True, eq=False)
class _Run:
    """A job in progress. began, finish_at: epoch seconds of the emulator's clock; it ends at `finish_at` or later."""

    job: Job[Any]
    began: float
    finish_at: float
    future: Future[Any]


class Jobs:
    """Runs jobs. `close` cancels jobs that have not begun; results of running jobs are discarded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workers = {
            pool: ThreadPoolExecutor(workers, thread_name_prefix=f"personalize-emu-{pool.value}")
            for pool, workers in _WORKERS.items()
        }
        self._changed = threading.Condition()
        self._unfinished: set[Job[Any]] = set()
        self._working = 0
        self._queues: dict[str, deque[Job[Any]]] = {}
        self._held: list[Job[Any]] = []
        self._on_hold: dict[Job[Any], float] = {}
        self._timers: dict[int, Callable[[], None]] = {}
        self._timer_numbers = itertools.count()
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def start(self, job: Job[Any]) -> None:
        with self._changed:
            self._unfinished.add(job)
            for name in job.queues:
                self._queues.setdefault(name, deque()).append(job)
        if not job.at_once:
            self._clock.call_at(self._clock.now() + job.duration.waiting, lambda: self._due(job))
            return
        self._due(job)
        # The job may wait for jobs of other threads in its queues, and then runs in one of those threads.
        with self._changed:
            self._changed.wait_for(lambda: self._closed or job not in self._unfinished or self._is_stuck(job))

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Run `action` when the clock reaches `when`; cancelled by `close`.

        The clock may outlive these jobs, so it only gets a number and keeps no references.
        """
        with self._changed:
            if self._closed:
                return
            number = next(self._timer_numbers)
            self._timers[number] = action
        self._clock.call_at(when, lambda: self._fire_timer(number))

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Wait until all jobs have ended; False after `timeout` seconds of real time, or if the rest is on hold."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or all(map(self._is_stuck, self._unfinished)), timeout)
            return self._closed or not self._unfinished

    def resume(self, name: str) -> None:
        """Let the job of this name go on if it is on hold."""
        with self._changed:
            found = [job for job in self._on_hold if job.name == name]
        for job in found:
            self._go_on(job)

    def abandon(self, names: Collection[str]) -> None:
        """End jobs of these names that are on hold, without their work: nobody needs it any more."""
        with self._changed:
            found = [job for job in self._on_hold if job.name in names]
            for job in found:
                del self._on_hold[job]
        for job in found:
            self._finish(job)

    def wait_for_work(self) -> None:
        """Wait until no worker is busy; remaining jobs wait for the clock."""
        with self._changed:
            self._changed.wait_for(lambda: self._working == 0 or self._closed)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._timers.clear()
            self._on_hold.clear()
            self._changed.notify_all()
        for workers in self._workers.values():
            workers.shutdown(wait=False, cancel_futures=True)

    def _fire_timer(self, number: int) -> None:
        with self._changed:
            action = self._timers.pop(number, None)
        if action is not None:
            attempt("timer", action)

    def _due(self, job: Job[Any]) -> None:
        with self._changed:
            if not self._is_first(job):
                self._held.append(job)
                return
        self._begin(job, here=job.at_once)

    def _is_first(self, job: Job[Any]) -> bool:
        return all(self._queues[name][0] is job for name in job.queues)

    def _begin(self, job: Job[Any], *, here: bool) -> None:
        """here: wait for the work in this thread. Always done with a manual clock, for the thread that advances it."""
        if self._closed:
            return
        began = self._clock.now()
        wanted: list[bool] = []
        error = attempt(job.name, lambda: wanted.append(job.begun()))
        if error is not None or not wanted[0]:
            if error is not None:
                self._fail(job, error, began)
            self._finish(job)
            return
        log.log(job.log_level, "job started: %s", job.name)
        if job.hold is None:
            self._work_on(job, began, here=here)
            return
        with self._changed:
            self._on_hold[job] = began
            self._changed.notify_all()
        job.hold.when_released(lambda: self._go_on(job))

    def _go_on(self, job: Job[Any]) -> None:
        with self._changed:
            began = self._on_hold.pop(job, None)
            if began is None or self._closed:
                return
        self._work_on(job, began, here=job.at_once)

    def _is_stuck(self, job: Job[Any]) -> bool:
        """Whether the job is on hold, or waits in a queue for one that is."""
        if job in self._on_hold:
            return True
        queues = [list(self._queues[name]) for name in job.queues if name in self._queues]
        return any(self._is_stuck(other) for queue in queues if job in queue for other in queue[: queue.index(job)])

    def _work_on(self, job: Job[Any], began: float, *, here: bool) -> None:
        future = self._submitted(job)
        if future is None:
            return
        run = _Run(job, began, began + job.duration.working, future)
        if here or isinstance(self._clock, ManualClock):
            wait([future])
            self._work_done(run)
        else:
            future.add_done_callback(lambda _: self._work_done(run))

    def _submitted(self, job: Job[Any]) -> Future[Any] | None:
        """The future of the work; None if the jobs are closed."""
        with self._changed:
            if self._closed:
                return None
            self._working += 1
            future: Future[Any] = Future()
            if job.work is no_work:
                future.set_result(None)
                return future
            try:
                return self._workers[job.pool].submit(returning_memory, job.work)
            # The system cannot start another thread.
            except RuntimeError as error:
                future.set_exception(error)
                return future

    def _work_done(self, run: _Run) -> None:
        try:
            if run.future.cancelled():
                return
            if run.finish_at <= self._clock.now():
                self._end_run(run)
            else:
                self._clock.call_at(run.finish_at, lambda: self._end_run(run))
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _end_run(self, run: _Run) -> None:
        try:
            if not self._closed:
                self._apply_result(run)
        finally:
            self._finish(run.job)

    def _apply_result(self, run: _Run) -> None:
        job, error = run.job, run.future.exception()
        if error is None:
            error = attempt(job.name, partial(job.succeeded, run.future.result()))
        elif not isinstance(error, JobFailed):
            log.error("%s: the work failed", job.name, exc_info=error)
        if error is not None:
            self._fail(job, error, run.began)
            return
        log.log(job.log_level, "job ended: %s after %.1f s", job.name, self._clock.now() - run.began)

    def _fail(self, job: Job[Any], error: BaseException, began: float) -> None:
        reason = failure_reason(error)
        shown = UNLOGGED if isinstance(error, JobFailedOnSecrets) else reason
        word, level = ("stopped", job.log_level) if isinstance(error, JobStopped) else ("failed", logging.WARNING)
        log.log(level, "job %s: %s after %.1f s: %s", word, job.name, self._clock.now() - began, shown)
        for _ in range(_TRIES_TO_FAIL):
            # Retried once, because resources such as memory may be available again.
            if attempt(job.name, partial(job.failed, reason)) is None:
                return

    def _finish(self, job: Job[Any]) -> None:
        """Begin the jobs that waited for this one in a queue."""
        with self._changed:
            self._unfinished.discard(job)
            for name in job.queues:
                self._queues[name].remove(job)
                if not self._queues[name]:
                    del self._queues[name]
            following = [held for held in self._held if self._is_first(held)]
            self._held = [held for held in self._held if held not in following]
            self._changed.notify_all()
        for held in following:
            self._begin(held, here=False)
