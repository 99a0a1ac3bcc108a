"""The production server: one process with an event loop for connections and thread pools for requests.

    main thread     signals, connections, receiving requests, health
    thread pools    threads that answer requests (dispatcher)
    jobs, clock     threads of the emulator

On SIGINT or SIGTERM the server stops accepting, requests that are nearly done are answered, and the process exits
without waiting for threads that train.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from personalize_emu.edge.endpoints import server_url
from personalize_emu.settings import Settings

if TYPE_CHECKING:
    from personalize_emu.edge.tls.server_tls import ServerTls
    from personalize_emu.emulator import Emulator

EXIT_CODES = {signal.SIGINT: 128 + signal.SIGINT, signal.SIGTERM: 0}
"""As shells count them: 128 plus the number of the signal for SIGINT."""
PATIENCE_SECONDS = 0.3
"""Time for requests in progress when the server stops."""
CLOSING_SECONDS = 0.5
"""Time for the emulator to stop its threads, and for trainings to remove their processes and files."""
NOT_KEPT = (
    "not kept: AWS services other than Personalize, S3, IAM, STS and KMS, recorded calls, declared answers and faults"
)
"""With `data_dir`; docs/state.md tells the whole of it."""
SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter lock while another wants it; the default is 0.005."""
MOST_FILES = 65_536
"""Limit of open files that is requested from the system; each connection is one."""


class PortInUse(Exception):
    """Another process listens on the port."""


def run(settings: Settings, tls: ServerTls | None = None) -> NoReturn:
    """Serve until SIGINT or SIGTERM, then exit with the code of the signal.

    Prints `personalize-emu is ready on URL` when the server accepts requests. With `tls` it also accepts HTTPS.

    Raises:
        PortInUse: the port is in use.
        OSError: the address does not belong to this machine.
    """
    listener = _listener(settings.host, settings.port)
    for each in EXIT_CODES:
        signal.signal(each, _exit_at_once)
    settings = replace(settings, port=listener.getsockname()[1])
    code = asyncio.run(_serve(settings, listener, tls))
    _exit(code)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"port {port} of {host} is in use") from error
        raise


async def _serve(settings: Settings, listener: socket.socket, tls: ServerTls | None) -> int:
    """Run the server; exits the process with the exit code."""
    # What is imported stays: looking through it for garbage would take a tenth of the start, and of later requests.
    gc.disable()
    # Imported after the port is known to be free, because these take most of the start-up time.
    from threadpoolctl import threadpool_limits

    from personalize_emu.edge.dispatcher import Dispatcher
    from personalize_emu.edge.embedded_services import load_managed_policies
    from personalize_emu.edge.http.server import HttpServer
    from personalize_emu.edge.one_port import emulator_with_services, one_port
    from personalize_emu.recipes.training.training_process import TrainingProcesses

    load_managed_policies()
    _begin_logging(settings.log_level)
    _allow_many_files()
    emulator = emulator_with_services(settings, training_processes=TrainingProcesses(settings.training_workers))
    # Requests already run in several threads; BLAS threads inside each would compete for the cores. The environment is
    # for the library of scipy, which is loaded with the first model.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    threadpool_limits(limits=1, user_api="blas")
    server = HttpServer(Dispatcher(one_port(emulator), asyncio.get_running_loop()), settings.body_timeout)
    stopped = _stop_signal()
    _keep_pauses_short()
    await server.start(listener, tls.context if tls else None)
    gc.freeze()
    gc.enable()
    if emulator.loaded is not None:
        print(f"personalize-emu: {settings.data_dir} has {emulator.loaded}; {NOT_KEPT}", flush=True)  # noqa: T201
    if settings.init:
        await _initialise(emulator, settings, stopped)
    if tls is not None and tls.authority is not None:
        print(f"certificate authority: {tls.authority}")  # noqa: T201
    url = server_url(settings.host, settings.port, "http" if tls is None else "https")
    print(f"personalize-emu is ready on {url}", flush=True)  # noqa: T201
    code = await stopped
    await server.stop(PATIENCE_SECONDS)
    await _close_emulator(emulator)
    # asyncio.run would wait for threads that wait for disks and clients.
    _exit(code)


async def _initialise(emulator: Emulator, settings: Settings, stopped: asyncio.Future[int]) -> None:
    """Apply the start files while health says that the server is starting. Exits the process if one fails.

    They use plain HTTP, which works with and without TLS.
    """
    from personalize_emu.edge.start_state.files import ServerStart, start_files
    from personalize_emu.edge.start_state.resources import StartFailed

    start = ServerStart(server_url(settings.host, settings.port), settings)
    with emulator.starting():
        applied = asyncio.ensure_future(asyncio.to_thread(start.apply, start_files(settings.init)))
        ends: set[asyncio.Future[Any]] = {applied, stopped}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            start.stop()
            _exit(stopped.result())
        try:
            applied.result()
        except StartFailed as error:
            print(f"personalize-emu: {error}", file=sys.stderr)  # noqa: T201
            _exit(1)


async def _close_emulator(emulator: Emulator) -> None:
    closing = threading.Thread(target=emulator.close, daemon=True)
    closing.start()
    end = time.monotonic() + CLOSING_SECONDS
    while (closing.is_alive() or emulator.state.running()) and time.monotonic() < end:
        await asyncio.sleep(0.01)


def _keep_pauses_short() -> None:
    """Of the event loop: by the garbage collector, and by threads that compute."""
    # All objects are looked through after each million further ones instead of after 70,000, which took a tenth of a
    # second in every few thousand requests.
    gc.set_threshold(1_000, 20, 50)
    # The loop gets the interpreter lock back after this time, several times in each request.
    sys.setswitchinterval(SWITCH_SECONDS)


def _begin_logging(level: str) -> None:
    # At DEBUG, boto and moto log too much and repeat secrets.
    others = "INFO" if level == "DEBUG" else level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LogFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=others, handlers=[handler])
    # Facts that this format does not show, and that take a third of the time of a log line: see "Optimization" in the
    # documentation of the module. The last is the place of the call.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    logging.getLogger("personalize_emu").setLevel(level)


class _LogFormatter(logging.Formatter):
    """Makes the text of a second once."""

    _second, _text = -1, ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002
        """As the base class without `datefmt`."""
        second = int(record.created)
        if second != self._second:
            self._text, self._second = time.strftime(self.default_time_format, self.converter(second)), second
        return f"{self._text},{int(record.msecs):03d}"


def _stop_signal() -> asyncio.Future[int]:
    """A future of the exit code, resolved by the first signal; the second signal ends the process immediately."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def take(number: signal.Signals) -> None:
        if stopped.done():
            # Two simultaneous signals may be handled in either order.
            _exit(max(stopped.result(), EXIT_CODES[number]))
        stopped.set_result(EXIT_CODES[number])

    for each in EXIT_CODES:
        try:
            loop.add_signal_handler(each, take, each)
        except NotImplementedError:
            signal.signal(each, lambda number, _: loop.call_soon_threadsafe(take, signal.Signals(number)))
    return stopped


def _exit_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    """Handler used before the server is ready."""
    _exit(EXIT_CODES[signal.Signals(number)])


def _exit(code: int) -> NoReturn:
    """Exit without waiting for threads, which may train for minutes."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _allow_many_files() -> None:
    """Raise the limit of open files, so that many idle connections do not exhaust it."""
    try:
        import resource
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
