"""Accepts connections that speak HTTPS or HTTP on the same port: the first byte of a client tells which.

A TLS connection begins with the byte 0x16 (a record of the handshake, RFC 8446 section 5.1), a request of HTTP with a
letter. The byte is looked at and left to be read by the protocol. Each connection is opened by a task of its own, so
clients that send nothing or stop in their handshake delay nobody.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)
HANDSHAKE = b"\x16"
PAUSE_SECONDS = 1.0
"""After a connection could not be accepted, as a rule because too many files are open."""


@dataclass(frozen=True)
class OpeningTimes:
    """Seconds that a client may take: for its first byte, for its handshake, and for its answer to our goodbye."""

    first_byte: float
    handshake: float
    goodbye: float


class TlsListener:
    """Runs in the event loop until `close`.

    Args:
        listener: a bound socket.
        protocol: makes the protocol of a connection.
    """

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        protocol: Callable[[], asyncio.Protocol],
        times: OpeningTimes,
        backlog: int,
    ) -> None:
        self._listener, self._context, self._protocol, self._times = listener, context, protocol, times
        listener.setblocking(False)
        listener.listen(backlog)
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._accepting = self._loop.create_task(self._accept())

    def close(self) -> None:
        """Stop accepting, and drop the connections that are not open yet."""
        self._accepting.cancel()
        for task in self._opening:
            task.cancel()
        self._listener.close()

    async def _accept(self) -> None:
        while True:
            try:
                client, _address = await self._loop.sock_accept(self._listener)
            except ConnectionAbortedError:
                continue
            except OSError as error:
                log.error("cannot accept connections: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            task = self._loop.create_task(self._open(client))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, client: socket.socket) -> None:
        """Give the connection to a protocol, after its handshake if it begins one; else close it."""
        try:
            async with asyncio.timeout(self._times.first_byte):
                first = await self._first_byte(client)
            if first == HANDSHAKE:
                await self._loop.connect_accepted_socket(
                    self._protocol,
                    client,
                    ssl=self._context,
                    ssl_handshake_timeout=self._times.handshake,
                    ssl_shutdown_timeout=self._times.goodbye,
                )
            elif first:
                await self._loop.connect_accepted_socket(self._protocol, client)
            else:
                client.close()
        except (OSError, TimeoutError) as error:
            client.close()
            # Of clients that do not trust the certificate, this says so.
            log.info("no connection: %s", error or "nothing was sent")
        except asyncio.CancelledError:
            client.close()
            raise

    async def _first_byte(self, client: socket.socket) -> bytes:
        """Without taking it; empty if the client has closed the connection."""
        readable: asyncio.Future[None] = self._loop.create_future()

        def ready() -> None:
            self._loop.remove_reader(client)
            if not readable.done():
                readable.set_result(None)

        self._loop.add_reader(client, ready)
        try:
            await readable
        finally:
            self._loop.remove_reader(client)
        return client.recv(1, socket.MSG_PEEK)
