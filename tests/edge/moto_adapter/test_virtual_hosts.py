"""Bucket names in the host name, and the errors where they are not supported."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from personalize_emu.edge.http.origin_check import foreign_host
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import emulator_with_services, one_port
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings

SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/s3/aws4_request, Signature=0"}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as server:
        yield server
    reset_services()


def ask(server: LiveServer, method: str, path: str, host: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    connection.request(method, path, body, {"host": host, **SIGNED})
    answer = connection.getresponse()
    output = answer.status, answer.read()
    connection.close()
    return output


@pytest.mark.parametrize(
    "base", ["localhost:4577", "s3.localhost:4577", "s3.us-east-1.amazonaws.com", "127.0.0.1:4577"]
)
def test_a_bucket_in_the_host_is_that_of_the_path(server: LiveServer, base: str) -> None:
    bucket = "films-" + base.partition(":")[0].replace(".", "-")
    assert ask(server, "PUT", f"/{bucket}", "localhost:4577")[0] == 200
    assert ask(server, "PUT", "/a/b", f"{bucket}.{base}", b"content")[0] == 200
    assert ask(server, "GET", "/a/b", f"{bucket}.{base}") == (200, b"content")
    assert ask(server, "GET", f"/{bucket}/a/b", "localhost:4577") == (200, b"content")


def test_names_of_containers_are_explained(server: LiveServer) -> None:
    """A host name with dots may belong to a web page; a single name cannot."""
    assert ask(server, "PUT", "/films", "emu:4577")[0] == 200
    status, output = ask(server, "GET", "/a", "films.emu:4577")
    assert status == 403
    assert b"path-style addressing" in output


def test_names_below_the_served_host_are_accepted() -> None:
    assert foreign_host("films.emu:4577", "emu") is None
    assert foreign_host("emu:4577", "127.0.0.1") is None
    assert foreign_host("films.emu", "127.0.0.1") is not None
    assert foreign_host("filmsemu.com", "emu.com") is not None
    with emulator_with_services(Settings(host="emu")) as emulator:
        headers = {"host": "films.emu:4577", **SIGNED}
        assert one_port(emulator).destination("GET", "/a", "", headers).refusal is None
