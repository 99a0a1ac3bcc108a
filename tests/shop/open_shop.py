"""A shop with everything trained, for tests and pictures; the emulator runs in this process."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from personalize_emu.demo.console import Console
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.shop.run import HOST, OpenShop, Options, opened

CUSTOMERS = 60
SIMULATED = 25


@dataclass(frozen=True)
class ServedShop:
    """server: the emulator. printed: what the shop has printed."""

    shop: OpenShop
    server: LiveServer
    printed: io.StringIO


@contextmanager
def open_shop(visitors: int = SIMULATED, customers: int = CUSTOMERS) -> Iterator[ServedShop]:
    """visitors: simulated before the block. customers: in the data."""
    reset_services()
    with LiveServer() as server:
        printed = io.StringIO()
        with opened(Options(users=customers), Console(printed, 3), server.url) as shop:
            shop.simulate(visitors)
            yield ServedShop(shop, server, printed)
    reset_services()


@contextmanager
def web_server(served: ServedShop) -> Iterator[str]:
    """The shop on a free port, as a browser sees it; yields the URL."""
    server = served.shop.server(0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
