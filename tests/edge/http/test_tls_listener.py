"""HTTPS and HTTP on one port: the same requests, and clients that stop before their connection is open."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from personalize_emu.edge.http.connection import SPILL_BYTES
from personalize_emu.edge.tls.server_tls import server_tls
from personalize_emu.settings import Settings
from tests.edge.http.echo_server import LIMIT, Running, echoing, read_all
from tests.edge.http.test_http_server import chunked, fault, last, request, status
from tests.edge.tls.certificates import client_context, issued, server_context


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Running]:
    with echoing(tls=server_context(folder)) as server:
        yield server


@pytest.fixture
def trusting(folder: Path) -> ssl.SSLContext:
    return client_context(issued(folder).authority)


def secured(server: Running, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(server.connect(), server_hostname="localhost")


def ask(server: Running, context: ssl.SSLContext, *sent: bytes) -> bytes:
    with secured(server, context) as connection:
        for piece in sent:
            connection.sendall(piece)
        return read_all(connection)


def test_http_and_https_give_the_same_answers(server: Running, trusting: ssl.SSLContext) -> None:
    asked = (request("POST", "/a", b"xyz"), request("GET", "/b"), last("GET", "/c"))
    plain, secret = server.ask(*asked), ask(server, trusting, *asked)
    lines = [b"POST /a 3", b"GET /b 0", b"GET /c 0"]
    for answer in (plain, secret):
        assert [line for line in answer.split(b"\n") if line.startswith((b"POST", b"GET"))] == lines
    assert server.ask(*[bytes([each]) for each in last("GET", "/bytewise")]).endswith(b"GET /bytewise 0\n")


def test_application_gets_the_scheme(server: Running, trusting: ssl.SSLContext) -> None:
    for scheme in ("http", "https"):
        connection = server.connect() if scheme == "http" else secured(server, trusting)
        with connection:
            connection.sendall(last("GET", "/held"))
            assert server.echo.holding.wait(30)
            ((held, _),) = server.echo.held
            assert held.head.scheme == scheme
            server.loop.call_soon_threadsafe(server.let_go)
            assert status(read_all(connection)) == 200


@pytest.mark.parametrize("length", [0, 70_000, SPILL_BYTES + 1, LIMIT])
def test_bodies_of_any_size_arrive_whole(server: Running, trusting: ssl.SSLContext, length: int) -> None:
    body = bytes(range(256)) * (length // 256) + b"." * (length % 256)
    assert ask(server, trusting, last("PUT", "/p", body)).endswith(b"PUT /p %d\n" % length)
    assert server.echo.arrived[-1][2] == body


def test_large_answers_arrive_whole(server: Running, trusting: ssl.SSLContext) -> None:
    head, _, body = ask(server, trusting, last("GET", "/large")).partition(b"\r\n\r\n")
    assert b"content-length: %d" % (4 * LIMIT) in head
    assert body == b"x" * (4 * LIMIT)


def test_refusal_is_read_by_a_client_that_is_still_sending(server: Running, trusting: ssl.SSLContext) -> None:
    with secured(server, trusting) as connection:
        connection.sendall(chunked(b"a" * LIMIT, b"b", *[b"more" * 20_000] * 400))
        answer = connection.recv(65536)
    assert (status(answer), fault(answer)) == (413, "TOO_LARGE")


def test_malformed_request_is_refused(server: Running, trusting: ssl.SSLContext) -> None:
    with secured(server, trusting) as connection:
        connection.sendall(b"no request\r\n\r\n")
        assert fault(connection.recv(65536)) == "MALFORMED"


def test_stalled_clients_do_not_delay_others(server: Running, trusting: ssl.SSLContext) -> None:
    """Some send nothing, some stop inside their handshake."""
    waiting = [server.connect() for _ in range(40)]
    for connection in waiting[::2]:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    try:
        assert status(ask(server, trusting, last("GET", "/a"))) == 200
        assert status(server.ask(last("GET", "/a"))) == 200
        connection = trusting.wrap_socket(waiting[1], server_hostname="localhost")
        connection.sendall(last("GET", "/late"))
        assert read_all(connection).endswith(b"GET /late 0\n")
        connection.close()
    finally:
        for connection in waiting:
            connection.close()


def test_handshake_must_end_within_the_time_of_a_request(folder: Path) -> None:
    with echoing(0.1, tls=server_context(folder)) as server, server.connect() as stalled:
        stalled.sendall(b"\x16\x03\x01\x02\x00\x01")
        with suppress(ConnectionResetError):
            assert stalled.recv(1) == b""


def test_clients_that_leave_early_are_forgotten(server: Running, trusting: ssl.SSLContext) -> None:
    server.connect().close()
    with server.connect() as connection:
        connection.sendall(b"\x16")
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    secured(server, trusting).close()
    assert status(ask(server, trusting, last("GET", "/a"))) == 200


def test_clients_that_do_not_trust_the_authority_end_the_handshake(
    server: Running, trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "personalize_emu.edge.http.tls_listener")
    with pytest.raises(ssl.SSLCertVerificationError):
        secured(server, ssl.create_default_context())
    assert status(ask(server, trusting, last("GET", "/a"))) == 200
    assert "unknown ca" in caplog.text


@pytest.mark.parametrize(
    ("version", "accepted"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_begins_with_version_1_2(
    folder: Path, version: ssl.TLSVersion, accepted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "personalize_emu.edge.http.tls_listener")
    tls = server_tls(Settings(tls=True, tls_dir=str(folder)))
    assert tls is not None
    context = client_context(issued(folder).authority)
    # Clients refuse the old versions themselves unless their ciphers are allowed.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with echoing(tls=tls.context) as server:
        if accepted:
            assert status(ask(server, context, last("GET", "/a"))) == 200
        else:
            with pytest.raises(OSError):
                ask(server, context, last("GET", "/a"))
    assert ("unsupported protocol" in caplog.text.lower().replace("_", " ")) is not accepted


def test_stop_drops_connections_that_are_not_open(folder: Path, trusting: ssl.SSLContext) -> None:
    with echoing(tls=server_context(folder)) as server, server.connect() as silent, server.connect() as stalled:
        stalled.sendall(b"\x16\x03\x01")
        with secured(server, trusting) as idle:
            asyncio.run_coroutine_threadsafe(server.server.stop(30), server.loop).result(30)
            for connection in (silent, stalled, idle):
                with suppress(ConnectionResetError, ssl.SSLError):
                    assert connection.recv(1) == b""
            with pytest.raises(ConnectionRefusedError):
                server.connect()
