"""Answers that wait until what they report is written: those of many requests for one write.

    event loop       add ── answers wait ──────────────────────────▶ answer, answer, answer
    another thread        └▶ write, which includes all that was added before it began ┘
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from personalize_emu.state.commit_lock import NotWritten

Done = Callable[[NotWritten | None], None]
"""Called in the event loop, with the reason if nothing could be written."""
Run = Callable[[Callable[[], None]], object]


class GroupCommit:
    """write: writes everything that was queued before; raises NotWritten. run: work, in another thread.

    in_loop: work, in the event loop; raises RuntimeError once that is closed.
    """

    def __init__(self, write: Callable[[], None], run: Run, in_loop: Run) -> None:
        self._write, self._run, self._in_loop = write, run, in_loop
        self._waiting: list[Done] = []
        self._is_writing = False
        self._lock = threading.Lock()

    def add(self, done: Done) -> None:
        """Call `done` when all that is queued now has been written. Called in the event loop."""
        with self._lock:
            self._waiting.append(done)
            begins, self._is_writing = not self._is_writing, True
        if begins:
            self._run(self._write_groups)

    def _write_groups(self) -> None:
        while group := self._next_group():
            failure: NotWritten | None = None
            try:
                self._write()
            except NotWritten as error:
                failure = error
            # After the server has stopped, the clients are disconnected.
            with suppress(RuntimeError):
                self._in_loop(lambda group=group, failure=failure: _end(group, failure))  # type: ignore[misc]

    def _next_group(self) -> list[Done]:
        """Those whose changes the next write includes; none if the thread is not needed any more."""
        with self._lock:
            group, self._waiting = self._waiting, []
            self._is_writing = bool(group)
            return group


def _end(group: list[Done], failure: NotWritten | None) -> None:
    for done in group:
        done(failure)
