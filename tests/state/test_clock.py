"""Clocks: reading, scheduling and advancing time."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.state.clock import LATEST, Clock, ClockOutOfRange, ManualClock, SystemClock


def test_manual_clock_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(100.0)
    assert clock.now() == 100.0
    clock.advance(2.5)
    assert clock.now() == 102.5


@given(st.lists(st.floats(0, 1000), max_size=20))
def test_manual_clock_runs_callbacks_in_order_of_time(delays: list[float]) -> None:
    clock = ManualClock(0.0)
    ran: list[float] = []
    for delay in delays:
        clock.call_at(delay, lambda delay=delay: ran.append(delay))
    clock.advance(1000)
    assert sorted(ran) == sorted(delays)
    later = [delay for delay in ran if delay > 0]
    assert later == sorted(later)


def test_callbacks_see_the_moment_they_were_scheduled_for() -> None:
    clock = ManualClock(0.0)
    seen: list[float] = []
    clock.call_at(10, lambda: (seen.append(clock.now()), clock.call_at(30, lambda: seen.append(clock.now()))))
    clock.advance(100)
    assert seen == [10, 30]
    assert clock.now() == 100


@pytest.mark.parametrize("clock", [ManualClock(), SystemClock()])
@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_clocks_move_forward_only(clock: ManualClock | SystemClock, seconds: float) -> None:
    with pytest.raises(ValueError, match="forward"):
        clock.advance(seconds)


def test_now_has_millisecond_resolution() -> None:
    """P-30."""
    assert ManualClock(1.23456).now() == 1.235


def test_system_clock_runs_callbacks_in_its_own_thread() -> None:
    clock = SystemClock()
    ran = threading.Event()
    clock.call_at(clock.now() + 0.005, ran.set)
    assert ran.wait(10)
    clock.close()


def test_advance_of_system_clock_runs_due_callbacks() -> None:
    clock = SystemClock()
    ran: list[str] = []
    clock.call_at(clock.now() + 7200, lambda: ran.append("two hours"))
    clock.call_at(clock.now() + 3600, lambda: ran.append("one hour"))
    clock.advance(5000)
    assert ran == ["one hour"]
    clock.advance(5000)
    assert ran == ["one hour", "two hours"]
    clock.close()


def test_callbacks_scheduled_by_callbacks_run_in_the_same_advance() -> None:
    clock = SystemClock()
    ran: list[str] = []
    first = clock.now() + 600

    def then() -> None:
        assert first <= clock.now() < first + 60
        clock.call_at(clock.now() + 600, lambda: ran.append("second"))

    clock.call_at(first, then)
    clock.advance(3600)
    assert ran == ["second"]
    clock.close()


def test_other_threads_can_use_a_clock_that_is_being_advanced() -> None:
    clock = ManualClock(0.0)
    ran: list[float] = []

    def use_from_another_thread() -> None:
        other = threading.Thread(target=lambda: clock.call_at(20, lambda: ran.append(clock.now())))
        other.start()
        other.join(10)
        assert not other.is_alive()

    clock.call_at(10, use_from_another_thread)
    clock.advance(30)
    assert ran == [20]


def test_close_cancels_callbacks() -> None:
    clock = SystemClock()
    ran: list[str] = []
    clock.call_at(clock.now() + 3600, lambda: ran.append("never"))
    clock.close()
    clock.call_at(clock.now(), lambda: ran.append("never"))
    assert ran == []


def test_start_over_resets_system_clock_and_cancels_callbacks() -> None:
    clock = SystemClock()
    ran: list[str] = []
    clock.call_at(clock.now() + 7200, lambda: ran.append("never"))
    before = clock.now()
    clock.advance(3600)
    clock.start_over()
    assert clock.now() < before + 3600
    clock.advance(7200)
    assert ran == []
    clock.close()


def test_manual_clock_keeps_time_on_start_over() -> None:
    clock = ManualClock(10.0)
    ran: list[str] = []
    clock.call_at(20, lambda: ran.append("never"))
    clock.advance(5)
    clock.start_over()
    assert clock.now() == 15
    clock.advance(10)
    assert ran == []


def test_failing_callback_does_not_stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    reported, called = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda fault: fault.exc_type is LookupError and reported.set())
    clock = SystemClock()

    def broken() -> None:
        raise LookupError("a fault of ours")

    clock.call_at(clock.now(), broken)
    clock.call_at(clock.now() + 0.002, called.set)
    assert called.wait(10)
    assert reported.wait(10)
    clock.close()


@pytest.mark.parametrize("clock", [ManualClock(LATEST - 10), SystemClock()])
def test_clock_refuses_invalid_years(clock: Clock) -> None:
    before = clock.now()
    with pytest.raises(ClockOutOfRange):
        clock.advance(LATEST - before + 1)
    assert clock.now() < before + 60
    clock.close()
