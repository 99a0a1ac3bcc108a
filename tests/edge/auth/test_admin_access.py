"""Admin routes of a server with the option `auth`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest

from personalize_emu.cli import main
from personalize_emu.edge.endpoints import admin_call, reset_server
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings
from tests.given import REGION

ROOT = {"aws_access_key_id": "personalize-emu", "aws_secret_access_key": "personalize-emu"}
CHANGES = [("POST", "reset"), ("POST", "clock"), ("POST", "faults"), ("DELETE", "faults"), ("GET", "state")]


@pytest.fixture(params=["sigv4", "iam"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with LiveServer(emulator_with_services(Settings(pace="instant", auth=request.param))) as started:
        yield started
        started.emulator.close()
    reset_services()


def unsigned(server: LiveServer, method: str, route: str) -> tuple[int, Any]:
    try:
        with urlopen(
            Request(f"{server.url}/_emu/{route}", b"{}" if method == "POST" else None, method=method)
        ) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(("method", "route"), CHANGES)
def test_unsigned_requests_are_refused(server: LiveServer, method: str, route: str) -> None:
    status, answer = unsigned(server, method, route)
    assert status == 403
    assert "sign the request as a call of the service personalize: Missing Authentication Token" in answer["error"]


def test_health_and_metrics_are_open(server: LiveServer) -> None:
    assert unsigned(server, "GET", "health")[0] == 200
    assert unsigned(server, "GET", "metrics")[0] == 200


def test_commands_sign_their_requests(server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    reset_server(server.url)
    assert admin_call(server.url, "POST", "clock", {"advance": "1h"})["advanced"] == 3600
    assert main(["reset", "--endpoint", server.url]) == 0
    assert capsys.readouterr().out == f"{server.url} was reset\n"


def test_wrong_keys_are_refused(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    assert main(["reset", "--endpoint", server.url]) == 1
    assert "The security token included in the request is invalid" in capsys.readouterr().err


def test_users_need_permission_for_the_route(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With sigv4 every known key will do."""
    iam = boto3.client("iam", region_name=REGION, endpoint_url=server.url, **ROOT)
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    if server.emulator.settings.auth == "iam":
        with pytest.raises(HTTPError) as caught:
            admin_call(server.url, "POST", "clock", {"advance": "1h"})
        with caught.value as error:
            assert json.load(error)["error"].endswith(
                "user/ann is not authorized to perform personalize-emu:Clock "
                "because no identity-based policy allows the personalize-emu:Clock action"
            )
        statement = {"Effect": "Allow", "Action": "personalize-emu:C*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)
    assert admin_call(server.url, "POST", "clock", {"advance": "1h"})["advanced"] == 3600


def test_conditions_on_the_request_hold_for_admin_routes(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """S-31: a Deny on the address of the client. With sigv4 policies are not read."""
    iam = boto3.client("iam", region_name=REGION, endpoint_url=server.url, **ROOT)
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    def refusal(network: str) -> str:
        condition = {"IpAddress": {"aws:SourceIp": network}}
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        statements = [everything, {**everything, "Effect": "Deny", "Condition": condition}]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)
        try:
            admin_call(server.url, "POST", "clock", {"advance": "1h"})
        except HTTPError as error:
            with error:
                return str(json.load(error)["error"])
        return ""

    assert refusal("10.0.0.0/8") == ""
    denied = "with an explicit deny in an identity-based policy" if server.emulator.settings.auth == "iam" else ""
    assert refusal("127.0.0.0/8").endswith(denied)
    assert bool(refusal("127.0.0.0/8")) == bool(denied)
