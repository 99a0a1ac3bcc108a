"""A lock at whose outermost release the changes made under it are written down."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from personalize_emu.wire.errors import InternalFailure

log = logging.getLogger(__name__)


class NotWritten(InternalFailure):
    """A change could not be written to the data directory; the text says why. Later writes include the change."""

    @property
    def code(self) -> str:
        return InternalFailure.__name__


class ReentrantLock(Protocol):
    """What the store's lock is used for; `threading.RLock` and `CommitLock` have it."""

    def acquire(self, blocking: bool = True) -> bool: ...

    def release(self) -> None: ...

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class CommitLock:
    """A re-entrant lock. commit: called by the thread that has the lock, before it releases the outermost level.

    What `commit` raises is raised by the release, after the lock is free, unless another exception is on its way: then
    it is logged.
    """

    def __init__(self, commit: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        # Used by the thread that has the lock only.
        self._depth = 0
        self._commit = commit

    def acquire(self, blocking: bool = True) -> bool:
        taken = self._lock.acquire(blocking)
        self._depth += taken
        return taken

    def release(self) -> None:
        try:
            self.commit_if_outermost()
        finally:
            self._depth -= 1
            self._lock.release()

    def commit_if_outermost(self) -> None:
        """Commit now, so that what it raises can be handled under the lock."""
        if self._depth == 1:
            self._commit()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.release()
            return
        try:
            self.commit_if_outermost()
        except NotWritten as unwritten:
            # The exception on its way is the one to report.
            log.error("%s", unwritten.message)
        finally:
            self._depth -= 1
            self._lock.release()
