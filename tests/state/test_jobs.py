"""Jobs: states on the clock, work in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock, SystemClock
from personalize_emu.state.jobs import Job, JobFailed, Jobs
from personalize_emu.state.lifecycle import Duration

AT_ONCE = Duration(0, 0)


class Diary:
    """Writes down what happens to a job."""

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


def test_states_last_as_long_as_they_should_on_the_clock() -> None:
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


def test_a_failure_carries_its_reason() -> None:
    diary, jobs = Diary(), Jobs(ManualClock())
    jobs.start(diary.job(fail))
    assert diary.entries == ["begun", "failed too few rows"]
    jobs.close()


def test_a_fault_in_the_work_is_logged_and_ends_the_job(caplog: pytest.LogCaptureFixture) -> None:
    diary, jobs = Diary(), Jobs(ManualClock())
    with caplog.at_level(logging.ERROR):
        jobs.start(diary.job(lambda: 1 / 0))
    assert diary.entries == ["begun", "failed An internal error occurred. Please try again."]
    assert "ZeroDivisionError" in caplog.text
    jobs.close()


def test_jobs_of_one_queue_run_in_order_of_start() -> None:
    """R-DIJ-11."""
    clock, order = SystemClock(), []
    jobs, gate, diary = Jobs(clock), threading.Event(), Diary()

    def first() -> None:
        gate.wait(10)
        order.append("first")

    jobs.start(diary.job(first, Duration(0, 0.001), "dataset"))
    jobs.start(diary.job(lambda: order.append("second"), Duration(0, 0.001), "dataset"))
    jobs.start(diary.job(gate.set, Duration(0, 0.001), "another"))
    assert jobs.wait_idle(10)
    assert order == ["first", "second"]
    jobs.close()
    clock.close()


def test_a_job_begins_when_those_before_it_in_each_of_its_queues_are_done() -> None:
    """R-DIJ-11, D-112: not as soon as their work is done."""
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


def test_at_once_means_after_the_jobs_of_other_threads() -> None:
    """D-112: the call returns when its own work is done, too."""
    jobs, started, gate = Jobs(SystemClock()), threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        started.set()
        gate.wait(10)
        order.append("first")

    def second() -> None:
        jobs.start(Diary().job(lambda: order.append("second"), AT_ONCE, "a"))
        order.append("returned")

    threads = [threading.Thread(target=jobs.start, args=(Diary().job(first, AT_ONCE, "a"),))]
    threads[0].start()
    assert started.wait(10)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second", "returned"]
    jobs.close()


def test_late_results_reach_nobody_once_jobs_are_closed() -> None:
    clock, diary = SystemClock(), Diary()
    jobs, started, gate = Jobs(clock), threading.Event(), threading.Event()

    def work() -> str:
        started.set()
        gate.wait(10)
        return "late"

    jobs.start(diary.job(work, Duration(0, 0.001)))
    assert started.wait(10)
    jobs.close()
    gate.set()
    clock.close()
    assert diary.entries == ["begun"]


def test_a_job_without_anything_left_to_do_does_not_work() -> None:
    jobs, worked = Jobs(ManualClock()), []
    jobs.start(
        Job("called off", Duration(0, 0), lambda: False, lambda: worked.append(1), lambda _: None, print)
    )
    assert worked == []
    assert jobs.wait_idle(0)
    jobs.close()
