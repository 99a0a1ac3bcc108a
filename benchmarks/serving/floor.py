"""Servers that answer every request with the same bytes: what a server of this kind takes at least.

    python -m benchmarks.serving.floor PORT

serves with asyncio and httptools, without looking at the request. `granian_served` runs Granian, whose HTTP server is
compiled, with a WSGI application that returns a constant; it needs the extra `benchmarks`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httptools

from benchmarks.processes import bare_environment, free_port, wait_for_port

BODY = b"{}"
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Constant(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.write(RESPONSE)


def application(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(BODY)))])
    return [BODY]


@contextmanager
def constant_served() -> Iterator[tuple[str, int]]:
    """URL and process id of the server of this module."""
    port = free_port()
    with _running([sys.executable, "-m", "benchmarks.serving.floor", str(port)], port) as served:
        yield served


def has_granian() -> bool:
    return find_spec("granian") is not None


@contextmanager
def granian_served() -> Iterator[tuple[str, int]]:
    """URL and process id of Granian; its one worker is another process, whose time is not seen."""
    port = free_port()
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    command = [sys.executable, "-m", "granian", *options, "benchmarks.serving.floor:application"]
    with _running(command, port) as served:
        yield served


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[tuple[str, int]]:
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    folder = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, env=bare_environment(), cwd=folder, **quiet) as process:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
