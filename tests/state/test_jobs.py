"""Jobs: states on the clock, work in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from personalize_emu.state.clock import Clock, ManualClock, SystemClock
from personalize_emu.state.jobs import INTERNAL_ERROR, Job, JobFailed, Jobs, JobStopped, WorkerPool, no_work
from personalize_emu.state.lifecycle import Duration

AT_ONCE = Duration(0, 0)
SHORT = Duration(0.001, 0.001)


class Diary:
    """Records the callbacks of a job."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def job(
        self,
        work: Callable[[], Any] = lambda: "done",
        duration: Duration = AT_ONCE,
        *queues: str,
    ) -> Job[Any]:
        return Job(
            "test",
            duration,
            lambda: self.entries.append("begun") is None,
            work,
            lambda result: self.entries.append(f"succeeded {result}"),
            lambda reason: self.entries.append(f"failed {reason}"),
            queues,
        )


def fail() -> None:
    raise JobFailed("too few rows")


def test_without_duration_everything_happens_inside_start() -> None:
    diary, jobs = Diary(), Jobs(SystemClock())
    jobs.start(diary.job())
    assert diary.entries == ["begun", "succeeded done"]
    jobs.close()


def test_states_last_for_their_durations() -> None:
    """R-GEN-19."""
    clock, diary = ManualClock(), Diary()
    jobs = Jobs(clock)
    jobs.start(diary.job(duration=Duration(10, 20)))
    clock.advance(9.9)
    assert diary.entries == []
    clock.advance(0.2)
    assert diary.entries == ["begun"]
    clock.advance(19)
    assert diary.entries == ["begun"]
    clock.advance(1)
    assert diary.entries == ["begun", "succeeded done"]
    assert jobs.wait_idle(0)
    jobs.close()


def test_failure_has_reason() -> None:
    diary, jobs = Diary(), Jobs(ManualClock())
    jobs.start(diary.job(fail))
    assert diary.entries == ["begun", "failed too few rows"]
    jobs.close()


def test_exception_in_work_is_logged_and_fails_the_job(caplog: pytest.LogCaptureFixture) -> None:
    diary, jobs = Diary(), Jobs(ManualClock())
    with caplog.at_level(logging.ERROR):
        jobs.start(diary.job(lambda: 1 / 0))
    assert diary.entries == ["begun", f"failed {INTERNAL_ERROR} (ZeroDivisionError: division by zero)"]
    assert "ZeroDivisionError" in caplog.text
    jobs.close()


def test_jobs_of_one_queue_run_in_order_of_start() -> None:
    """R-DIJ-11."""
    clock, order = SystemClock(), []
    jobs, access_check, diary = Jobs(clock), threading.Event(), Diary()

    def first() -> None:
        access_check.wait(10)
        order.append("first")

    jobs.start(diary.job(first, Duration(0, 0.001), "dataset"))
    jobs.start(diary.job(lambda: order.append("second"), Duration(0, 0.001), "dataset"))
    jobs.start(diary.job(access_check.set, Duration(0, 0.001), "another"))
    assert jobs.wait_idle(10)
    assert order == ["first", "second"]
    jobs.close()
    clock.close()


def test_job_waits_for_earlier_jobs_in_its_queues() -> None:
    """R-DIJ-11, D-112: not when their work is done, but when they have ended."""
    clock = ManualClock()
    jobs, one, other, both, behind = Jobs(clock), Diary(), Diary(), Diary(), Diary()
    jobs.start(one.job(lambda: "done", Duration(0, 100), "a"))
    jobs.start(other.job(fail, Duration(0, 200), "b"))
    jobs.start(both.job(lambda: "done", Duration(10, 10), "a", "b"))
    jobs.start(behind.job(lambda: "done", Duration(0, 5), "b"))
    clock.advance(199)
    assert (one.entries[-1], other.entries, both.entries) == ("succeeded done", ["begun"], [])
    clock.advance(1)
    assert (other.entries[-1], both.entries) == ("failed too few rows", ["begun"])
    clock.advance(9)
    assert (both.entries, behind.entries) == (["begun"], [])
    clock.advance(1)
    assert (both.entries[-1], behind.entries) == ("succeeded done", ["begun"])
    clock.advance(5)
    assert behind.entries[-1] == "succeeded done"
    assert jobs.wait_idle(0)
    jobs.close()


def test_instant_job_waits_for_jobs_of_other_threads() -> None:
    """D-112: the call returns when its own work is done."""
    jobs, started, access_check = Jobs(SystemClock()), threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        started.set()
        access_check.wait(10)
        order.append("first")

    def second() -> None:
        jobs.start(Diary().job(lambda: order.append("second"), AT_ONCE, "a"))
        order.append("returned")

    threads = [threading.Thread(target=jobs.start, args=(Diary().job(first, AT_ONCE, "a"),))]
    threads[0].start()
    assert started.wait(10)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    access_check.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second", "returned"]
    jobs.close()


def test_results_after_close_are_discarded() -> None:
    clock, diary = SystemClock(), Diary()
    jobs, started, access_check = Jobs(clock), threading.Event(), threading.Event()

    def work() -> str:
        started.set()
        access_check.wait(10)
        return "late"

    jobs.start(diary.job(work, Duration(0, 0.001)))
    assert started.wait(10)
    jobs.close()
    access_check.set()
    clock.close()
    assert diary.entries == ["begun"]


def test_job_of_a_removed_resource_does_not_run() -> None:
    jobs, worked = Jobs(ManualClock()), []
    jobs.start(
        Job("called off", Duration(0, 0), lambda: False, lambda: worked.append(1), lambda _: None, print)
    )
    assert worked == []
    assert jobs.wait_idle(0)
    jobs.close()


class Broken(RuntimeError):
    """An unexpected exception."""


def broken(*_: object) -> Any:
    raise Broken("all is lost")


@pytest.mark.parametrize("stage", ["begun", "work", "succeeded"])
@pytest.mark.parametrize("duration", [AT_ONCE, SHORT, Duration(1, 1)])
@pytest.mark.parametrize("make_clock", [SystemClock, ManualClock])
def test_exception_at_any_stage_fails_only_its_job(
    stage: str, duration: Duration, make_clock: Callable[[], Clock], caplog: pytest.LogCaptureFixture
) -> None:
    clock, diary = make_clock(), Diary()
    jobs = Jobs(clock)
    jobs.start(replace(diary.job(lambda: "done", duration, "a", "b"), **{stage: broken}))
    jobs.start(diary.job(lambda: "next", duration, "a"))
    jobs.start(diary.job(lambda: "other", duration, "b"))
    clock.advance(5)
    jobs.wait_for_work()
    clock.advance(5)
    assert jobs.wait_idle(10)
    assert f"failed {INTERNAL_ERROR} (Broken: all is lost)" in diary.entries
    assert {"succeeded next", "succeeded other"} <= set(diary.entries)
    assert "Traceback" in caplog.text
    jobs.close()
    clock.close()


def test_failing_failed_callback_does_not_block_others() -> None:
    jobs, diary, tries = Jobs(ManualClock()), Diary(), []

    def failed(reason: str) -> None:
        tries.append(reason)
        raise Broken(reason)

    jobs.start(replace(diary.job(fail, AT_ONCE, "a"), failed=failed))
    jobs.start(diary.job(lambda: "next", AT_ONCE, "a"))
    assert tries == ["too few rows", "too few rows"]
    assert diary.entries == ["begun", "begun", "succeeded next"]
    jobs.close()


def test_failing_timer_does_not_affect_others() -> None:
    clock, rung = ManualClock(), []
    jobs = Jobs(clock)
    jobs.at(clock.now() + 1, broken)
    jobs.at(clock.now() + 2, lambda: rung.append("second"))
    clock.advance(3)
    assert rung == ["second"]
    jobs.close()


class Blocked:
    """As many jobs as a pool has workers, whose work waits for `release`."""

    def __init__(self, jobs: Jobs, pool: WorkerPool) -> None:
        self.release, self._begun = threading.Event(), threading.Semaphore(0)
        for _ in range(20):
            jobs.start(replace(Diary().job(self._work, Duration(0, 0.001)), pool=pool))
        assert self._begun.acquire(timeout=10)

    def _work(self) -> None:
        self._begun.release()
        assert self.release.wait(30)


@pytest.mark.parametrize("pool", WorkerPool)
@pytest.mark.parametrize("duration", [AT_ONCE, SHORT])
def test_jobs_without_work_need_no_worker(pool: WorkerPool, duration: Duration) -> None:
    clock = SystemClock()
    jobs, ended = Jobs(clock), threading.Event()
    blocked = Blocked(jobs, pool)
    jobs.start(replace(Diary().job(no_work, duration), succeeded=lambda _: ended.set()))
    assert ended.wait(10)
    blocked.release.set()
    assert jobs.wait_idle(10)
    jobs.close()
    clock.close()


@pytest.mark.parametrize("pool", WorkerPool)
def test_pools_do_not_wait_for_each_other(pool: WorkerPool) -> None:
    clock = SystemClock()
    jobs = Jobs(clock)
    blocked = [Blocked(jobs, other) for other in WorkerPool if other is not pool]
    ended = threading.Event()
    jobs.start(replace(Diary().job(lambda: "done", SHORT), pool=pool, succeeded=lambda _: ended.set()))
    assert ended.wait(10)
    for each in blocked:
        each.release.set()
    jobs.close()
    clock.close()


class Watched(Jobs):
    """Signals that a job waits in its queue."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.held = threading.Event()

    def _is_first(self, job: Job[Any]) -> bool:
        if super()._is_first(job):
            return True
        self.held.set()
        return False


def test_call_waits_for_its_own_work_only() -> None:
    """With pace instant, the first job of a queue returns while the second, of another thread, is running."""
    jobs, access_check, first_works, second_works = Watched(SystemClock()), *(threading.Event() for _ in range(3))

    def first() -> None:
        first_works.set()
        assert jobs.held.wait(10)

    def second() -> None:
        second_works.set()
        assert access_check.wait(10)

    calls = [threading.Thread(target=jobs.start, args=(Diary().job(first, AT_ONCE, "a"),))]
    calls[0].start()
    assert first_works.wait(10)
    calls.append(threading.Thread(target=jobs.start, args=(Diary().job(second, AT_ONCE, "a"),)))
    calls[1].start()
    calls[0].join(10)
    assert not calls[0].is_alive()
    assert second_works.wait(10)
    assert calls[1].is_alive()
    access_check.set()
    calls[1].join(10)
    assert not calls[1].is_alive()
    jobs.close()


def test_the_log_has_a_line_for_each_start_and_each_end(caplog: pytest.LogCaptureFixture) -> None:
    clock, diary = ManualClock(), Diary()
    jobs = Jobs(clock)

    def stop() -> None:
        raise JobStopped("stopped before fitting")

    caplog.set_level(logging.INFO, logger="personalize_emu.state.jobs")
    for name, work in (("good", lambda: "done"), ("bad", fail), ("unwanted", stop)):
        jobs.start(replace(diary.job(work, Duration(1, 2)), name=name))
    jobs.start(replace(diary.job(duration=Duration(1, 2)), name="quiet", log_level=logging.DEBUG))
    clock.advance(4)
    assert {(record.levelname, record.getMessage()) for record in caplog.records} == {
        ("INFO", "job started: good"),
        ("INFO", "job ended: good after 2.0 s"),
        ("INFO", "job started: bad"),
        ("WARNING", "job failed: bad after 2.0 s: too few rows"),
        ("INFO", "job started: unwanted"),
        ("INFO", "job stopped: unwanted after 2.0 s: stopped before fitting"),
    }
    jobs.close()
