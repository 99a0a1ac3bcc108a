"""A shop with everything trained, for tests and pictures; the emulator runs in this process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from personalize_emu.demo.console import Console
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.shop.run import OpenShop, Options, opened

CUSTOMERS = 60
SIMULATED = 60


@contextmanager
def open_shop(*, visitors: int = SIMULATED, stream: str = "") -> Iterator[OpenShop]:
    """visitors: simulated before the block. What the shop prints is in `console.out`."""
    reset_services()
    with LiveServer() as server:
        options = Options(endpoint=server.url, users=CUSTOMERS, stream=stream)
        with opened(options, Console(io.StringIO(), 3), server.url) as shop:
            if visitors:
                shop.simulate(visitors)
            yield shop
    reset_services()
