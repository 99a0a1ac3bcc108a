"""Makes a running server forget everything."""

from __future__ import annotations

import json
from urllib.request import ProxyHandler, Request, build_opener

TIMEOUT_SECONDS = 30


def reset_server(url: str) -> None:
    """Ask the server at `url` to start over.

    Raises:
        urllib.error.HTTPError: it refused. URLError, OSError: it cannot be reached. ValueError: not an emulator.
    """
    # A proxy for the internet does not know this machine's servers.
    direct = build_opener(ProxyHandler({}))
    with direct.open(Request(f"{url}/_emu/reset", method="POST"), timeout=TIMEOUT_SECONDS) as answer:
        json.load(answer)
