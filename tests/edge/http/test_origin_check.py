"""Accepted and refused Host and Origin headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.edge.http.origin_check import foreign_host, foreign_origin


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1:4577",
        "10.1.2.3",
        "[::1]:4577",
        "localhost:4577",
        "bucket.localhost",
        "personalize-emu:4577",
        "host.docker.internal:4577",
        "emu.default.svc.cluster.local",
        "personalize.us-east-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
        "emu.example.com:4577",
    ],
)
def test_safe_hosts_are_accepted(host: str) -> None:
    assert foreign_host(host, "emu.example.com") is None


@pytest.mark.parametrize(
    "host", ["evil.com", "evil.com:4577", "127.0.0.1.evil.com", "amazonaws.com.evil.com", "a@evil.com", "[::1"]
)
def test_names_that_can_be_rebound_are_refused(host: str) -> None:
    assert foreign_host(host, "127.0.0.1") is not None


@pytest.mark.parametrize(
    ("method", "headers", "passes"),
    [
        ("POST", {}, True),
        ("POST", {"origin": "http://localhost:3000"}, True),
        ("POST", {"origin": "http://127.0.0.1"}, True),
        ("POST", {"origin": "https://evil.com"}, False),
        ("PUT", {"origin": "null"}, False),
        ("POST", {"origin": "http://localhost.evil.com"}, False),
        ("POST", {"origin": "http://10.0.0.1"}, False),
        ("POST", {"origin": "http://["}, False),
        ("POST", {"origin": "http://[::1"}, False),
        ("POST", {"origin": "http://a]b"}, False),
        ("POST", {"origin": "http://[::1]:x"}, True),
        ("POST", {"origin": "http://localhost\u2100"}, False),
        ("DELETE", {"sec-fetch-site": "cross-site"}, False),
        ("GET", {"origin": "https://evil.com"}, True),
    ],
)
def test_state_changing_requests_of_foreign_pages_are_refused(
    method: str, headers: dict[str, str], passes: bool
) -> None:
    assert (foreign_origin(method, headers) is None) is passes


@given(st.text(), st.text())
def test_any_header_is_accepted_or_refused(host: str, origin: str) -> None:
    foreign_host(host, "127.0.0.1")
    foreign_origin("POST", {"origin": origin})
