"""The URL of a server, the environment variables that point AWS clients at it, and its reset over HTTP."""

from __future__ import annotations

import json
from types import MappingProxyType

_ALL_ADDRESSES = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "::1"})


def reachable_host(host: str) -> str:
    return _ALL_ADDRESSES.get(host, host)


def server_url(host: str, port: int) -> str:
    """`http://host:port`, with brackets around an IPv6 address."""
    name = reachable_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


KEY = "personalize-emu"
"""Access key id and secret; with the option `auth`, the pair that is always accepted."""


def client_environment(url: str, region: str) -> dict[str, str]:
    """Endpoint, credentials and region by the name of their variable."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
    }


TIMEOUT_SECONDS = 30


def reset_server(url: str) -> None:
    """Ask the server at `url` to start over.

    Raises:
        urllib.error.HTTPError: it refused. URLError, OSError: it cannot be reached. ValueError: not an emulator.
    """
    from urllib.request import ProxyHandler, Request, build_opener

    # A proxy for the internet does not know this machine's servers.
    direct = build_opener(ProxyHandler({}))
    with direct.open(Request(f"{url}/_emu/reset", method="POST"), timeout=TIMEOUT_SECONDS) as answer:
        json.load(answer)
