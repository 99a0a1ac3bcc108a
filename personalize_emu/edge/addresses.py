"""Where clients of this machine reach a server, given the address it listens on."""

from __future__ import annotations

from types import MappingProxyType

_ALL_ADDRESSES = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "::1"})


def reachable_host(host: str) -> str:
    return _ALL_ADDRESSES.get(host, host)


def server_url(host: str, port: int) -> str:
    """`http://host:port`, with brackets around an IPv6 address."""
    name = reachable_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
