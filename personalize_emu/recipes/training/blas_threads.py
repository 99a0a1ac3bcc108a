"""One thread for linear algebra while models are trained.

More threads hardly help at the sizes of one training, cost several times the time when the machine has other
work, and make sums depend on the number of cores: with one, the same data give the same bytes everywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from personalize_emu.lazy_imports import load_linear_algebra


class _Limit:
    """The limit is one of the whole process, so trainings that overlap share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limits: threadpool_limits | None = None

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                load_linear_algebra()
                self._limits = threadpool_limits(limits=1, user_api="blas")

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._limits is not None:
                self._limits.restore_original_limits()


_LIMIT = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """The libraries get their threads back when the last of several overlapping uses ends."""
    _LIMIT.enter()
    try:
        yield
    finally:
        _LIMIT.leave()
