"""Warns about clients that use another endpoint while an emulator in the same process is active.

AWS_ENDPOINT_URL, `endpoint_url` or the configuration file take precedence over the in-process emulator: the request
leaves the process, and the test sees the state of another server.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from botocore import handlers

SERVICES = ("personalize", "personalize-runtime", "personalize-events")
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class EndpointBypassesEmulator(UserWarning):
    """A client of Personalize used another endpoint although an emulator in this process is active."""


class _Active:
    """Counts the active emulators of this process. intended: host and port of servers that a test uses on purpose."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0
        self.intended: list[str] = []

    def add(self, number: int) -> None:
        with self._lock:
            self.count += number


_active = _Active()


@contextmanager
def bypass_warnings() -> Iterator[None]:
    """Inside the block, clients created after the first use warn once per calling location."""
    _register()
    _active.add(1)
    try:
        yield
    finally:
        _active.add(-1)


@contextmanager
def without_warnings_of(url: str) -> Iterator[None]:
    """Inside the block, requests to the server at `url` cause no warnings."""
    netloc = urlsplit(url).netloc
    _active.intended.append(netloc)
    try:
        yield
    finally:
        _active.intended.remove(netloc)


@cache
def _register() -> None:
    """Register the handler, once per process; botocore adds it to clients created later."""
    handlers.BUILTIN_HANDLERS.extend((f"before-send.{service}", _warn_of_bypass) for service in SERVICES)


def _warn_of_bypass(request: Any, event_name: str, **_: Any) -> None:
    parts = urlsplit(request.url)
    if _active.count == 0 or (parts.hostname or "").endswith(AWS_DOMAINS) or parts.netloc in _active.intended:
        return
    service = event_name.split(".")[1]
    message = (
        f"a client of {service} talks to {request.url} and bypasses the emulator of this process: unset "
        "AWS_ENDPOINT_URL and leave out endpoint_url, or use a server (the fixture personalize_server)"
    )
    warnings.warn(message, EndpointBypassesEmulator, stacklevel=2)
