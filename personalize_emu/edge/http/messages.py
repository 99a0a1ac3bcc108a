"""HTTP requests and responses as plain values; request bodies; the interface of an application."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Protocol

from personalize_emu.wire.render import Response

NO_BODY = frozenset({204, 304})
"""Statuses without body and Content-Length."""
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})


@dataclass(frozen=True)
class Head:
    """Request line and headers. target: as sent. headers: names in lower case, repeated headers joined by commas.

    scheme: http or https, by the connection. address: of the client, None if unknown.
    """

    method: str
    target: str
    version: str
    headers: Mapping[str, str]
    scheme: str = "http"
    address: str | None = None

    @property
    def path(self) -> str:
        """Still percent-encoded; `/` for a target that has none."""
        path = self._local_target.partition("?")[0]
        return path if path.startswith("/") else "/"

    @property
    def query(self) -> str:
        return self._local_target.partition("?")[2]

    @property
    def _local_target(self) -> str:
        """The target without scheme and host, which clients of a proxy send; the Host header repeats them."""
        target = self.target.partition("#")[0]
        if target[:7].lower() == "http://" or target[:8].lower() == "https://":
            _, slash, rest = target.partition("//")[2].partition("/")
            return slash + rest
        return target


class Fault(Enum):
    """Why a request is refused before it reaches the application: status and reason."""

    MALFORMED = (400, "The request is not well-formed HTTP.")
    BROKEN_OFF = (400, "The connection was closed before the request was complete.")
    TOO_SLOW = (408, "The request was not received in time.")
    TOO_LARGE = (413, "The body is larger than any request of this service.")
    LONG_HEAD = (431, "The request line and the headers are too long.")
    NO_SPACE = (507, "The body is too large to be stored here.")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def reason(self) -> str:
        return self.value[1]


class Body:
    """A request body in memory or, when large, in a temporary file. Not thread-safe."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.in_memory = 0
        self.length = 0

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.in_memory += len(chunk)
        self.length += len(chunk)

    def spill(self) -> None:
        """Move the chunks in memory to the file.

        Raises:
            OSError: the disk is full.
        """
        if self._file is None:
            self._file = TemporaryFile(prefix="personalize-emu-body-")  # noqa: SIM115
        self._file.writelines(self._chunks)
        self._chunks, self.in_memory = [], 0

    def read(self) -> bytes:
        return b"".join(self._chunks) if self._file is None else self.open().read()

    def open(self) -> IO[bytes]:
        """The whole body as a file at position 0."""
        if self._file is None:
            return BytesIO(b"".join(self._chunks))
        self.spill()
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        self._chunks = []
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True)
class HttpRequest:
    """A complete request."""

    head: Head
    body: Body


Reply = Callable[[Response], None]
"""Receives the response to one request; must be called in the thread of the event loop."""


class RequestHandler(Protocol):
    """Handles one request; chosen by its head."""

    @property
    def limit(self) -> int:
        """Largest body in bytes."""

    def refusal(self, fault: Fault) -> Response:
        """The response to a request with a fault."""

    def respond(self, request: HttpRequest, reply: Reply) -> None:
        """Respond now or later. Called in the event loop and must not block."""


class Application(Protocol):
    """The application that an HTTP server serves."""

    def handler_for(self, head: Head) -> RequestHandler: ...

    def refusal(self, fault: Fault) -> Response:
        """The response when not even the head could be parsed."""


def response_head(response: Response, *, last: bool, old_client: bool) -> bytes:
    """Status line and headers as bytes. last: the connection is closed afterwards. old_client: uses HTTP/1.0."""
    lines = [_status_line(response.status)]
    names = set()
    for name, value in response.headers:
        lowered = name.lower()
        if lowered not in _HOP_BY_HOP:
            names.add(lowered)
            lines.append(f"{name}: {value}")
    if any("\r" in line or "\n" in line for line in lines):
        lines = [line.replace("\r", " ").replace("\n", " ") for line in lines]
    if "content-length" not in names and response.status not in NO_BODY:
        lines.append(f"content-length: {len(response.body)}")
    if "date" not in names:
        lines.append(f"date: {_http_date(int(time.time()))}")
    if last:
        lines.append("connection: close")
    elif old_client:
        lines.append("connection: keep-alive")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    try:
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP/1.1 {status} "


@lru_cache(maxsize=4)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)
