"""Start-up of imports, commands, servers and test runs; fixtures; resets of a server."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config

from benchmarks.processes import bare_environment, moto_process, served
from benchmarks.report import show
from benchmarks.serving.shop import CONTROL

ATTEMPTS = 3
MOCK = "from personalize_emu import mock_personalize"
LIST_SCHEMAS = {**CONTROL, "X-Amz-Target": "AmazonPersonalize.ListSchemas"}

Seconds = tuple[float, float]
"""Wall and processor."""


def environment() -> dict[str, str]:
    """Modules are compiled once, also where the environment says otherwise."""
    return {**bare_environment(), "PYTHONDONTWRITEBYTECODE": ""}


def timed(action: Callable[[], object]) -> Seconds:
    """Of an action and the processes that end in it."""
    began, worked = time.perf_counter(), _processor_seconds()
    action()
    return time.perf_counter() - began, _processor_seconds() - worked


def _processor_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def program(*arguments: str, folder: str | None = None) -> Seconds:
    """Raises CalledProcessError if the Python program fails."""
    command = [sys.executable, *arguments]
    return timed(lambda: subprocess.run(command, env=environment(), cwd=folder, check=True, capture_output=True))


def server(serve: Callable[[], AbstractContextManager[str | tuple[str, int]]], ask: Callable[[str], object]) -> Seconds:
    """Until a server has answered `ask`. The processor time includes the end of the server."""
    wall = [0.0]

    def run() -> None:
        began = time.perf_counter()
        with serve() as served_at:
            ask(served_at if isinstance(served_at, str) else served_at[0])
            wall[0] = time.perf_counter() - began

    _, worked = timed(run)
    return wall[0], worked


def list_schemas(url: str) -> None:
    post(Request(url, b"{}", LIST_SCHEMAS))


def post(request: Request) -> None:
    """Raises HTTPError."""
    with urlopen(request):
        pass


def create_bucket(url: str) -> None:
    client("s3", url).create_bucket(Bucket="bucket")


def nothing(_url: str) -> None:
    """Until the server listens."""


def client(service: str, url: str) -> boto3.client:
    named = {"aws_access_key_id": "benchmark", "aws_secret_access_key": "benchmark", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=url, config=Config(s3={"addressing_style": "path"}), **named)


def test_run(*options: str) -> Seconds:
    """Of a test run with one empty test."""
    with TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        return program("-m", "pytest", "-q", *options, folder=folder)


def reset_after_use(serve: AbstractContextManager[str | tuple[str, int]], path: str) -> Seconds:
    """Of a reset over HTTP, after a schema, a bucket and a role were made."""
    with serve as served_at:
        url = served_at if isinstance(served_at, str) else served_at[0]
        client("personalize", url).create_schema(name="schema", schema=SCHEMA)
        create_bucket(url)
        client("iam", url).create_role(RoleName="role", AssumeRolePolicyDocument="{}")
        return timed(lambda: post(Request(url + path, method="POST")))


SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Interactions",
        "namespace": "com.amazonaws.personalize.schema",
        "fields": [
            {"name": "USER_ID", "type": "string"},
            {"name": "ITEM_ID", "type": "string"},
            {"name": "TIMESTAMP", "type": "long"},
        ],
        "version": "1.0",
    }
)


def start_up() -> list[Sequence[str]]:
    import_time: dict[str, Callable[[], Seconds]] = {
        "python, nothing imported": lambda: program("-c", "pass"),
        MOCK: lambda: program("-c", MOCK),
        "the same, and a mock entered": lambda: program("-c", f"{MOCK}; mock_personalize().start()"),
        "moto: import mock_aws, and a mock entered": lambda: program(
            "-c", "from moto import mock_aws; mock_aws().start()"
        ),
        "personalize-emu --help": lambda: program("-m", "personalize_emu", "--help"),
        "personalize-emu env": lambda: program("-m", "personalize_emu", "env"),
        "personalize-emu serve, until it is ready": lambda: server(served, nothing),
        "the same, until ListSchemas is answered": lambda: server(served, list_schemas),
        "moto_server, until ListSchemas is answered": lambda: server(moto_process, list_schemas),
        "personalize-emu serve, until CreateBucket is answered": lambda: server(served, create_bucket),
        "moto_server, until CreateBucket is answered": lambda: server(moto_process, create_bucket),
        "pytest, one empty test, without the plugin": lambda: test_run("-p", "no:personalize_emu"),
        "pytest, one empty test, with the plugin": test_run,
    }
    return [[name, *best(measure)] for name, measure in import_time.items()]


def best(measure: Callable[[], Seconds]) -> list[str]:
    """The smallest wall and processor seconds of several attempts."""
    attempts = [measure() for _ in range(ATTEMPTS)]
    return [f"{min(column):.2f}" for column in zip(*attempts, strict=True)]


def resets() -> list[Sequence[str]]:
    measured = {
        "POST /_emu/reset": reset_after_use(served(), "/_emu/reset"),
        "moto_server: POST /moto-api/reset": reset_after_use(moto_process(), "/moto-api/reset"),
    }
    return [[name, f"{1000 * wall:.1f}"] for name, (wall, _) in measured.items()]


def main() -> int:
    client("s3", "http://127.0.0.1:1")  # So that this process has read the model of S3.
    show(f"Start-up, best of {ATTEMPTS}", ["what", "seconds", "processor seconds"], start_up())
    # In a process of its own, in which nothing has been imported.
    subprocess.run([sys.executable, "-m", "benchmarks.fixtures"], env=environment(), check=True)
    show("Reset of a server, by a request", ["what", "ms"], resets())
    return 0


if __name__ == "__main__":
    sys.exit(main())
