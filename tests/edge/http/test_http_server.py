"""HTTP on the wire: complete requests are answered in order, malformed ones never reach the application."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from personalize_emu.edge.http.connection import MOST_HEAD_BYTES, SPILL_BYTES
from tests.edge.http.echo_server import LIMIT, Running, echoing, read_all


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with echoing() as server:
        yield server


@pytest.fixture
def hasty() -> Iterator[Running]:
    """A server with a time-out of 0.1 seconds for requests."""
    with echoing(0.1) as server:
        yield server


def request(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def last(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    return request(method, target, body, "Connection: close", *headers)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"PUT /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def fault(answer: bytes) -> str:
    (line,) = [line for line in answer.split(b"\r\n") if line.startswith(b"x-fault")]
    return line.partition(b": ")[2].decode()


@pytest.mark.parametrize("length", [0, 1, 70_000, SPILL_BYTES, SPILL_BYTES + 1, LIMIT])
def test_bodies_of_any_size_arrive_whole(server: Running, length: int) -> None:
    body = bytes(range(256)) * (length // 256) + b"." * (length % 256)
    assert server.ask(last("PUT", f"/{length}", body)).endswith(b"\r\n\r\nPUT /%d %d\n" % (length, length))
    assert server.echo.arrived[-1] == ("PUT", f"/{length}", body)
    pieces = [body[start : start + 50_000] for start in range(0, length, 50_000)]
    assert server.ask(chunked(*pieces)).endswith(b"PUT /chunked %d\n" % length)
    assert server.echo.arrived[-1][2] == body


def test_split_and_pipelined_requests_are_answered_in_order(server: Running) -> None:
    bytewise = [bytes([each]) for each in request("POST", "/a", b"xyz") + last("GET", "/b")]
    assert [line for line in server.ask(*bytewise).split(b"\n") if line.startswith((b"POST", b"GET"))] == [
        b"POST /a 3",
        b"GET /b 0",
    ]
    many = b"".join(request("GET", f"/{number}") for number in range(2000)) + last("GET", "/last")
    answers = [line for line in server.ask(many).split(b"\n") if line.startswith(b"GET")]
    assert answers == [*(b"GET /%d 0" % number for number in range(2000)), b"GET /last 0"]


def test_slow_response_blocks_only_its_connection(server: Running) -> None:
    with server.connect() as slow:
        slow.sendall(request("GET", "/held") + b"".join(request("GET", f"/{each}") for each in "abcdef"))
        slow.sendall(last("GET", "/end"))
        assert server.echo.holding.wait(30)
        assert status(server.ask(last("GET", "/other"))) == 200
        server.loop.call_soon_threadsafe(server.let_go)
        answers = [line for line in read_all(slow).split(b"\n") if line.startswith(b"GET")]
    assert answers == [b"GET /held 0", *(b"GET /%c 0" % each for each in b"abcdef"), b"GET /end 0"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n0123456789", "BROKEN_OFF"),
        (b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Le", "BROKEN_OFF"),
        (b"PU", "BROKEN_OFF"),
        (chunked(b"abc", end=b""), "BROKEN_OFF"),
        (chunked(b"abc", end=b"0\r\n"), "BROKEN_OFF"),
        (chunked(b"abc", end=b"zz\r\nabc\r\n0\r\n\r\n"), "MALFORMED"),
        (chunked(end=b"-3\r\nabc\r\n0\r\n\r\n"), "MALFORMED"),
        (chunked(end=b"0x3\r\nabc\r\n0\r\n\r\n"), "MALFORMED"),
        (chunked(end=b"3\r\nabcd\r\n0\r\n\r\n"), "MALFORMED"),
        (b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "MALFORMED"),
        (b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "MALFORMED"),
        (b"PUT /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "MALFORMED"),
        (b"PUT /a HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nabc", "MALFORMED"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "MALFORMED"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "MALFORMED"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "MALFORMED"),
        (b"GET /" + b"a" * (2 * MOST_HEAD_BYTES), "LONG_HEAD"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * MOST_HEAD_BYTES, "LONG_HEAD"),
        (b"PUT /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1), "TOO_LARGE"),
        (chunked(b"a" * LIMIT, b"b"), "TOO_LARGE"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:70]),
)
def test_malformed_request_is_refused_before_the_application(server: Running, sent: bytes, expected: str) -> None:
    before = list(server.echo.arrived)
    answer = server.ask(sent, ends=True)
    assert fault(answer) == expected
    assert b"connection: close" in answer
    assert server.echo.arrived == before


def test_earlier_pipelined_requests_are_answered_before_a_refusal(server: Running) -> None:
    sent = request("GET", "/first") + b"PUT /a HTTP/1.1\r\nContent-Length: x\r\n\r\n" + request("GET", "/after")
    answer = server.ask(sent)
    assert b"GET /first 0\n" in answer
    assert fault(answer) == "MALFORMED"
    assert ("GET", "/after", b"") not in server.echo.arrived


def test_refused_client_can_read_the_error(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"PUT /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (2 * LIMIT))
        connection.sendall(b"a" * (2 * LIMIT))
        assert fault(read_all(connection)) == "TOO_LARGE"


@pytest.mark.parametrize(
    "sent",
    [
        b"PUT /a HTTP/1.1\r\nContent-Length: 1000\r\n\r\n0123456789",
        b"PUT /a HTTP/1.1\r\nContent-Le",
        b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_a_request_that_stalls_is_refused(hasty: Running, sent: bytes) -> None:
    answer = hasty.ask(sent)
    assert (status(answer), fault(answer)) == (408, "TOO_SLOW")
    assert hasty.echo.arrived == []


def test_client_that_does_not_read_is_disconnected(hasty: Running) -> None:
    with hasty.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request("GET", "/large"))
        endless = request("GET", "/more") * 1_000_000
        with pytest.raises(ConnectionError):
            connection.sendall(endless)


def test_large_answers_arrive_whole(server: Running) -> None:
    head, _, body = server.ask(last("GET", "/large")).partition(b"\r\n\r\n")
    assert b"content-length: %d" % (4 * LIMIT) in head
    assert body == b"x" * (4 * LIMIT)


def test_a_connection_ends_once_after_a_large_answer(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        server.ask(last("GET", "/large"))
    server.ask(last("GET", "/after"))
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_expect_100_continue(server: Running) -> None:
    expect = "Expect: 100-continue"
    with server.connect() as connection:
        connection.sendall(last("PUT", "/asked", b"", expect).replace(b"Length: 0", b"Length: 3"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert read_all(connection).endswith(b"PUT /asked 3\n")
    sent = request("PUT", "/asked", b"", expect).replace(b"Length: 0", b"Length: %d" % (LIMIT + 1))
    assert server.ask(sent).startswith(b"HTTP/1.1 413 ")


def test_head_http_1_0_and_half_closed_connections(server: Running) -> None:
    head = server.ask(last("HEAD", "/a"))
    assert b"content-length: 10" in head
    assert head.endswith(b"\r\n\r\n")
    assert b"connection: close" in server.ask(b"GET /old HTTP/1.0\r\n\r\n")
    kept = server.ask(b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + last("GET", "/b"))
    assert b"connection: keep-alive" in kept
    assert kept.count(b"HTTP/1.1 200") == 2
    assert server.ask(request("GET", "/a"), ends=True).endswith(b"GET /a 0\n")


def test_upgrade_header_is_ignored_and_body_kept(server: Running) -> None:
    """As sent by Java's client and curl --http2."""
    upgrade = "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"
    sent = request("POST", "/upgrade", b"the body", *upgrade)
    answer = server.ask(sent + request("POST", "/upgrade", b"another", *upgrade) + last("GET", "/then"))
    assert [line for line in answer.split(b"\n") if line.startswith((b"POST", b"GET"))] == [
        b"POST /upgrade 8",
        b"POST /upgrade 7",
        b"GET /then 0",
    ]
    assert [each[2] for each in server.echo.arrived[-3:]] == [b"the body", b"another", b""]


def test_headers_of_any_bytes_and_repeated_ones(server: Running) -> None:
    sent = b"GET /a HTTP/1.1\r\nX-Meta: \xc3\xbc\xff\r\nx-meta: two\r\nConnection: close\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(sent.replace(b"/a", b"/held"))
        assert server.echo.holding.wait(30)
        ((held, _),) = server.echo.held
        assert held.head.headers["x-meta"] == "Ã¼ÿ,two"
        server.loop.call_soon_threadsafe(server.let_go)
        assert status(read_all(connection)) == 200


def test_stop_finishes_responses_and_aborts_other_connections() -> None:
    with echoing() as server, server.connect() as idle, server.connect() as half, server.connect() as held:
        half.sendall(b"PUT /a HTTP/1.1\r\nContent-Length: 9\r\n\r\n1234")
        held.sendall(request("GET", "/held"))
        assert server.echo.holding.wait(30)
        stopping = asyncio.run_coroutine_threadsafe(server.server.stop(30), server.loop)
        for connection in (idle, half):
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        server.loop.call_soon_threadsafe(server.let_go)
        answer = read_all(held)
        assert answer.endswith(b"GET /held 0\n")
        assert b"connection: close" in answer
        stopping.result(30)
    with echoing() as server, server.connect() as held:
        held.sendall(request("GET", "/held"))
        assert server.echo.holding.wait(30)
        asyncio.run_coroutine_threadsafe(server.server.stop(0), server.loop).result(30)
        assert held.recv(1) == b""
