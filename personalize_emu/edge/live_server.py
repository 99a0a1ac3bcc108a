"""A server in a thread of the test process."""

from __future__ import annotations

import threading
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from personalize_emu.edge.one_port import emulator_with_services, one_port
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings


class LiveServer:
    """Serves an emulator, and embedded AWS services beside it, on a free port while the `with` block lasts.

    The embedded services are those of the process: entering moto's `mock_aws()` in the same process forgets
    their state, so a server that must outlive mocks runs in a process of its own (`personalize-emu serve`).

    Args:
        emulator: to serve; when not given, one with pace `instant` and the embedded services is made.
    """

    def __init__(self, emulator: Emulator | None = None) -> None:
        self._owned = emulator is None
        self.emulator = emulator or emulator_with_services(Settings(pace="instant"))
        self._server = make_server(
            "127.0.0.1", 0, one_port(self.emulator), threaded=True, request_handler=_QuietHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="personalize-emu-server", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LiveServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._owned:
            self.emulator.close()


class _QuietHandler(WSGIRequestHandler):
    """The request path logs each request itself."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
