"""Sends requests without pause over persistent connections and measures: with `wrk` where it is installed.

Without wrk, threads of this process send them. They need several times the processor time of wrk, so that the figures
of a fast server are then figures of its clients.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

PREPARED = 20_000
"""Requests that are written for wrk when a load has no number of its own; they are sent again and again."""

SCRIPT = """
local requests, sent = {}, 0
function init(arguments)
  local file = io.open("%s", "rb")
  local length = file:read("*l")
  while length do
    requests[#requests + 1] = file:read(tonumber(length))
    length = file:read("*l")
  end
  file:close()
end
function request()
  sent = sent + 1
  return requests[(sent - 1) %% #requests + 1]
end
function done(summary, latency, requests)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.stderr:write(string.format(
    '{"requests": %%d, "seconds": %%f, "refused": %%d, "broken": %%d, "p50": %%f, "p99": %%f}\\n', summary.requests,
    summary.duration / 1e6, errors.status, broken, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    def text(self, host: str) -> bytes:
        """As it is sent."""
        headers = {"Host": host, **self.headers, "Content-Length": str(len(self.body))}
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + self.body


@dataclass(frozen=True)
class Load:
    """request: the n-th, counted over all clients. distinct: so many requests may be sent, each once; None: any number.

    pid: of the server, whose processor time is measured; None: it is not. begun: so many requests are sent before
    anything is measured, so that their answers are remembered.
    """

    name: str
    url: str
    request: Callable[[int], Request]
    distinct: int | None = None
    pid: int | None = None
    begun: int = 0


@dataclass(frozen=True)
class Measured:
    """requests: answered in `seconds`. p50, p99: milliseconds. worked: processor seconds of the server."""

    name: str
    requests: int
    seconds: float
    p50: float
    p99: float
    worked: float | None = None

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def row(self) -> list[str]:
        """Cells: name, requests per second, processor ms of the server for each, latencies."""
        each = "-" if self.worked is None else f"{1000 * self.worked / max(self.requests, 1):.3f}"
        return [self.name, f"{self.rate:,.0f}", each, f"{self.p50:.2f}", f"{self.p99:.2f}"]


HEADER = ["request", "per second", "CPU ms each", "median ms", "99 % ms"]


def measure(load: Load, clients: int, seconds: float) -> Measured:
    """Raises RuntimeError if a request is refused, or if all distinct requests are used up."""
    _begin(load)
    before = worked_seconds(load.pid)
    found = _with_wrk(load, clients, seconds) if shutil.which("wrk") else _with_threads(load, clients, seconds)
    after = worked_seconds(load.pid)
    if load.distinct is not None and found.requests > load.distinct:
        raise RuntimeError(f"{load.name}: {found.requests} requests were sent, but only {load.distinct} are distinct")
    worked = None if before is None or after is None else after - before
    return Measured(load.name, found.requests, found.seconds, found.p50, found.p99, worked)


def worked_seconds(pid: int | None) -> float | None:
    """User and system time of a process; None where the system does not show it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _with_wrk(load: Load, clients: int, seconds: float) -> Measured:
    address = urlsplit(load.url).netloc
    texts = (load.request(number).text(address) for number in range(load.distinct or PREPARED))
    with TemporaryDirectory() as folder:
        prepared, script = Path(folder, "requests"), Path(folder, "load.lua")
        prepared.write_bytes(b"".join(b"%d\n%b" % (len(text), text) for text in texts))
        script.write_text(SCRIPT % prepared)
        # A duration of wrk is in whole seconds.
        command = ["wrk", "--threads=1", f"--connections={clients}", f"--duration={max(1, round(seconds))}s"]
        command += ["--script", str(script), load.url]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ended.stderr)
    if found["refused"] or found["broken"]:
        # wrk would be slower if its script looked at answers.
        raise RuntimeError(f"{load.name}: {_answer_to(load)} {found}")
    return Measured(load.name, found["requests"], found["seconds"], found["p50"], found["p99"])


def _begin(load: Load) -> None:
    for number in range(load.begun):
        answer = _answer_to(load, number)
        if not answer.startswith("200"):
            raise RuntimeError(f"{load.name}: {answer}")


def _connected(url: str) -> http.client.HTTPConnection:
    """Certificates are not verified; wrk does not either."""
    address = urlsplit(url)
    host, port = address.hostname or "", address.port
    if address.scheme == "http":
        return http.client.HTTPConnection(host, port)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, context=context)


def _answer_to(load: Load, number: int = 0) -> str:
    """Status and text of an answer."""
    sent, connection = load.request(number), _connected(load.url)
    connection.request("POST", sent.path, sent.body, sent.headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return f"{answer.status} {text[:200]!r}"


def _with_threads(load: Load, clients: int, seconds: float) -> Measured:
    delays: list[list[float]] = [[] for _ in range(clients)]
    failures: list[str] = []
    began_at = time.perf_counter()

    def ask(number: int) -> None:
        connection = _connected(load.url)
        count = number
        while (began := time.perf_counter()) < began_at + seconds and (load.distinct is None or count < load.distinct):
            sent = load.request(count)
            connection.request("POST", sent.path, sent.body, sent.headers)
            answer = connection.getresponse()
            text = answer.read()
            delays[number].append(time.perf_counter() - began)
            count += clients
            if answer.status != 200:
                failures.append(f"{load.name}: {answer.status} {text[:200]!r}")
                break
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])
    merged = sorted(delay for own in delays for delay in own)
    p50, p99 = (merged[int(len(merged) * share)] * 1000 for share in (0.5, 0.99))
    return Measured(load.name, len(merged), time.perf_counter() - began_at, p50, p99)
