"""Threads that requests are answered in, apart from each other by what they may wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Work = Callable[[], None]


class Lane:
    """A queue and its threads, which come into being as they are needed, up to `threads`.

    They are daemons: whoever stops does not wait for what they are at. One thread may call `run`.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._most = threads
        self._threads = 0
        self._queue: SimpleQueue[Work] = SimpleQueue()
        self._idle = threading.Semaphore(0)

    def run(self, work: Work) -> None:
        """Do `work`, which must not raise, as soon as a thread is free."""
        self._queue.put(work)
        if self._threads < self._most and not self._idle.acquire(blocking=False):
            self._threads += 1
            threading.Thread(target=self._work, name=f"personalize-emu-{self._name}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._queue.get()()
            if self._threads < self._most:
                self._idle.release()
