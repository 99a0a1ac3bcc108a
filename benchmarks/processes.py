"""Servers for benchmarks, each in its own process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from personalize_emu.edge.testing.server_process import ServerProcess


@contextmanager
def served(*options: str) -> Iterator[str]:
    """Start `personalize-emu serve` with these options on a free port; yields its URL."""
    with ServerProcess(*options, environ=bare_environment()) as server:
        yield server.url


@contextmanager
def moto_process() -> Iterator[tuple[str, int]]:
    """Start moto's server, which has the schemas of Personalize, on a free port; yields its URL and process id."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(
        command, env=bare_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


def bare_environment() -> dict[str, str]:
    """The environment without variables of AWS and of the emulator, so that defaults are measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PERSONALIZE_"))}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for_port(port: int, seconds: float = 30) -> None:
    """Raises TimeoutError if nothing listens in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")
