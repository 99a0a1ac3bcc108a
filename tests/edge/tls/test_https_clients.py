"""Clients over HTTPS: boto3, the AWS CLI, node, and the commands of personalize-emu. One server answers them all."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import SSLError

from personalize_emu.cli import main
from personalize_emu.edge.testing.server_process import ServerFailed, ServerProcess
from tests.edge.tls.certificates import users_certificate

REGION = "eu-west-1"
OWN_AUTHORITIES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")
"""Of the machine that runs the tests."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "personalize-emu" / "tls"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    environment = os.environ | {"PERSONALIZE_EMU_TLS": "true", "XDG_DATA_HOME": str(folder.parents[1])}
    with ServerProcess("--pace", "instant", environ=environment) as server:
        yield server


@pytest.fixture
def shell(server: ServerProcess, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The environment of a shell after `personalize-emu env --tls`."""
    port = str(urlsplit(server.url).port)
    assert main(["env", "--tls", "--tls-dir", str(folder), "--port", port, "--region", REGION]) == 0
    exports = [line.removeprefix("export ") for line in capsys.readouterr().out.splitlines() if "=" in line]
    kept = {name: value for name, value in os.environ.items() if name not in OWN_AUTHORITIES}
    return kept | {name: shlex.split(value)[0] for name, _, value in (line.partition("=") for line in exports)}


@pytest.fixture
def in_shell(shell: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in OWN_AUTHORITIES:
        monkeypatch.delenv(name, raising=False)
    for name, value in shell.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return shell


def client(service: str, **options: Any) -> Any:
    return boto3.session.Session().client(service, **options)


def output_of(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("in_shell")
def test_boto3_by_address_and_by_name(server: ServerProcess) -> None:
    assert server.url.startswith("https://127.0.0.1:")
    group = client("personalize").create_dataset_group(name="films")["datasetGroupArn"]
    by_name = client("personalize", endpoint_url=server.url.replace("127.0.0.1", "localhost"))
    plain = client("personalize", endpoint_url=server.url.replace("https:", "http:"))
    for each in (by_name, plain):
        assert [found["datasetGroupArn"] for found in each.list_dataset_groups()["datasetGroups"]] == [group]
    client("personalize").delete_dataset_group(datasetGroupArn=group)


@pytest.mark.usefixtures("in_shell")
def test_embedded_services_answer_https_with_urls_of_https(server: ServerProcess) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="films", CreateBucketConfiguration={"LocationConstraint": REGION})
    body = os.urandom(3_000_000)
    s3.put_object(Bucket="films", Key="a", Body=body)
    assert s3.get_object(Bucket="films", Key="a")["Body"].read() == body
    assert client("sqs").create_queue(QueueName="q")["QueueUrl"].startswith(f"{server.url}/")


@pytest.mark.usefixtures("in_shell")
def test_boto3_refuses_a_server_whose_authority_it_does_not_know(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    with pytest.raises(SSLError):
        client("personalize", endpoint_url=server.url).list_recipes()


def test_aws_cli(shell: dict[str, str]) -> None:
    aws = str(Path(sys.executable).with_name("aws"))
    listed = output_of([aws, "personalize", "list-recipes", "--output", "json"], shell)
    assert len(json.loads(listed)["recipes"]) > 10
    assert output_of([aws, "s3", "mb", "s3://of-the-cli"], shell) == "make_bucket: of-the-cli\n"


def test_node_trusts_the_authority_of_the_environment(shell: dict[str, str]) -> None:
    """As the AWS SDK for JavaScript does (tests/javascript)."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("node is missing") if os.environ.get("CI") else pytest.skip("node is missing")
    program = """
    require("https").get(process.env.AWS_ENDPOINT_URL + "/_emu/health", (answer) => {
      answer.setEncoding("utf8").on("data", (text) => console.log(JSON.parse(text).status));
    });
    """
    assert output_of([node, "-e", program], shell) == "ok\n"


@pytest.mark.usefixtures("in_shell")
def test_commands_trust_the_authority_of_the_environment(
    server: ServerProcess, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client("personalize").create_dataset_group(name="of-yesterday")
    assert main(["reset"]) == 0
    assert f"{server.url} was reset" in capsys.readouterr().out
    assert client("personalize").list_dataset_groups()["datasetGroups"] == []
    monkeypatch.delenv("AWS_CA_BUNDLE")
    assert main(["reset"]) == 1
    message = capsys.readouterr().err
    assert f"the certificate of {server.url} is not trusted: unable to get local issuer certificate" in message
    assert "personalize-emu env --tls" in message
    monkeypatch.setenv("AWS_CA_BUNDLE", str(folder / "none.pem"))
    assert main(["reset"]) == 1
    assert f"AWS_CA_BUNDLE names {folder / 'none.pem'}: No such file" in capsys.readouterr().err


def test_authority_is_printed_and_kept_by_the_next_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "personalize_emu", "serve", "--port", "0", "--tls", "--tls-dir", str(tmp_path)]
    authorities = []
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == f"certificate authority: {tmp_path / 'authority.pem'}\n"
            assert process.stdout.readline().startswith("personalize-emu is ready on https://127.0.0.1:")
            process.terminate()
            authorities.append((tmp_path / "authority.pem").read_bytes())
    assert authorities[0] == authorities[1]


def test_authority_in_the_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with an authority is a data directory as before."""
    for _ in range(2):
        with ServerProcess("--tls", "--data-dir", str(tmp_path)) as server:
            monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "tls" / "authority.pem"))
            assert main(["reset", "--endpoint", server.url]) == 0


def test_certificate_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = users_certificate(tmp_path)
    with ServerProcess("--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        url = server.url.replace("127.0.0.1", "localhost")
        assert main(["reset", "--endpoint", url]) == 0
    with pytest.raises(ServerFailed, match="cannot read the certificate"):
        ServerProcess("--tls-cert", str(tmp_path / "none"), "--tls-key", str(key)).__enter__()
