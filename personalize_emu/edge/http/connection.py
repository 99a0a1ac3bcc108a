"""One HTTP connection: parses requests, passes complete ones to the application, sends responses in order.

    bytes ─▶ llhttp ─▶ head ─▶ handler: size limit ─▶ body, in memory or on disk ─▶ complete ─▶ handler.respond
                         └───────── fault: too large, too slow, truncated, malformed ──▶ handler.refusal

The application runs only for complete requests and never blocks the event loop. After a fault the connection is
closed, because the start of the next request is unknown.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import httptools

from personalize_emu.edge.http.faulty_response import FaultyResponse
from personalize_emu.edge.http.messages import NO_BODY, Body, Fault, Head, HttpRequest, RequestHandler, response_head
from personalize_emu.wire.render import Response

if TYPE_CHECKING:
    from personalize_emu.edge.http.server import HttpServer

log = logging.getLogger(__name__)
MOST_HEAD_BYTES = 64 * 1024
SPILL_BYTES = 1024 * 1024
"""Bodies above this size are written to a temporary file."""
SLOWEST_RATE = 1024 * 1024
"""Bytes per second: each such amount received extends the time-out by a second."""
IDLE_SECONDS = 120.0
"""How long a connection may be idle."""
LINGER_SECONDS = 3.0
"""How long a refused client may continue to send, so that it can read the error before the connection closes."""
WRITE_BYTES = 256 * 1024
"""Largest part of a response body passed to the transport at once."""
MOST_WAITING = 4
"""Pipelined requests of a connection before reading is paused."""


@dataclass(frozen=True)
class ReceivedRequest:
    """A complete request, or the response that refuses an incomplete one."""

    method: str
    old_client: bool
    keeps_alive: bool
    handler: RequestHandler | None
    request: HttpRequest | None
    refusal: Response | None = None


class Connection(asyncio.Protocol):
    """Runs in the event loop; `server` provides the application and the limits."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._received: deque[ReceivedRequest] = deque()
        self._answering = self._advancing = False
        self._paused = self._spilling = self._write_paused = False
        self._ended = False
        """No further request is read: the client closed its side, or a request was refused."""
        self._lingering = False
        self._since = server.now()
        """Time at which the current state began: idle, lingering, or blocked by a client that does not read."""
        self._unsent: list[memoryview] = []
        self._last = False
        self._forget_request()

    def _forget_request(self) -> None:
        self._began: float | None = None
        self._head_bytes = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head: Head | None = None
        self._handler: RequestHandler | None = None
        self._body: Body | None = None

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "HTTP runs on streams"
        self._transport = transport
        self._scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else None
        self._server.connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.connections.discard(self)
        self._ended = True
        self._unsent = []
        for received in self._received:
            _close(received)
        self._received.clear()
        if self._body is not None and not self._spilling:
            self._body.close()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._head is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            log.error("a request failed before it was complete", exc_info=error.__context__ or error)
            self._refuse(Fault.MALFORMED)
        except httptools.HttpParserError:
            self._refuse(Fault.MALFORMED)
        if self._began is not None and self._head is None and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(Fault.LONG_HEAD)
        if self._body is not None and self._body.in_memory > SPILL_BYTES:
            self._spill(self._body)
        self._advance()

    def eof_received(self) -> bool:
        if self._began is not None:
            self._refuse(Fault.BROKEN_OFF)
        self._ended, self._lingering = True, False
        self._advance()
        # A TLS connection ends in both directions at once.
        return self._transport.can_write_eof() and (self._answering or bool(self._received) or bool(self._unsent))

    def pause_writing(self) -> None:
        self._write_paused, self._since = True, self._server.now()

    def resume_writing(self) -> None:
        self._write_paused, self._since = False, self._server.now()
        # Afterwards, because asyncio ends a transport twice that is closed while it calls this.
        asyncio.get_running_loop().call_soon(self._continue_writing)

    # Called by the parser.

    def on_message_begin(self) -> None:
        if not self._ended:
            self._began = self._server.now()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        before = self._headers.get(key)
        self._headers[key] = text if before is None else f"{before},{text}"

    def on_headers_complete(self) -> None:
        if self._ended:
            return
        method = self._parser.get_method().decode("latin-1")
        target = self._target.decode("latin-1")
        version = self._parser.get_http_version()
        self._head = head = Head(method, target, version, self._headers, self._scheme, self._address)
        if self._parser.should_upgrade():
            return
        self._handler, self._body = self._server.application.handler_for(head), Body()
        length = head.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._handler.limit:
            self._refuse(Fault.TOO_LARGE)
        elif head.headers.get("expect", "").lower() == "100-continue" and not (self._answering or self._received):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        if self._ended or self._body is None or self._handler is None:
            return
        self._body.add(chunk)
        if self._body.length > self._handler.limit:
            self._refuse(Fault.TOO_LARGE)

    def on_message_complete(self) -> None:
        if self._ended or self._head is None or self._body is None:
            return
        head, keeps = self._head, self._parser.should_keep_alive()
        request = HttpRequest(head, self._body)
        self._received.append(ReceivedRequest(head.method, head.version == "1.0", keeps, self._handler, request))
        self._forget_request()
        self._ended = not keeps
        if len(self._received) >= MOST_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    # Called by the server.

    def abort_if_timed_out(self, now: float) -> None:
        """Refuse a request that takes too long; close connections that are idle or do not read."""
        if self._began is not None:
            received = self._body.length if self._body is not None else 0
            if now > self._began + self._server.body_timeout + received / SLOWEST_RATE:
                self._refuse(Fault.TOO_SLOW)
                self._advance()
            return
        if self._write_paused:
            allowed = self._server.body_timeout
        elif self._answering or self._received:
            return
        else:
            allowed = LINGER_SECONDS if self._lingering else IDLE_SECONDS
        if now > self._since + allowed:
            self._transport.abort()

    def close_if_idle(self) -> None:
        """Close the connection unless a request is being processed; called when the server stops."""
        if not (self._answering or self._received or self._unsent):
            self._transport.abort()

    def abort(self) -> None:
        self._transport.abort()

    # Requests.

    def _refuse(self, fault: Fault) -> None:
        if self._ended:
            return
        refuse = self._server.application.refusal if self._handler is None else self._handler.refusal
        method = self._head.method if self._head else ""
        self._received.append(ReceivedRequest(method, False, False, None, None, refuse(fault)))
        if self._body is not None and not self._spilling:
            self._body.close()
        self._forget_request()
        self._ended = self._lingering = True

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the request again without its Upgrade header, which would make the parser skip the body.

        Java's HTTP client offers HTTP/2 this way and continues with HTTP/1.1 if the offer is ignored.
        """
        head = self._head
        if head is None or head.method == "CONNECT":
            self._refuse(Fault.MALFORMED)
            return
        kept = {**head.headers, "connection": "keep-alive"}
        del kept["upgrade"]
        lines = [f"{head.method} {head.target} HTTP/1.1", *(f"{name}: {value}" for name, value in kept.items())]
        self._forget_request()
        self._parser = httptools.HttpRequestParser(self)
        self.data_received("\r\n".join([*lines, "", ""]).encode("latin-1") + rest)

    def _spill(self, body: Body) -> None:
        """Write the body to disk in another thread; reading is paused until this is done."""
        self._spilling = True
        self._transport.pause_reading()
        self._server.in_background(body.spill).add_done_callback(lambda done: self._spilled(body, done))

    def _spilled(self, body: Body, done: asyncio.Future[None]) -> None:
        self._spilling = False
        failed = done.exception() is not None
        if body is not self._body or self._transport.is_closing():
            body.close()
        elif failed:
            self._refuse(Fault.NO_SPACE)
            self._advance()
        if not self._paused:
            self._transport.resume_reading()

    def _advance(self) -> None:
        """Process received requests one after the other."""
        if self._advancing:
            return
        self._advancing = True
        while self._received and not (self._answering or self._unsent):
            received = self._received.popleft()
            self._answering = True
            if received.refusal is not None:
                self._answered(received, received.refusal)
            elif received.handler is not None and received.request is not None:
                received.handler.respond(received.request, partial(self._answered, received))
        self._advancing = False
        if self._paused and not self._received and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    # Responses.

    def _answered(self, received: ReceivedRequest, response: Response) -> None:
        self._answering = False
        _close(received)
        if isinstance(response, FaultyResponse) and response.drop:
            self._transport.abort()
        if self._transport.is_closing():
            return
        self._last = not received.keeps_alive or (self._ended and not self._received) or self._server.stopping
        head = response_head(response, last=self._last, old_client=received.old_client)
        body = b"" if received.method == "HEAD" or response.status in NO_BODY else response.body
        self._since = self._server.now()
        if len(body) <= WRITE_BYTES:
            self._transport.write(head + body)
        else:
            whole = memoryview(body)
            pieces = [whole[start : start + WRITE_BYTES] for start in range(0, len(whole), WRITE_BYTES)]
            self._transport.write(head)
            self._unsent = pieces[::-1]
        self._continue_writing()

    def _continue_writing(self) -> None:
        """Write as much as the client accepts, then continue with the next response or close the connection."""
        while self._unsent and not self._write_paused:
            self._transport.write(self._unsent.pop())
        if self._unsent or self._answering:
            return
        if not self._last:
            self._advance()
        elif not self._lingering:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()
        # With TLS the client closes, or the time to linger ends: closing now would interrupt it while it sends.


def _close(received: ReceivedRequest) -> None:
    if received.request is not None:
        received.request.body.close()
