"""Responses that a declared fault delays, breaks or drops."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from personalize_emu.doubles.faults import Injection
from personalize_emu.wire.render import Response


class ConnectionClosed(Exception):
    """Raised for callers in this process instead of a response whose connection is dropped."""


@dataclass(frozen=True)
class FaultyResponse(Response):
    """delay: seconds of real time. drop: it is never sent. released: ends the delay early, in process."""

    delay: float
    drop: bool
    released: threading.Event


def with_fault(response: Response, injection: Injection) -> FaultyResponse:
    """The response of a request that was hit."""
    body = response.body
    if injection.wrong_json:
        # What precedes the closing brace of an object is never valid JSON.
        body = body[: len(body) // 2] or b"{"
    headers = [(name, value) for name, value in response.headers if name != "content-length"]
    headers.append(("content-length", str(len(body))))
    return FaultyResponse(response.status, tuple(headers), body, injection.delay, injection.drop, injection.released)


def wait_for(response: Response) -> None:
    """Wait in this thread as long as the response is delayed. Raises ConnectionClosed if it is never sent."""
    if isinstance(response, FaultyResponse):
        if response.delay:
            response.released.wait(response.delay)
        if response.drop:
            raise ConnectionClosed("a declared fault dropped the connection")
