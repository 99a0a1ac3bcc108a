"""HTTP/1.1 on an event loop: connections, their time-outs, and an orderly end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from personalize_emu.edge.http.connection import Connection
from personalize_emu.edge.http.messages import Application

BACKLOG = 1024
TICK_SECONDS = 0.25
"""How often connections are asked whether they are overdue."""


class HttpServer:
    """Serves an application in the running event loop.

    Args:
        application: what is served.
        body_timeout: seconds in which a request must have arrived, but for what its size allows.
    """

    def __init__(self, application: Application, body_timeout: float) -> None:
        self.application = application
        self.body_timeout = body_timeout
        self.connections: set[Connection] = set()
        self.stopping = False
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept connections."""
        # A sleep of the event loop may not outlast the shortest time-out.
        self._tick = min(TICK_SECONDS, self.body_timeout / 2)
        self._server = await self._loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)
        self._ticking = self._loop.call_later(self._tick, self._look)

    async def stop(self, patience: float) -> None:
        """Accept nothing more, let what is being answered finish, `patience` seconds long, and cut off the rest."""
        self.stopping = True
        self._ticking.cancel()
        self._server.close()
        end = self.now() + patience
        while self.connections and self.now() < end:
            for connection in list(self.connections):
                connection.close_if_idle()
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.cut_off()
        # Transports are put away in the next round of the loop.
        await asyncio.sleep(0)

    def in_background(self, work: Callable[[], None]) -> asyncio.Future[None]:
        return self._loop.run_in_executor(None, work)

    def _look(self) -> None:
        now = self.now()
        for connection in list(self.connections):
            connection.give_up_if_overdue(now)
        self._ticking = self._loop.call_later(self._tick, self._look)
