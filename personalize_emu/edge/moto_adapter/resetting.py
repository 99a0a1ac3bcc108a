"""Resets of the embedded services in one step: nobody sees half of what moto forgets.

uses          any number at once, of S3 one at a time; they wait while a reset is under way
a reset       waits for the uses that have begun, and keeps later ones waiting
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.model_instances import reset_model_data


class SharedLock:
    """Many threads at once, or one that excludes all others. A thread that has a turn may take it again."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._users = 0
        self._excluding = 0
        self._own = threading.local()

    @contextmanager
    def shared(self) -> Iterator[None]:
        depth = getattr(self._own, "depth", 0)
        if depth == 0:
            with self._changed:
                # Those that want to exclude come first, so that a stream of users cannot keep them out.
                self._changed.wait_for(lambda: self._excluding == 0)
                self._users += 1
        self._own.depth = depth + 1
        try:
            yield
        finally:
            self._own.depth = depth
            if depth == 0:
                with self._changed:
                    self._users -= 1
                    self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Must not be taken inside a shared turn."""
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


_lock = SharedLock()
"""moto's stores are those of the process, and so is this."""

_objects = threading.RLock()


@contextmanager
def using_services(service: str | None) -> Iterator[None]:
    """Around each call of moto. service: what is called; None where only moto can tell."""
    with _lock.shared():
        # moto closes the content of an object that is written again, also while another thread reads it.
        if service in (None, "s3"):
            with _objects:
                yield
        else:
            yield


def _nothing() -> None:
    """Only the embedded services are reset."""


def reset_services(meanwhile: Callable[[], None] = _nothing) -> None:
    """Forget every bucket, role, key and alarm.

    Args:
        meanwhile: called while nobody uses the services; it must not wait for anybody who does.
    """
    with _lock.exclusive(), _without_managed_policies():
        meanwhile()
        BackendDict.reset()
        reset_model_data()


@contextmanager
def _without_managed_policies() -> Iterator[None]:
    """moto fills all stores anew before it drops them; reading a thousand policies for that would take seconds."""
    # A typed dictionary of moto's newest version only.
    config: Any = default_user_config["iam"]
    wanted = config["load_aws_managed_policies"]
    config["load_aws_managed_policies"] = False
    try:
        yield
    finally:
        config["load_aws_managed_policies"] = wanted
