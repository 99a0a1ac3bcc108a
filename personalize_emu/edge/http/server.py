"""An asyncio HTTP/1.1 server: connections, time-outs, graceful stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from personalize_emu.edge.http.connection import IDLE_SECONDS, LINGER_SECONDS, Connection
from personalize_emu.edge.http.messages import Application
from personalize_emu.edge.http.tls_listener import OpeningTimes, TlsListener

BACKLOG = 1024
TICK_SECONDS = 0.25
"""Interval at which connections are checked for time-outs."""


class HttpServer:
    """Serves an application in the running event loop.

    Args:
        application: creates a handler for each request.
        body_timeout: seconds in which a request must be received; large bodies get more time (SLOWEST_RATE).
    """

    def __init__(self, application: Application, body_timeout: float) -> None:
        self.application = application
        self.body_timeout = body_timeout
        self.connections: set[Connection] = set()
        self.stopping = False
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time

    async def start(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Begin to accept connections: of HTTP, and with `tls` of HTTPS as well."""
        # The interval must be shorter than the shortest time-out.
        self._tick = min(TICK_SECONDS, self.body_timeout / 2)
        self._listening = await self._listen(listener, tls)
        self._ticking = self._loop.call_later(self._tick, self._check_timeouts)

    async def _listen(self, listener: socket.socket, tls: ssl.SSLContext | None) -> asyncio.Server | TlsListener:
        if tls is None:
            return await self._loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)
        times = OpeningTimes(first_byte=IDLE_SECONDS, handshake=self.body_timeout, goodbye=LINGER_SECONDS)
        return TlsListener(listener, tls, lambda: Connection(self), times, BACKLOG)

    async def stop(self, patience: float) -> None:
        """Stop accepting, wait up to `patience` seconds for requests in progress, then abort the others."""
        self.stopping = True
        self._ticking.cancel()
        self._listening.close()
        end = self.now() + patience
        while self.connections and self.now() < end:
            for connection in list(self.connections):
                connection.close_if_idle()
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        # Transports are closed in the next iteration of the event loop.
        await asyncio.sleep(0)

    def in_background(self, work: Callable[[], None]) -> asyncio.Future[None]:
        return self._loop.run_in_executor(None, work)

    def _check_timeouts(self) -> None:
        now = self.now()
        for connection in list(self.connections):
            connection.abort_if_timed_out(now)
        self._ticking = self._loop.call_later(self._tick, self._check_timeouts)
