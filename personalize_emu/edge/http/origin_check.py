"""Refuses requests that a web page makes a browser send: DNS rebinding and cross-site changes of state.

The Personalize endpoints accept any origin on purpose (P-80). The admin routes and the other AWS services must not
be reachable from arbitrary web pages.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

PRIVATE_SUFFIXES = (
    ".localhost",
    ".local",
    ".internal",
    ".test",
    ".home.arpa",
    ".lan",
)
"""Domains that cannot be registered by an attacker, or always resolve to the local machine."""

AWS_SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
OWN_SITES = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: requests of our own pages, and of the user."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@lru_cache(maxsize=256)
def foreign_host(host_header: str, own_host: str) -> str | None:
    """The reason to refuse a Host header, or None.

    A public DNS name may be under an attacker's control and resolve to this machine. IP addresses, names without
    dots, and private or AWS names are safe.
    """
    host = _host_name(host_header)
    if host is None:
        return f"the Host header {host_header!r} is not a host name"
    if not host or host == own_host.lower() or _is_address(host) or "." not in host:
        return None
    if host.endswith((*PRIVATE_SUFFIXES, *AWS_SUFFIXES, f".{own_host.lower()}")):
        return None
    return (
        f"requests for the host {host!r} are refused, because any web page could send them; use an address or a name "
        "without dots, and for S3 path-style addressing (addressing_style=path)"
    )


def foreign_origin(method: str, headers: Mapping[str, str]) -> str | None:
    """The reason to refuse a state-changing request that a browser sends for a page of another site, or None."""
    if method in SAFE_METHODS:
        return None
    if headers.get("sec-fetch-site") == "cross-site":
        return "cross-site requests of a browser are refused"
    origin = headers.get("origin")
    if origin is None or _is_local(_host_of(origin)):
        return None
    return f"requests of pages from {origin!r} are refused"


def is_foreign_form(headers: Mapping[str, str]) -> bool:
    """Whether a form was sent by a page of another origin; a page of another port of this machine is one, too.

    headers: names in lower case.
    """
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return True
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != headers.get("host", "")
    except ValueError:
        return True


def _host_of(origin: str) -> str | None:
    try:
        return _host_name(urlsplit(origin).netloc)
    except ValueError:
        return None


def _host_name(netloc: str) -> str | None:
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str | None) -> bool:
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback
