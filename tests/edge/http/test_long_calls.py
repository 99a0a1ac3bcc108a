"""Pace instant over HTTP: a call waits for its own work only, and not longer than the time-out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.aws_services import AwsServices
from personalize_emu.edge.moto_adapter import EmbeddedClients, reset_services
from personalize_emu.edge.request_pipeline import answer
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from tests.given import BUCKET, INTERACTIONS_SCHEMA, ROLE, as_csv, two_camps

PATIENCE = 0.05


class HeldClients(EmbeddedClients):
    """Clients whose downloads block until the event is set; `begun` is set by the first."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let_go = threading.Event(), threading.Event()

    def send(self, event_name: str, request: Any) -> Any:
        if event_name == "before-send.s3.GetObject":
            self.begun.set()
            assert self.let_go.wait(30)
        return super().send(event_name, request)


@pytest.fixture
def clients() -> Iterator[HeldClients]:
    clients = HeldClients()
    yield clients
    clients.let_go.set()
    reset_services()


@pytest.fixture
def emulator(clients: HeldClients) -> Iterator[Emulator]:
    s3 = EmbeddedClients()("s3", "us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="interactions.csv", Body=as_csv(two_camps()).encode())
    with Emulator(Settings(pace="instant"), aws_services=AwsServices(clients)) as emulator:
        yield emulator


def call(emulator: Emulator, operation: str, patience: float | None = None, **params: Any) -> dict[str, Any]:
    headers = {"x-amz-target": f"AmazonPersonalize.{operation}"}
    response = answer(emulator, "POST", "/", "", headers, json.dumps(params).encode(), patience=patience)
    assert response.status == 200, response.body
    members: dict[str, Any] = json.loads(response.body)
    return members


def dataset(emulator: Emulator) -> str:
    group = call(emulator, "CreateDatasetGroup", name="group")["datasetGroupArn"]
    schema = call(emulator, "CreateSchema", name="schema", schema=INTERACTIONS_SCHEMA)["schemaArn"]
    made = call(
        emulator, "CreateDataset", name="d", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )
    return str(made["datasetArn"])


def begin_import(emulator: Emulator, patience: float | None) -> str:
    source = {"dataLocation": f"s3://{BUCKET}/interactions.csv"}
    request = {"jobName": "import", "datasetArn": dataset(emulator), "dataSource": source, "roleArn": ROLE}
    return str(call(emulator, "CreateDatasetImportJob", patience, **request)["datasetImportJobArn"])


def status(emulator: Emulator, arn: str) -> str:
    described = call(emulator, "DescribeDatasetImportJob", datasetImportJobArn=arn)
    return str(described["datasetImportJob"]["status"])


def test_call_returns_with_job_in_progress_after_instant_timeout(
    emulator: Emulator, clients: HeldClients
) -> None:
    arn = begin_import(emulator, PATIENCE)
    assert clients.begun.wait(30)
    assert status(emulator, arn) == "CREATE IN_PROGRESS"
    clients.let_go.set()
    assert emulator.wait_idle(30)
    assert status(emulator, arn) == "ACTIVE"


def test_other_calls_do_not_wait_for_the_work_of_a_call(emulator: Emulator, clients: HeldClients) -> None:
    arns: list[str] = []
    caller = threading.Thread(target=lambda: arns.append(begin_import(emulator, None)))
    caller.start()
    assert clients.begun.wait(30)
    assert call(emulator, "CreateDatasetGroup", name="another")["datasetGroupArn"]
    assert arns == []
    clients.let_go.set()
    caller.join()
    assert status(emulator, arns[0]) == "ACTIVE"


@pytest.mark.parametrize("patience", [None, 30, PATIENCE])
def test_failure_after_a_change_is_logged_and_blocks_nothing(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, patience: float | None
) -> None:
    context, go_on, last = emulator._context("us-east-1", "123456789012"), threading.Event(), threading.Event()

    def fail() -> None:
        assert go_on.wait(30)
        raise RuntimeError("gone")

    context.afterwards(fail)
    context.afterwards(last.set)
    if patience != PATIENCE:
        go_on.set()
    context.run_deferred(patience)
    go_on.set()
    assert last.wait(30)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "gone"


def test_call_over_http_uses_instant_timeout(clients: HeldClients) -> None:
    settings = Settings(pace="instant", instant_timeout=PATIENCE)
    s3 = EmbeddedClients()("s3", "us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="interactions.csv", Body=as_csv(two_camps()).encode())
    with Emulator(settings, aws_services=AwsServices(clients)) as emulator, LiveServer(emulator) as server:
        personalize = boto3.client(
            "personalize", "us-east-1", endpoint_url=server.url, aws_access_key_id="k", aws_secret_access_key="s"
        )
        source = {"dataLocation": f"s3://{BUCKET}/interactions.csv"}
        made = personalize.create_dataset_import_job(
            jobName="import", datasetArn=dataset(emulator), dataSource=source, roleArn=ROLE
        )
        assert clients.begun.wait(30)
        assert status(emulator, made["datasetImportJobArn"]) == "CREATE IN_PROGRESS"
        clients.let_go.set()
        assert emulator.wait_idle(30)
        assert status(emulator, made["datasetImportJobArn"]) == "ACTIVE"
