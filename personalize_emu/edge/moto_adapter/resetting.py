"""Atomic resets of the embedded services.

uses          concurrent, for S3 one at a time; they wait during a reset
reset         waits for uses in progress and blocks new ones
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data


class SharedLock:
    """A readers-writer lock. A thread that holds it may acquire it again."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._users = 0
        self._excluding = 0
        self._own = threading.local()

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._shared(wait=True):
            yield

    def shared_if_free(self) -> AbstractContextManager[bool]:
        """As `shared`, but does not wait: False, without the lock, while a writer has it or waits for it."""
        return self._shared(wait=False)

    @contextmanager
    def _shared(self, *, wait: bool) -> Iterator[bool]:
        depth = getattr(self._own, "depth", 0)
        if depth == 0:
            with self._changed:
                # Writers have priority, so that continuous use cannot starve them.
                free = self._changed.wait_for(lambda: self._excluding == 0) if wait else self._excluding == 0
                self._users += free
            if not free:
                yield False
                return
        self._own.depth = depth + 1
        try:
            yield True
        finally:
            self._own.depth = depth
            if depth == 0:
                with self._changed:
                    self._users -= 1
                    self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Must not be acquired while the thread holds the lock shared."""
        with self._changed:
            self._changed.wait_for(lambda: self._excluding == 0)
            self._excluding += 1
            self._changed.wait_for(lambda: self._users == 0)
        self._own.depth = 1
        try:
            yield
        finally:
            self._own.depth = 0
            with self._changed:
                self._excluding -= 1
                self._changed.notify_all()

    @property
    def is_excluding(self) -> bool:
        """Whether a use would wait now."""
        return self._excluding > 0


_lock = SharedLock()
"""Global, as moto's stores are."""

_objects = threading.RLock()


@contextmanager
def using_services(service: str | None) -> Iterator[None]:
    """Wraps each call of moto. service: the called service, None if unknown."""
    with _lock.shared():
        # moto closes the content of an overwritten object even while another thread reads it.
        if service in (None, "s3"):
            with _objects:
                yield
        else:
            yield


def is_resetting() -> bool:
    """Whether a call of moto would wait now for the end of a reset."""
    return _lock.is_excluding


@contextmanager
def using_services_if_free() -> Iterator[bool]:
    """As `using_services`, for work that a reset makes needless: False if there is one now."""
    with _lock.shared_if_free() as free:
        yield free


def _nothing() -> None:
    """Used when only the embedded services are reset."""


def reset_services(meanwhile: Callable[[], None] = _nothing, *, forget: Callable[[], None] = _nothing) -> None:
    """Delete all resources of the embedded services.

    Args:
        meanwhile: called while the services are locked; it must not wait for a thread that uses them.
        forget: called last, still under the lock: what is kept of the services is removed.
    """
    with _lock.exclusive():
        meanwhile()
        BackendDict.reset()
        reset_model_data()
        forget()
