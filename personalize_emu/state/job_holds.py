"""Holds: keep jobs in progress until they are released, for tests of programs that wait."""

from __future__ import annotations

import threading
from collections.abc import Callable


class JobHold:
    """Released once; jobs that reach it later are not held. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._released = False
        self._waiting: list[Callable[[], None]] = []

    def when_released(self, action: Callable[[], None]) -> None:
        """Run `action` in the thread that releases the hold; in this one if it has been released."""
        with self._lock:
            if not self._released:
                self._waiting.append(action)
                return
        action()

    def release(self) -> None:
        with self._lock:
            self._released = True
            waiting, self._waiting = self._waiting, []
        for action in waiting:
            action()
