"""Limits, complete bodies and thread pools of the HTTP application."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from personalize_emu.aws_services import NoSuchBucket
from personalize_emu.edge import dispatcher
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import OnePort, emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings
from tests.edge.http.echo_server import read_all
from tests.refusals import refusal

REGION = "us-east-1"
BUCKET = "dispatcher-bucket"
STALLED = 200
Answer = tuple[int, dict[str, str], bytes]


def scope(service: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential=KEY/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"


def head(method: str, path: str, service: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: {scope(service)}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def target(operation: str) -> str:
    return f"X-Amz-Target: AmazonPersonalize.{operation}"


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as server:
        client(server, "s3").create_bucket(Bucket=BUCKET)
        yield server
    reset_services()


@pytest.fixture
def hasty() -> Iterator[LiveServer]:
    """A server with a time-out of 0.2 seconds for requests."""
    settings = Settings(pace="instant", body_timeout=0.2)
    with emulator_with_services(settings) as emulator, LiveServer(emulator) as server:
        yield server


def client(server: LiveServer, service: str) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(
        service, REGION, endpoint_url=server.url, aws_access_key_id="k", aws_secret_access_key="s", config=config
    )


def connect(server: LiveServer) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0))
    connection.settimeout(60)
    return connection


def send(server: LiveServer, sent: bytes, *, ends: bool = False) -> Answer:
    """The response to these bytes. ends: close the sending side."""
    with connect(server) as connection:
        connection.sendall(sent)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection, method=sent.partition(b" ")[0].decode())
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def groups(server: LiveServer) -> list[str]:
    return [group["name"] for group in client(server, "personalize").list_dataset_groups()["datasetGroups"]]


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 1000\r\n\r\n0123456789",
        b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n",
        b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\nzz\r\nmore\r\n0\r\n\r\n",
    ],
    ids=["short", "without an end", "bad size of a chunk"],
)
def test_aborted_upload_does_not_change_the_object(server: LiveServer, rest: bytes) -> None:
    s3 = client(server, "s3")
    s3.put_object(Bucket=BUCKET, Key="kept", Body=b"before")
    for key in ("kept", "never"):
        sent = head("PUT", f"/{BUCKET}/{key}", "s3")[:-2] + rest
        status, _, body = send(server, sent, ends=True)
        assert status == 400
        assert b"<Code>I" in body
    assert s3.get_object(Bucket=BUCKET, Key="kept")["Body"].read() == b"before"
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["kept"]


def test_truncated_json_is_refused(server: LiveServer) -> None:
    whole = b'{"name":"cut-json"}'
    sent = head("POST", "/", "personalize", target("CreateDatasetGroup"), "Content-Length: 500") + whole
    status, headers, body = send(server, sent, ends=True)
    assert (status, json.loads(body)["__type"]) == (400, "SerializationException")
    assert headers["x-amzn-requestid"]
    form = b"Action=CreateUser&UserName=cut-form"
    kind = "Content-Type: application/x-www-form-urlencoded"
    status, _, body = send(server, head("POST", "/", "iam", kind, "Content-Length: 500") + form, ends=True)
    assert (status, body.startswith(b"<ErrorResponse>")) == (400, True)
    assert "cut-json" not in groups(server)
    assert client(server, "iam").list_users()["Users"] == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (head("POST", "/", "personalize", target("ListSchemas"), "Content-Length: 9") + b"{", "RequestTimeoutExcept"),
        (head("POST", "/", "kinesis", "X-Amz-Target: Kinesis_20131202.L", "Content-Length: 9"), "RequestTimeoutExcept"),
        (head("PUT", f"/{BUCKET}/slow", "s3", "Content-Length: 9") + b"12345678", "RequestTimeout"),
        (b"POST / HTTP/1.1\r\nHost", "RequestTimeoutException"),
    ],
    ids=["personalize", "kinesis", "s3", "nobody"],
)
def test_stalled_request_times_out_in_the_format_of_its_service(hasty: LiveServer, sent: bytes, code: str) -> None:
    status, headers, body = send(hasty, sent)
    assert (status, headers["connection"]) == (408, "close")
    assert code.encode() in body


@pytest.mark.parametrize(
    ("service", "headers", "most", "code"),
    [
        ("personalize", (target("CreateSchema"),), dispatcher.PERSONALIZE_BYTES, "RequestEntityTooLargeException"),
        ("iam", ("Content-Type: application/x-www-form-urlencoded",), dispatcher.SERVICE_BYTES, "<Code>RequestEntityT"),
        ("kinesis", ("X-Amz-Target: Kinesis_20131202.PutRecord",), dispatcher.SERVICE_BYTES, "RequestEntityTooLarge"),
        ("s3", (), dispatcher.OBJECT_BYTES, "<Code>EntityTooLarge"),
    ],
)
def test_every_service_has_a_limit_of_size(
    server: LiveServer, service: str, headers: tuple[str, ...], most: int, code: str
) -> None:
    status, _, body = send(server, head("POST", "/a/b", service, *headers, f"Content-Length: {most + 1}"))
    assert (status, code.encode() in body) == (413, True)


def test_unsigned_requests_have_the_limit_of_their_destination(server: LiveServer) -> None:
    size = f"Content-Length: {dispatcher.OBJECT_BYTES + 1}"
    status, _, body = send(server, f"PUT /{BUCKET}/key HTTP/1.1\r\nHost: a\r\n{size}\r\n\r\n".encode())
    assert (status, b"<Code>EntityTooLarge" in body) == (413, True)
    size = f"Content-Length: {dispatcher.SERVICE_BYTES + 1}"
    kind = "Content-Type: application/x-www-form-urlencoded"
    assert send(server, f"POST / HTTP/1.1\r\nHost: a\r\n{kind}\r\n{size}\r\n\r\n".encode())[0] == 413
    size = f"Content-Length: {dispatcher.PERSONALIZE_BYTES + 1}"
    assert send(server, f"POST /_emu/clock HTTP/1.1\r\nHost: a\r\n{size}\r\n\r\n".encode())[0] == 413


def test_stalled_connections_do_not_block_others(server: LiveServer) -> None:
    with ExitStack() as open_connections:
        for number in range(STALLED):
            connection = open_connections.enter_context(connect(server))
            service = ("personalize", "s3", "iam")[number % 3]
            connection.sendall(head("POST", "/stalled", service, "Content-Length: 1000") + b"0123456789")
        status, _, body = send(server, head("GET", "/_emu/health", "x"))
        assert (status, json.loads(body)["status"]) == (200, "ok")
        client(server, "personalize").list_schemas()
        assert client(server, "s3").list_buckets()["Buckets"]


def test_health_needs_no_thread_and_no_lock(server: LiveServer) -> None:
    """All live threads wait for the store, and further requests wait for a thread."""
    ask: Callable[[], Any] = client(server, "personalize").list_schemas
    threads = [threading.Thread(target=ask) for _ in range(dispatcher.LIVE_THREADS + 2)]
    with server.emulator.state.store.lock:
        for thread in threads:
            thread.start()
        status, _, body = send(server, head("GET", "/_emu/health", "x"))
        assert (status, json.loads(body)["status"]) == (200, "ok")
        assert send(server, head("HEAD", "/_emu/health", "x"))[0] == 200
        assert all(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()


def test_reading_and_events_need_no_thread(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher.ThreadPool, "run", _no_thread)
    listed = send(server, head("POST", "/", "personalize", target("ListSchemas"), "Content-Length: 2") + b"{}")
    assert listed[0] == 200
    unknown = b'{"trackingId":"none","sessionId":"s","eventList":[{"eventType":"View","sentAt":1}]}'
    sent = head("POST", "/events", "personalize", f"Content-Length: {len(unknown)}") + unknown
    assert json.loads(send(server, sent)[2])["message"] == "Invalid tracking id: none"


def _no_thread(_pool: object, _work: object) -> None:
    raise AssertionError("a thread is used")


def test_reading_while_the_store_is_locked_is_answered_by_a_thread(server: LiveServer) -> None:
    """One request, one identifier and one line in the log, although it begins in the event loop."""
    ask = head("POST", "/", "personalize", target("ListSchemas"), "Content-Length: 2") + b"{}"
    counted = server.emulator.state.counters
    before = counted.counts().requests["ListSchemas", 200]
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(send(server, ask)))
    with server.emulator.state.store.lock:
        thread.start()
        while send(server, head("GET", "/_emu/health", "x"))[0] != 200 or not _has_worker("live"):
            pass
        assert not answers
    thread.join()
    assert [status for status, _, _ in answers] == [200]
    assert counted.counts().requests["ListSchemas", 200] == before + 1


def _has_worker(pool: str) -> bool:
    return any(each.name == f"personalize-emu-{pool}" for each in threading.enumerate())


def test_calls_with_credentials_wait_for_a_reset(server: LiveServer) -> None:
    """A key is looked up before or after a reset, and the event loop answers others meanwhile."""
    ask: Callable[[], Any] = client(server, "personalize").list_schemas
    thread = threading.Thread(target=ask)

    def meanwhile() -> None:
        thread.start()
        assert send(server, head("GET", "/_emu/health", "x"))[0] == 200
        assert thread.is_alive()

    reset_services(meanwhile)
    thread.join()
    client(server, "s3").create_bucket(Bucket=BUCKET)


def test_large_bodies_are_read_by_a_thread(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    begin = OnePort.begin
    monkeypatch.setattr(OnePort, "begin", lambda *args: begun.append(args) or begin(*args))
    for size, expected in ((dispatcher.AT_ONCE_BYTES, 1), (dispatcher.AT_ONCE_BYTES + 1, 1)):
        body = b"{}".ljust(size)
        status, _, answer = send(server, head("POST", "/events", "personalize", f"Content-Length: {size}") + body)
        assert (status, json.loads(answer)["__type"], len(begun)) == (400, "ValidationException", expected)


def test_health_with_foreign_host_is_refused(server: LiveServer) -> None:
    sent = b"GET /_emu/health HTTP/1.1\r\nHost: rebound.evil.com\r\nConnection: close\r\n\r\n"
    assert send(server, sent)[0] == 403


def test_calls_that_wait_and_other_services_leave_threads_to_recommendations(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More calls are in progress than each of the other pools has threads."""
    let_go, waiting = threading.Event(), threading.Semaphore(0)
    call = server.emulator.call

    def held(operation: str, *arguments: Any, **options: Any) -> Any:
        if operation.startswith("Create"):
            waiting.release()
            assert let_go.wait(60)
        return call(operation, *arguments, **options)

    monkeypatch.setattr(server.emulator, "call", held)
    personalize = client(server, "personalize")
    makers = [
        threading.Thread(target=personalize.create_dataset_group, kwargs={"name": f"held-{number}"})
        for number in range(4)
    ]
    for thread in makers:
        thread.start()
    for _ in makers:
        assert waiting.acquire(timeout=60)
    assert "held-0" not in groups(server)
    assert client(server, "s3").list_buckets()["Buckets"]
    let_go.set()
    for thread in makers:
        thread.join()
    assert set(groups(server)) >= {f"held-{number}" for number in range(4)}


def test_keys_keep_their_escapes_and_metadata_their_bytes(server: LiveServer) -> None:
    s3 = client(server, "s3")
    for key in ("a/b c+d", "a%2Fb", "ü/ß", "a//b", "q?x=y#z"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode(), Metadata={"kind": "text"})
        found = s3.get_object(Bucket=BUCKET, Key=key)
        assert (found["Body"].read(), found["Metadata"]) == (key.encode(), {"kind": "text"})
        assert s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(key.encode())
        s3.delete_object(Bucket=BUCKET, Key=key)


def test_one_connection_serves_all_kinds_of_requests(server: LiveServer) -> None:
    parts = [
        head("GET", "/_emu/health", "x"),
        head("POST", "/", "personalize", target("ListSchemas"), "Content-Length: 2") + b"{}",
        head("GET", f"/{BUCKET}", "s3"),
        head("GET", "/_emu/metrics", "x", "Connection: close"),
    ]
    with connect(server) as connection:
        connection.sendall(b"".join(parts))
        answers = read_all(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == len(parts)
    order = [answers.index(word) for word in (b'"version"', b'"schemas"', b"ListBucketResult", b"# HELP")]
    assert order == sorted(order)


def test_debug_log_has_calls_of_embedded_services(
    server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="personalize_emu")
    client(server, "s3").put_object(Bucket=BUCKET, Key="told", Body=b"x")
    refusal(client(server, "iam").get_role, status=404, RoleName="nobody")
    own = server.emulator.aws_services.objects(REGION)
    assert [each.key for each in own.list(BUCKET, "told")] == ["told"]
    with pytest.raises(NoSuchBucket):
        list(own.list("no-such-bucket-here", ""))
    lines = [f"{record.name} {record.levelname} {record.getMessage()}" for record in caplog.records]
    assert lines[0].startswith(f"personalize_emu.services DEBUG s3 PUT '/{BUCKET}/told' status=200 ms=")
    assert lines[1].startswith("personalize_emu.services DEBUG iam POST '/' status=404 ms=")
    assert lines[2:] == [
        "personalize_emu.aws DEBUG S3.ListObjectsV2 status=200 error=-",
        "personalize_emu.aws DEBUG S3.ListObjectsV2 status=404 error=NoSuchBucket",
    ]


def test_exception_outside_of_operations_is_answered(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_call: object) -> None:
        raise RuntimeError("the counter is gone")

    asked = head("POST", "/", "personalize", target("ListSchemas"), "Content-Length: 2") + b"{}"
    with monkeypatch.context() as patch:
        patch.setattr(server.emulator, "measure", broken)
        for _ in range(dispatcher.LIVE_THREADS + 1):
            status, _, body = send(server, asked)
            assert (status, json.loads(body)["__type"]) == (500, "InternalFailure")
    assert "the counter is gone" in caplog.text
    assert send(server, asked)[0] == 200
