"""An HTTP server in a thread with an application that echoes requests, and raw connections to it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from personalize_emu.edge.http.messages import Fault, Head, HttpRequest, Reply
from personalize_emu.edge.http.server import HttpServer
from personalize_emu.wire.render import Response

LIMIT = 3 * 1024 * 1024
HANG_SECONDS = 30


@dataclass
class EchoApplication:
    """Responds with method, target and body length. Requests for `/held` are held until `let_go`.

    arrived: requests so far. holding: set when a request is held.
    """

    arrived: list[tuple[str, str, bytes]] = field(default_factory=list)
    holding: threading.Event = field(default_factory=threading.Event)
    held: list[tuple[HttpRequest, Reply]] = field(default_factory=list)

    def handler_for(self, head: Head) -> EchoHandler:
        return EchoHandler(self, head)

    def refusal(self, fault: Fault) -> Response:
        return Response(fault.status, (("x-fault", fault.name),), b"")


@dataclass
class EchoHandler:
    echo: EchoApplication
    head: Head
    limit: int = LIMIT

    def refusal(self, fault: Fault) -> Response:
        return Response(fault.status, (("x-fault", fault.name),), self.head.target.encode())

    def respond(self, request: HttpRequest, reply: Reply) -> None:
        if self.head.path == "/held":
            self.echo.held.append((request, reply))
            self.echo.holding.set()
        else:
            reply(self.answer(request))

    def answer(self, request: HttpRequest) -> Response:
        if self.head.path == "/large":
            return Response(200, (), b"x" * (4 * LIMIT))
        body = request.body.read()
        self.echo.arrived.append((self.head.method, self.head.target, body))
        return Response(200, (), f"{self.head.method} {self.head.target} {len(body)}\n".encode())


@dataclass
class Running:
    """port: of the server on the loopback."""

    echo: EchoApplication
    server: HttpServer
    loop: asyncio.AbstractEventLoop
    port: int

    def let_go(self) -> None:
        for request, reply in self.echo.held:
            response = EchoHandler(self.echo, request.head).answer(request)
            self.loop.call_soon_threadsafe(reply, response)
        self.echo.held.clear()
        self.echo.holding.clear()

    def ask(self, *sent: bytes, ends: bool = False) -> bytes:
        """Send bytes; return all bytes received until the server closes. ends: close the sending side afterwards."""
        with self.connect() as connection:
            for piece in sent:
                connection.sendall(piece)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(HANG_SECONDS)
        return connection


def read_all(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


@contextmanager
def echoing(body_timeout: float = HANG_SECONDS, tls: ssl.SSLContext | None = None) -> Iterator[Running]:
    listener = socket.create_server(("127.0.0.1", 0))
    started: Future[tuple[Running, asyncio.Event]] = Future()

    async def serve() -> None:
        echo, stop = EchoApplication(), asyncio.Event()
        server = HttpServer(echo, body_timeout)
        await server.start(listener, tls)
        started.set_result((Running(echo, server, asyncio.get_running_loop(), listener.getsockname()[1]), stop))
        await stop.wait()
        await server.stop(0.1)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    running, stop = started.result()
    try:
        yield running
    finally:
        running.loop.call_soon_threadsafe(stop.set)
        thread.join()
