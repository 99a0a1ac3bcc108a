"""The production server: granian with exactly one worker process, in which emulator, jobs and services live.

    this process      checks the port, starts the worker, passes signals on
    worker process    builds the emulator, serves it from a few threads, says when it is ready

The worker ends with its parent, however that ends.
"""

from __future__ import annotations

import errno
import functools
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from personalize_emu.edge.addresses import reachable_host, server_url
from personalize_emu.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 2
"""Requests served at once. More threads only queue for the interpreter lock: with four, recommendations came a
quarter slower (docs/benchmarks.md)."""

STOP_SECONDS = 10
"""How long a worker may take to finish its requests before it is killed."""

PROBE_SECONDS = 0.01
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class PortInUse(Exception):
    """Somebody listens on the port already."""


class SignalSafeEvent:
    """What granian's main thread waits for, and its signal handlers set.

    An Event would do it with locks: two signals in a row can leave them locked, and a signal that the system
    gives to another thread would not wake the main one. A pipe has neither fault.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        os.write(self._write, b"!")

    def clear(self) -> None:
        self._is_set = False

    def wait(self) -> None:
        while not self._is_set:
            os.read(self._read, 1)


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Prints `personalize-emu is ready on URL` once requests are answered.

    Raises:
        PortInUse: the port is taken.
        OSError: the address is not one of this machine.
    """
    settings = replace(settings, port=_free_port(settings.host, settings.port))
    granian: Any = Granian(
        "personalize-emu",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        http=HTTPModes.http1,
        workers_kill_timeout=STOP_SECONDS,
        log_enabled=False,
    )
    granian.main_loop_interrupt = SignalSafeEvent()
    granian.serve(target_loader=functools.partial(_worker_application, settings), wrap_loader=False)


def _free_port(host: str, port: int) -> int:
    """The port to listen on, found free. granian would share a port that is in use instead of refusing it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(f"port {port} of {host} is in use") from error
            raise
        free: int = probe.getsockname()[1]
        return free


def _worker_application(settings: Settings) -> WSGIApplication:
    """Runs in the worker: everything that holds state begins here."""
    # Until granian listens for signals in the worker, one of them simply ends it.
    _watch_signals()
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    from threadpoolctl import threadpool_limits

    from personalize_emu.edge.moto_seam import know_managed_policies
    from personalize_emu.edge.one_port import emulator_with_services, one_port

    know_managed_policies()
    logging.basicConfig(
        level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    emulator = emulator_with_services(settings)
    # Requests run in several threads already; more of them inside each only take turns.
    threadpool_limits(limits=1, user_api="blas")
    Finalize(None, emulator.close, exitpriority=10)
    application = one_port(emulator)
    threading.Thread(target=_announce, args=(settings,), daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return application


def _watch_signals() -> None:
    """Pass signals on that the system gives to one of granian's own threads: Python handles them in the main one."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_repeat_to_main_thread, args=(read,), daemon=True).start()


def _repeat_to_main_thread(wakeups: int) -> None:
    (number,) = os.read(wakeups, 1)
    main_thread = threading.main_thread().ident
    if main_thread is not None:
        signal.pthread_kill(main_thread, number)


def _announce(settings: Settings) -> None:
    url = server_url(settings.host, settings.port)
    while True:
        try:
            socket.create_connection((reachable_host(settings.host), settings.port), timeout=1).close()
        except OSError:
            time.sleep(PROBE_SECONDS)
        else:
            print(f"personalize-emu is ready on {url}", flush=True)  # noqa: T201
            return


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
