"""Resets are atomic, and web pages cannot use moto's reset route."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.models import IAMBackend
from moto.moto_api import recorder
from werkzeug.test import Client

from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.moto_adapter.resetting import SharedLock, using_services
from personalize_emu.edge.one_port import emulator_with_services, one_port
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings
from tests.given import REGION

OWN = Credentials("personalize-emu", "personalize-emu")


@pytest.fixture
def port() -> Iterator[Client]:
    """The application of a server with `auth`, in process."""
    with emulator_with_services(Settings(pace="instant", auth="iam")) as emulator:
        yield Client(one_port(emulator))
    reset_services()


def signed(service: str, key: Credentials = OWN, **named: Any) -> dict[str, Any]:
    """A signed POST as botocore creates it, by default to /."""
    path, headers = named.pop("path", "/"), {"host": "localhost", **named.pop("headers", {})}
    request = AWSRequest("POST", f"http://localhost{path}", headers, named["data"])
    SigV4Auth(key, service, REGION).add_auth(request)
    return {"method": "POST", "path": path, "headers": dict(request.headers.items()), **named}


def requests(key: Credentials) -> list[dict[str, Any]]:
    """Requests that use the embedded services directly or through Personalize."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    target = {"x-amz-target": "AmazonPersonalize.ListSchemas"}
    return [
        signed("iam", data="Action=ListUsers&Version=2010-05-08", headers=form),
        signed("sts", data="Action=GetCallerIdentity&Version=2011-06-15", headers=form),
        signed("personalize", data="{}", headers=target),
        signed("personalize", key, data="{}", headers=target),
        {"method": "GET", "path": "/bucket/key", "headers": {}},
    ]


def test_requests_during_a_reset_are_not_failures(port: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait until moto has initialised its stores again."""
    made = b"Action=CreateUser&UserName=ann&Version=2010-05-08"
    assert port.open(**signed("iam", data=made, headers={"content-type": "application/x-www-form-urlencoded"}))
    half_done, answered = threading.Event(), threading.Event()
    fill = IAMBackend.__init__

    def filled_slowly(backend: Any, *named: Any, **more: Any) -> None:
        if not half_done.is_set():
            half_done.set()
            # Longer than a request takes that does not wait.
            answered.wait(0.5)
        fill(backend, *named, **more)

    monkeypatch.setattr(IAMBackend, "__init__", filled_slowly)

    def ask(request: dict[str, Any]) -> int:
        half_done.wait()
        status = port.open(**request).status_code
        answered.set()
        return status

    asked = requests(Credentials("AKIAIOSFODNN7EXAMPLE", "secret"))
    with ThreadPoolExecutor(len(asked)) as pool:
        statuses = [pool.submit(ask, request) for request in asked]
        reset = port.open(**signed("personalize", path="/_emu/reset", data=""))
        # Otherwise the requests would wait for ever.
        half_done.set()
        assert reset.status_code == 200
    assert [each.result() for each in statuses] == [200, 200, 200, 400, 404]


def test_reset_waits_for_uses_of_embedded_services() -> None:
    """No new Personalize resource exists together with an old bucket."""
    order: list[str] = []
    resetting = threading.Thread(target=reset_services, args=(lambda: order.append("personalize"),))
    with using_services("iam"):
        resetting.start()
        # Longer than a reset takes that does not wait.
        resetting.join(0.2)
        order.append("used")
    resetting.join()
    assert order == ["used", "personalize"]


def test_shared_lock_excludes_writers() -> None:
    shared_lock = SharedLock()
    together, inside, clashes = threading.Barrier(4), [0], [0]
    counting = threading.Lock()

    def use() -> None:
        for _ in range(50):
            # A thread that holds the lock may acquire it again while a writer waits.
            with shared_lock.shared(), shared_lock.shared():
                with counting:
                    inside[0] += 1
                with counting:
                    inside[0] -= 1

    def meet() -> None:
        with shared_lock.shared():
            together.wait(30)

    def exclude() -> None:
        for _ in range(50):
            with shared_lock.exclusive(), shared_lock.shared():
                clashes[0] += inside[0]

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(meet) for _ in range(4)]:
            done.result()
        for done in [pool.submit(work) for work in (use, exclude, use, exclude)]:
            done.result()
    assert clashes == [0]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/moto-api/reset"),
        ("POST", "/moto-api/reset-auth"),
        ("POST", "/moto-api/seed?a=1"),
        ("POST", "/moto-api/recorder/start-recording"),
        ("GET", "/moto-api/data.json"),
        ("GET", "/moto-api/"),
        ("GET", "/moto-api"),
        ("POST", "/moto-api/config"),
        ("GET", "/favicon.ico"),
        ("POST", "/moto_api/reset"),
    ],
)
@pytest.mark.parametrize("host", ["localhost", "motoapi.amazonaws.com"])
def test_routes_of_moto_itself_are_not_exposed(port: Client, method: str, path: str, host: str) -> None:
    port.put("/films")
    answer = port.open(method=method, path=path, headers={"host": host}, data=b"1" if method == "POST" else b"")
    assert 400 <= answer.status_code < 500 or answer.status_code == 501
    assert port.get("/films").status_code == 200
    assert not recorder._user_enabled


def test_buckets_may_have_the_names_of_personalize_paths() -> None:
    with LiveServer() as server:
        s3 = boto3.client(
            "s3", region_name=REGION, endpoint_url=server.url, aws_access_key_id="k", aws_secret_access_key="s"
        )
        for bucket in ("moto-api", "moto-api-data"):
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key="reset", Body=b"kept")
            assert s3.get_object(Bucket=bucket, Key="reset")["Body"].read() == b"kept"
    reset_services()
