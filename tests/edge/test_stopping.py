"""Stopping a server and the demo: immediately, with the expected exit code and without traceback."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import BotoCoreError

from personalize_emu.cli import environment, main
from personalize_emu.cli.main import BROKEN_PIPE, INTERRUPTED
from personalize_emu.demo import generate
from personalize_emu.edge.testing.server_process import ServerProcess
from personalize_emu.schema_files import schema_text
from tests.given import BUCKET, ROLE

DEMO = [sys.executable, "-m", "personalize_emu", "demo"]
SIGNALS = [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 0)]


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with a training in progress and two clients that have sent half a request."""
    with ServerProcess("--pace", "instant") as server:
        clients = {
            name: boto3.client(
                name, "us-east-1", endpoint_url=server.url, aws_access_key_id="k", aws_secret_access_key="s"
            )
            for name in ("personalize", "s3")
        }
        solution = given_solution(clients, tmp_path)
        train = threading.Thread(target=train_until_the_end, args=(clients["personalize"], solution))
        train.start()
        address = urlsplit(server.url)
        halves = [socket.create_connection((address.hostname or "", address.port or 0)) for _ in range(2)]
        for half in halves:
            half.sendall(b"PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1234")
        wait_for_training(clients["personalize"], solution)
        yield server
        for half in halves:
            half.close()
    train.join()


def given_solution(clients: dict[str, Any], folder: Path) -> str:
    personalize, s3 = clients["personalize"], clients["s3"]
    s3.create_bucket(Bucket=BUCKET)
    (file,) = [file for file in generate().write_csv(folder) if file.stem == "interactions"]
    s3.upload_file(str(file), BUCKET, "interactions.csv")
    group = personalize.create_dataset_group(name="group")["datasetGroupArn"]
    schema = personalize.create_schema(name="schema", schema=schema_text("demo/interactions"))["schemaArn"]
    dataset = personalize.create_dataset(
        name="d", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    source = {"dataLocation": f"s3://{BUCKET}/interactions.csv"}
    personalize.create_dataset_import_job(jobName="job", datasetArn=dataset, dataSource=source, roleArn=ROLE)
    recipe = "arn:aws:personalize:::recipe/aws-user-personalization"
    made = personalize.create_solution(
        name="solution", datasetGroupArn=group, recipeArn=recipe, performAutoTraining=False
    )
    return str(made["solutionArn"])


def train_until_the_end(personalize: Any, solution: str) -> None:
    try:
        personalize.create_solution_version(solutionArn=solution)
    except BotoCoreError:
        return
    pytest.fail("the training was over before the server ended")


def wait_for_training(personalize: Any, solution: str) -> None:
    while True:
        versions = personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
        if [version["status"] for version in versions] == ["CREATE IN_PROGRESS"]:
            return


@pytest.mark.parametrize(("sent", "code"), SIGNALS)
def test_a_signal_ends_a_server_during_a_training_and_stalled_requests(
    busy: ServerProcess, sent: signal.Signals, code: int
) -> None:
    busy.process.send_signal(sent)
    assert busy.process.wait(30) == code
    assert "Traceback" not in busy.log()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_training_processes_end_with_the_server(busy: ServerProcess, sent: signal.Signals) -> None:
    """Also when nothing can clean up any more."""
    children = [os.pidfd_open(number) for number in children_of(busy.process.pid)]
    assert children
    busy.process.send_signal(sent)
    assert [select.select([child], [], [], 30)[0] for child in children] == [[child] for child in children]
    for child in children:
        os.close(child)


def children_of(process: int) -> list[int]:
    """Numbers of the processes that a process has started."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    return [int(number) for thread in threads for number in thread.read_text().split()]


def test_two_simultaneous_signals_exit_as_interrupted() -> None:
    with ServerProcess() as server:
        server.process.send_signal(signal.SIGINT)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == INTERRUPTED


@pytest.mark.parametrize(("sent", "code"), SIGNALS)
def test_a_signal_ends_an_idle_server(sent: signal.Signals, code: int) -> None:
    with ServerProcess() as server:
        server.process.send_signal(sent)
        assert server.process.wait(30) == code


@pytest.mark.parametrize("steps", [1, 4])
def test_the_demo_ends_with_ctrl_c(steps: int) -> None:
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        for line in demo.stdout:
            if line.startswith(f"[{steps:2}/"):
                break
        demo.send_signal(signal.SIGINT)
        printed = demo.stderr.read()
        assert (demo.wait(30), printed) == (INTERRUPTED, "")


@pytest.mark.parametrize("command", [["demo"], ["env"], ["doctor"]])
def test_closed_output_pipe_is_no_failure(command: list[str]) -> None:
    with subprocess.Popen([*DEMO[:-1], *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        printed = child.stderr.read()
        assert (child.wait(60), printed) == (BROKEN_PIPE, "")


def test_any_command_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_chosen: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "_env", interrupted)
    assert main(["env"]) == INTERRUPTED
