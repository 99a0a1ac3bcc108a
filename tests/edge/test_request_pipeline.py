"""The request pipeline, called with plain values."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from personalize_emu import emulator
from personalize_emu.edge.request_pipeline import answer
from personalize_emu.emulator import Emulator
from personalize_emu.operations import HANDLERS
from personalize_emu.settings import Settings
from personalize_emu.wire.errors import InvalidInputException
from personalize_emu.wire.models import operations
from personalize_emu.wire.render import Response

REGION = "eu-west-1"
SIGNED = {"authorization": f"AWS4-HMAC-SHA256 Credential=KEY/20260101/{REGION}/personalize/aws4_request, Signature=0"}


@pytest.fixture
def quiet() -> Iterator[Emulator]:
    with Emulator(Settings(pace="instant", region="ap-south-1", account="111122223333")) as emulator:
        yield emulator


def control(emulator: Emulator, name: str, body: Any = None, **options: Any) -> Response:
    headers = {"x-amz-target": f"AmazonPersonalize.{name}", **options.pop("headers", SIGNED)}
    return answer(emulator, "POST", "/", "", headers, json.dumps(body or {}).encode(), **options)


def members(response: Response) -> dict[str, Any]:
    output: dict[str, Any] = json.loads(response.body)
    return output


def test_p19_region_of_the_credential_scope(quiet: Emulator) -> None:
    arn = members(control(quiet, "CreateDatasetGroup", {"name": "films"}))["datasetGroupArn"]
    assert arn == f"arn:aws:personalize:{REGION}:111122223333:dataset-group/films"


def test_p19_presigned_requests_carry_it_in_the_query(quiet: Emulator) -> None:
    headers = {"x-amz-target": "AmazonPersonalize.CreateDatasetGroup"}
    query = "X-Amz-Credential=KEY%2F20260101%2Fus-west-2%2Fpersonalize%2Faws4_request"
    response = answer(quiet, "POST", "/", query, headers, b'{"name":"films"}')
    assert ":us-west-2:" in members(response)["datasetGroupArn"]


def test_p21_without_credentials_the_settings_decide(quiet: Emulator) -> None:
    response = control(quiet, "CreateDatasetGroup", {"name": "films"}, headers={})
    assert members(response)["datasetGroupArn"].startswith("arn:aws:personalize:ap-south-1:111122223333:")


def test_p20_account_of_the_access_key(quiet: Emulator) -> None:
    accounts = {"KEY": "444455556666"}
    response = control(quiet, "CreateDatasetGroup", {"name": "films"}, account_of=accounts.get)
    assert ":444455556666:" in members(response)["datasetGroupArn"]
    assert members(control(quiet, "ListDatasetGroups"))["datasetGroups"] == []


def test_p64_exception_is_internal_failure_with_logged_traceback(
    quiet: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_key: str) -> str:
        raise RuntimeError("the directory of accounts is gone")

    response = control(quiet, "ListDatasetGroups", account_of=broken)
    assert response.status == 500
    assert members(response)["__type"] == "InternalFailure"
    assert "directory of accounts" not in members(response)["message"]
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.exc_info is not None


def test_unimplemented_operation_returns_501(quiet: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """New operations of the service model are refused with a clear message."""
    monkeypatch.setattr(emulator, "HANDLERS", {})
    response = control(quiet, "ListSchemas")
    assert response.status == 501
    assert members(response)["__type"] == "NotImplementedException"
    assert "does not implement it yet" in members(response)["message"]


def test_every_operation_of_the_model_is_written() -> None:
    assert set(HANDLERS) == set(operations())


def test_s38_log_has_operation_and_status_without_values(
    quiet: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="personalize_emu.requests")
    secret = 'INCLUDE ItemID WHERE Items.SECRET IN ("value")'
    body = {"name": "bad name", "datasetGroupArn": "arn", "filterExpression": secret}
    response = control(quiet, "CreateFilter", body)
    (record,) = caplog.records
    line = record.getMessage()
    request_id = dict(response.headers)["x-amzn-requestid"]
    assert line.startswith("CreateFilter status=400 ms=")
    assert f"request={request_id} error=ValidationException about=arn message=" in line
    assert "Value 'bad name' at 'name' failed" in line
    assert "SECRET" not in line


def test_s38_a_message_that_repeats_a_sensitive_value_is_logged_without_it(
    quiet: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise InvalidInputException("context has no number for AGE: 'ninety'\nu7")

    monkeypatch.setattr(quiet, "call", refuse)
    caplog.set_level(logging.INFO, logger="personalize_emu.requests")
    arn = "arn:aws:personalize:eu-west-1:111122223333:campaign/films"
    body = json.dumps({"campaignArn": arn, "userId": "u7", "context": {"AGE": "ninety"}}).encode()
    answered = answer(quiet, "POST", "/recommendations", "", SIGNED, body)
    assert "ninety" in members(answered)["message"]
    (record,) = caplog.records
    output = f"error=InvalidInputException about={arn} message=\"context has no number for AGE: '***'\\nu7\""
    assert record.getMessage().endswith(output)


@pytest.mark.parametrize(
    ("region", "hint"),
    [("us-east-1", f" hint='the client is of {REGION}, the ARN of us-east-1'"), (REGION, ""), ("", ""), ("a'b", "")],
)
def test_the_log_tells_that_an_arn_that_is_not_found_is_of_another_region(
    quiet: Emulator, caplog: pytest.LogCaptureFixture, region: str, hint: str
) -> None:
    caplog.set_level(logging.INFO, logger="personalize_emu.requests")
    arn = f"arn:aws:personalize:{region}:123456789012:campaign/home-page"
    response = answer(quiet, "POST", "/recommendations", "", SIGNED, json.dumps({"campaignArn": arn}).encode())
    (record,) = caplog.records
    assert "error=ResourceNotFoundException" in record.getMessage()
    assert record.getMessage().endswith(f" message={members(response)['message']!r}{hint}")


def test_p80_preflight_needs_no_signature(quiet: Emulator) -> None:
    response = answer(quiet, "OPTIONS", "/anything", "", {"access-control-request-headers": "authorization"}, b"")
    headers = dict(response.headers)
    assert response.status == 200
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-headers"] == "authorization"


def test_p58_unknown_path(quiet: Emulator) -> None:
    response = answer(quiet, "POST", "/nothing", "", SIGNED, b"{}")
    assert response.status == 404
    assert dict(response.headers)["x-amzn-errortype"] == "UnknownOperationException"


def test_p56_constraints_come_after_syntax_and_before_existence(quiet: Emulator) -> None:
    target = {"x-amz-target": "AmazonPersonalize.DescribeDatasetGroup", **SIGNED}
    bodies = {
        b"{": "SerializationException",
        b'{"datasetGroupArn": "no arn"}': "ValidationException",
        b'{"datasetGroupArn": "arn:aws:personalize:eu-west-1:111122223333:dataset-group/x"}': (
            "ResourceNotFoundException"
        ),
    }
    found = [members(answer(quiet, "POST", "/", "", target, body))["__type"] for body in bodies]
    assert found == list(bodies.values())
