"""Faults over HTTP, from the command line and from a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config

from personalize_emu.cli import main
from personalize_emu.doubles.fault_files import FaultFile, read_fault_file
from personalize_emu.edge.endpoints import admin_call
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.edge.testing.server_process import ServerProcess
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from tests.given import REGION, arn
from tests.refusals import refusal

POSTED = ("faults", "job-faults", "answers", "clock", "usage", "explanations", "reset")
"""Routes that read a JSON object."""
NO_JSON = ("{" * 100_000, "operation=PutEvents", '{"operation": "PutEvents"')
THROTTLED = {"operation": "ListSchemas", "error": "ThrottlingException", "times": 2}


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveServer]:
    with LiveServer() as server:
        yield server


@pytest.fixture
def server(shared: LiveServer) -> LiveServer:
    shared.emulator.reset()
    return shared


def client(url: str, service: str = "personalize") -> Any:
    config = Config(retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
    return boto3.client(service, REGION, endpoint_url=url, config=config, **keys)


def test_faults_are_declared_listed_and_removed_over_http(server: LiveServer) -> None:
    first = admin_call(server.url, "POST", "faults", THROTTLED)
    assert first == {"id": 1, **THROTTLED, "hits": 0}
    other = {"operation": "*", "latency": "20ms", "where": {"campaignArn": arn("campaign", "c")}}
    assert admin_call(server.url, "POST", "faults", other) == {"id": 2, **other, "latency": 0.02, "hits": 0}
    assert refusal(client(server.url).list_schemas)[0] == "ThrottlingException"
    listed = admin_call(server.url, "GET", "faults")["faults"]
    assert [(each["id"], each["hits"]) for each in listed] == [(1, 1), (2, 0)]
    assert admin_call(server.url, "DELETE", "faults/1") == {"removed": [1]}
    assert client(server.url).list_schemas()["schemas"] == []
    assert admin_call(server.url, "DELETE", "faults") == {"removed": [2]}
    assert admin_call(server.url, "GET", "faults") == {"faults": []}


def test_job_faults_are_declared_listed_and_removed_over_http(server: LiveServer) -> None:
    declared = admin_call(server.url, "POST", "job-faults", {"kind": "dataset-group", "hang": True})
    assert declared == {"id": 1, "kind": "dataset-group", "hang": True, "times": 1, "hits": 0}
    personalize = client(server.url)
    group = personalize.create_dataset_group(name="shop")["datasetGroupArn"]

    def status() -> str:
        return str(personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]["status"])

    assert status() == "CREATE IN_PROGRESS"
    assert admin_call(server.url, "GET", "job-faults")["jobFaults"][0]["hits"] == 1
    assert admin_call(server.url, "DELETE", "job-faults/1") == {"removed": [1]}
    assert status() == "ACTIVE"
    admin_call(server.url, "POST", "job-faults", {"kind": "dataset-group", "reason": "no room left"})
    failed = personalize.create_dataset_group(name="news")["datasetGroupArn"]
    found = personalize.describe_dataset_group(datasetGroupArn=failed)["datasetGroup"]
    assert (found["status"], found["failureReason"]) == ("CREATE FAILED", "no room left")


def deep(levels: int) -> dict[str, Any]:
    return {"eventList": deep(levels - 1)} if levels else {}


@pytest.mark.parametrize(
    ("method", "route", "body", "status", "message"),
    [
        ("POST", "faults", "", 400, "a fault needs the member operation"),
        ("POST", "faults", "[1]", 400, 'send a JSON object such as {"operation": "PutEvents"'),
        ("POST", "faults", " ", 400, "a fault needs the member operation"),
        ("POST", "faults", "{" * 100_000, 400, 'such as {"operation": "PutEvents"'),
        *[("POST", route, body, 400, "the body is not JSON") for route in POSTED for body in NO_JSON],
        *[("POST", route, "[1]", 400, "the body is JSON, but not an object") for route in POSTED],
        ("POST", "faults", {**THROTTLED, "time": 2}, 400, "has no member 'time'; it has operation, error"),
        ("POST", "faults", {"operation": 3}, 400, "operation must be a text"),
        ("POST", "faults", {**THROTTLED, "times": 1e300}, 400, "times must be a whole number"),
        ("POST", "faults", {**THROTTLED, "probability": "often"}, 400, "probability must be more than 0"),
        ("POST", "faults", '{"operation": "*", "drop": true, "probability": NaN}', 400, "must be more than 0"),
        ("POST", "faults", {"operation": "*", "latency": "200 years"}, 400, "a duration is"),
        ("POST", "faults", {"operation": "PutEvents", "drop": True, "where": deep(30)}, 400, "nested more than 20"),
        ("POST", "job-faults", {"kind": "train"}, 400, "kind must be one of dataset-group"),
        ("POST", "job-faults", {"kind": []}, 400, "kind must be a text"),
        ("DELETE", "faults/9", "", 404, "there is no fault 9"),
        ("DELETE", "job-faults/9", "", 404, "there is no fault 9"),
        ("DELETE", "faults/x", "", 404, "DELETE faults/<int:number>"),
        ("PUT", "faults", "", 405, "POST faults"),
    ],
)
def test_malformed_requests_are_refused_with_what_to_send(
    server: LiveServer, method: str, route: str, body: Any, status: int, message: str
) -> None:
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{server.url}/_emu/{route}", data, method=method))
    with caught.value as error:
        assert error.code == status
        assert message in json.load(error)["error"]


def test_the_command_line_declares_lists_and_removes(server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> Any:
        assert main([*arguments, "--endpoint", server.url]) == 0
        return json.loads(capsys.readouterr().out)

    campaign = arn("campaign", "c")
    assert run("fail", "ListSchemas", "ThrottlingException", "--times", "2") == {"id": 1, **THROTTLED, "hits": 0}
    declared = run(
        *("fail", "GetRecommendations", "Teapot", "--status", "418", "--message", "short and stout"),
        *("--probability", "0.5", "--latency", "250ms", "--arn", campaign),
        *("--where", "userId=u1", "--where", '{"numResults": 5}'),
    )
    assert declared == {
        **{"id": 2, "operation": "GetRecommendations", "error": "Teapot", "status": 418, "message": "short and stout"},
        **{"probability": 0.5, "latency": 0.25, "arn": campaign, "where": {"userId": "u1", "numResults": 5}, "hits": 0},
    }
    assert run("fail", "*", "--drop")["drop"]
    assert run("fail", "*", "--wrong-json")["wrongJson"]
    assert run("fail-job", "campaign", "--reason", "full", "--times", "all")["times"] == "all"
    assert run("fail-job", "import", "--hang", "--times", "3", "--name", "n", "--arn", campaign) == {
        **{"id": 2, "kind": "dataset-import-job", "hang": True, "times": 3, "name": "n", "arn": campaign, "hits": 0}
    }
    assert [each["id"] for each in run("faults")["faults"]] == [1, 2, 3, 4]
    assert [each["id"] for each in run("faults", "--remove", "2")["faults"]] == [1, 3, 4]
    assert [each["id"] for each in run("faults", "--remove-job", "1")["jobFaults"]] == [2]
    assert run("faults", "--clear") == {"faults": [], "jobFaults": []}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fail", "PutEvent", "ThrottlingException"], 1, "personalize-emu: send a JSON object such as"),
        (["fail", "PutEvent", "ThrottlingException"], 1, "did you mean PutEvents?"),
        (["fail", "PutEvents"], 1, "a fault needs an error, latency, drop or wrongJson"),
        (["fail", "PutEvents", "--drop", "--where", "u1"], 2, "--where must be NAME=TEXT"),
        (["fail", "PutEvents", "--drop", "--where", "{1}"], 2, "--where"),
        (["fail-job", "import", "--times", "often"], 1, "times must be a whole number"),
        (["faults", "--remove", "7"], 1, "there is no fault 7"),
    ],
)
def test_the_command_line_explains_what_is_wrong(
    server: LiveServer, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--endpoint", server.url]) == code
    printed = capsys.readouterr().err
    assert message in printed
    assert "Is it a personalize-emu?" not in printed


@pytest.mark.parametrize(
    ("method", "route"), [("POST", "reset"), ("POST", "reset?region=eu-west-1"), ("DELETE", "faults")]
)
@pytest.mark.parametrize("body", ["region=us-east-1", '{"region": "us-east-1"}', "[]", '{"id": 1'])
def test_nothing_is_deleted_by_a_request_with_a_body(server: LiveServer, method: str, route: str, body: str) -> None:
    admin_call(server.url, "POST", "faults", THROTTLED)
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{server.url}/_emu/{route}", body.encode(), method=method))
    with caught.value as error:
        assert error.code == 400
        assert "body" in json.load(error)["error"]
    assert [each["id"] for each in admin_call(server.url, "GET", "faults")["faults"]] == [1]
    admin_call(server.url, method, route, {})
    assert len(admin_call(server.url, "GET", "faults")["faults"]) == ("region" in route)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\n"])
def test_a_body_that_says_nothing_is_none(server: LiveServer, body: bytes) -> None:
    admin_call(server.url, "POST", "faults", THROTTLED)
    with urlopen(Request(f"{server.url}/_emu/faults", body, method="DELETE")) as answer:
        assert json.load(answer) == {"removed": [1]}


YAML = """\
faults:
  - operation: ListSchemas
    error: ThrottlingException
    times: 1
jobFaults:
  - {kind: dataset-group, reason: no room left}
"""


def test_faults_of_a_file_are_declared_at_start_and_by_each_reset(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(YAML)
    with Emulator(Settings(pace="instant", faults=str(path))) as emulator, LiveServer(emulator) as server:
        personalize = client(server.url)
        for _ in range(2):
            assert refusal(personalize.list_schemas)[0] == "ThrottlingException"
            assert personalize.list_schemas()["schemas"] == []
            personalize.create_dataset_group(name="shop")
            assert [each["status"] for each in personalize.list_dataset_groups()["datasetGroups"]] == ["CREATE FAILED"]
            emulator.reset()


def test_a_server_reads_the_file_of_its_variable(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"faults": [THROTTLED]}))
    with ServerProcess(environ={**os.environ, "PERSONALIZE_EMU_FAULTS": str(path)}) as server:
        assert [each["operation"] for each in admin_call(server.url, "GET", "faults")["faults"]] == ["ListSchemas"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("faults: [", "not YAML"),
        ("- a", "is an object with members"),
        ("fault: []", "has no member 'fault'; it has faults, jobFaults"),
        ("faults: 3", "faults must be a list"),
        ("faults: [3]", "entry 1 of faults: a fault is an object"),
        ("jobFaults: [{kind: campaign}, {kind: compaign}]", "entry 2 of jobFaults: kind must be one of"),
        ("faults: [{operation: PutEvents, drop: true, where: {sessionId: 2020-01-01}}]", "JSON values"),
    ],
)
def test_wrong_files_are_refused_at_start(
    tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    assert main(["serve", "--port", "0", "--faults", str(path)]) == 2
    shown = capsys.readouterr().err
    assert str(path) in shown
    assert message in shown


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0", "--faults", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml cannot be read" in capsys.readouterr().err


def test_an_empty_file_declares_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert read_fault_file(str(tmp_path / "empty.yaml")) == FaultFile() == read_fault_file("")
