"""Effect of clients that send half a request and then stop: throughput of others and latency of health."""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit
from urllib.request import urlopen

from benchmarks.processes import served
from benchmarks.report import show
from benchmarks.serving.load import Load, measure
from benchmarks.serving.shop import HEADERS, list_schemas

HALVES = (
    "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonPersonalize.ListSchemas\r\n",
    f"POST /recommendations HTTP/1.1\r\nHost: localhost\r\nAuthorization: {HEADERS['Authorization']}\r\n",
    "PUT /bucket/object HTTP/1.1\r\nHost: localhost\r\n",
)
HEALTH_CHECKS = 100


@contextmanager
def stalled(url: str, connections: int) -> Iterator[None]:
    """Clients that announce 1,000 bytes and send ten."""
    address = urlsplit(url)
    with ExitStack() as stack:
        for number in range(connections):
            client = stack.enter_context(socket.create_connection((address.hostname or "", address.port or 0)))
            half = HALVES[number % len(HALVES)]
            client.sendall(f"{half}Content-Length: 1000\r\n\r\n0123456789".encode())
        yield


def health_seconds(url: str) -> list[float]:
    """Sorted durations of sequential requests."""
    delays = []
    for _ in range(HEALTH_CHECKS):
        began = time.perf_counter()
        with urlopen(f"{url}/_emu/health") as answer:
            answer.read()
        delays.append(time.perf_counter() - began)
    return sorted(delays)


def row(url: str, connections: int, clients: int, seconds: float) -> list[str]:
    load = Load("ListSchemas", url, list_schemas)
    with stalled(url, connections):
        delays = health_seconds(url)
        measured = measure(load, clients, seconds)
    latencies = [f"{measured.rate:,.0f}", f"{measured.p50:.1f}", f"{measured.p99:.1f}"]
    return [f"{connections}", *latencies, f"{1000 * delays[len(delays) // 2]:.1f}", f"{1000 * delays[-1]:.1f}"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stalled", description=__doc__)
    parser.add_argument("--connections", type=int, default=200, help="that stall, at most 500")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row, at most 10")
    options = parser.parse_args()
    counts = (0, min(options.connections, 500), 0, min(options.connections, 500))
    # Longer than the measurement, so that they are not refused during it.
    with served("--pace", "instant", "--body-timeout", "120") as url:
        rows = [row(url, count, options.clients, min(options.seconds, 10.0)) for count in counts]
    title = f"ListSchemas of {options.clients} clients beside connections that stall"
    header = ["stalled", "per second", "median ms", "99 % ms", "health, median ms", "slowest ms"]
    show(title, header, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
