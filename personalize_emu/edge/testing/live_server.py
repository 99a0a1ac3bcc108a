"""A server in a thread of the test process."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from typing import Any

from personalize_emu.edge.dispatcher import Dispatcher
from personalize_emu.edge.http.server import HttpServer
from personalize_emu.edge.one_port import emulator_with_services, one_port
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings

PATIENCE_SECONDS = 0.4


class LiveServer:
    """Serves an emulator and the embedded AWS services on a free port during the `with` block.

    The embedded services share the state of the process: entering moto's `mock_aws()` resets them. Use a server in
    another process where that matters (`personalize-emu serve`).

    Args:
        emulator: the emulator to serve; by default a new one with pace `instant` and the embedded services.
    """

    def __init__(self, emulator: Emulator | None = None) -> None:
        self._owned = emulator is None
        self.emulator = emulator or emulator_with_services(Settings(pace="instant", batch_workers=0))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name="personalize-emu-server", daemon=True)

    def __enter__(self) -> LiveServer:
        self._thread.start()
        self._started.result()
        return self

    def __exit__(self, *_error: Any) -> None:
        loop, stop = self._started.result()
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()
        if self._owned:
            self.emulator.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        server = HttpServer(Dispatcher(one_port(self.emulator), loop), self.emulator.settings.body_timeout)
        await server.start(self._listener)
        self._started.set_result((loop, stop))
        await stop.wait()
        await server.stop(PATIENCE_SECONDS)
