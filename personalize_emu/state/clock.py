"""Clocks: the current time, scheduled callbacks, and advancing of time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Protocol

Callback = Callable[[], None]
LATEST = 253_370_764_800.0
"""Epoch seconds of the year 9999, with a margin so that later timestamps are still valid dates."""


class ClockOutOfRange(ValueError):
    """The clock would leave the range of valid dates."""


class Clock(Protocol):
    """Seconds since the epoch, with millisecond resolution (P-30)."""

    def now(self) -> float: ...

    def call_at(self, when: float, callback: Callback) -> None:
        """Run `callback` once when the clock reaches `when`; immediately if it already has."""

    def advance(self, seconds: float) -> None:
        """Advance the clock and run all callbacks that become due, in order of time.

        Raises:
            ClockOutOfRange: the clock would go past the year 9998; it has not moved.
        """

    @property
    def advanced(self) -> float:
        """Seconds that are to be restored with `restore`."""

    def restore(self, advanced: float) -> None:
        """Go on from where a clock was that had been advanced as far; called before anything is scheduled."""

    def start_over(self) -> None:
        """Cancel all callbacks and, for the system clock, undo all advances."""

    def close(self) -> None:
        """Cancel all callbacks and stop."""


class _Schedule:
    """Callbacks in order of time, then of insertion. Not thread-safe."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callback]] = []
        self._insertions = itertools.count()

    def add(self, when: float, callback: Callback) -> None:
        heapq.heappush(self._entries, (when, next(self._insertions), callback))

    def take_due(self, now: float) -> tuple[float, Callback] | None:
        if self._entries and self._entries[0][0] <= now:
            when, _, callback = heapq.heappop(self._entries)
            return when, callback
        return None

    def next_time(self) -> float | None:
        return self._entries[0][0] if self._entries else None

    def clear(self) -> None:
        self._entries.clear()


class ManualClock:
    """A clock that moves only when it is advanced. Callbacks run in the thread that advances it."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._schedule = _Schedule()
        # Held briefly and never during callbacks, which may wait for other threads that use this clock.
        self._lock = threading.Lock()
        self._advancing = threading.RLock()

    def now(self) -> float:
        return round(self._now, 3)

    def call_at(self, when: float, callback: Callback) -> None:
        with self._lock:
            self._schedule.add(when, callback)
        if when <= self._now:
            self._run_until(self._now)

    def advance(self, seconds: float) -> None:
        _refuse_negative(seconds)
        with self._advancing:
            target = _possible(self._now + seconds)
            self._run_until(target)
            self._now = target

    @property
    def advanced(self) -> float:
        """The time itself: seconds since the epoch."""
        return self._now

    def restore(self, advanced: float) -> None:
        self._now = max(self._now, advanced)

    def start_over(self) -> None:
        with self._lock:
            self._schedule.clear()

    def close(self) -> None:
        self.start_over()

    def _run_until(self, target: float) -> None:
        while (callback := self._step_towards(target)) is not None:
            callback()

    def _step_towards(self, target: float) -> Callback | None:
        with self._lock:
            entry = self._schedule.take_due(target)
            if entry is None:
                return None
            when, callback = entry
            self._now = max(self._now, when)
            return callback


class SystemClock:
    """The system time plus an offset that `advance` increases. Callbacks run in their own thread."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._schedule = _Schedule()
        self._changed = threading.Condition()
        self._advancing = threading.RLock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def now(self) -> float:
        return round(time.time() + self._offset, 3)

    def call_at(self, when: float, callback: Callback) -> None:
        with self._changed:
            if self._closed:
                return
            self._schedule.add(when, callback)
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def advance(self, seconds: float) -> None:
        _refuse_negative(seconds)
        with self._advancing:
            target = self._offset + seconds
            _possible(time.time() + target)
            while (callback := self._step_towards(target)) is not None:
                callback()
            self._offset = target

    @property
    def advanced(self) -> float:
        """Ahead of the system time."""
        return self._offset

    def restore(self, advanced: float) -> None:
        self._offset = max(self._offset, advanced)

    def start_over(self) -> None:
        with self._advancing, self._changed:
            self._schedule.clear()
            self._offset = 0.0

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._schedule.clear()
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _step_towards(self, target: float) -> Callback | None:
        """Move to the next callback that is due within the `target` offset, so that it sees its own time."""
        with self._changed:
            machine = time.time()
            entry = self._schedule.take_due(round(machine + target, 3))
            if entry is None:
                return None
            when, callback = entry
            self._offset = min(max(self._offset, when - machine), target)
            return callback

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="personalize-emu-clock", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._call_when_due()
        finally:
            # An exception of a callback is reported like that of any thread and must not stop the clock.
            with self._changed:
                if not self._closed:
                    self._start()

    def _call_when_due(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                entry = self._schedule.take_due(self.now())
                if entry is None:
                    when = self._schedule.next_time()
                    # Times are rounded to milliseconds, so a shorter wait would loop.
                    self._changed.wait(None if when is None else max(when - self.now(), 0.001))
                    continue
            entry[1]()


def _refuse_negative(seconds: float) -> None:
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"a clock moves forward only, not by {seconds} seconds")


def _possible(when: float) -> float:
    if when >= LATEST:
        raise ClockOutOfRange("the clock cannot go past the year 9998; a reset takes it back to now")
    return when
