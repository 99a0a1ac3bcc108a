"""Points out clients that talk to an endpoint of their own while an emulator in the same process is active.

AWS_ENDPOINT_URL, an `endpoint_url` of the client or one of the configuration file wins over the in-process
emulator: the request leaves the process, and the test sees another server's state, or none.
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
    """A client of Personalize was sent elsewhere although an emulator in this process is active."""


class _Active:
    """How many emulators of this process are active."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self, number: int) -> None:
        with self._lock:
            self.count += number


_active = _Active()


@contextmanager
def bypass_warned() -> Iterator[None]:
    """While active, clients made after the first use warn once for each place they are called from."""
    _register()
    _active.add(1)
    try:
        yield
    finally:
        _active.add(-1)


@cache
def _register() -> None:
    """Once a process: botocore puts its built-in handlers on every client that is made later."""
    handlers.BUILTIN_HANDLERS.extend((f"before-send.{service}", _warn_of_bypass) for service in SERVICES)


def _warn_of_bypass(request: Any, event_name: str, **_: Any) -> None:
    host = urlsplit(request.url).hostname or ""
    if _active.count == 0 or host.endswith(AWS_DOMAINS):
        return
    service = event_name.split(".")[1]
    message = (
        f"a client of {service} talks to {request.url} and bypasses the emulator of this process: unset "
        "AWS_ENDPOINT_URL and leave out endpoint_url, or use a server (the fixture personalize_server)"
    )
    warnings.warn(message, EndpointBypassesEmulator, stacklevel=2)
