"""Stacks over HTTP: with visible states, after a reset, and without the packages that CloudFormation needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.endpoints import reset_server
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings
from tests.edge.moto_adapter.stacks import (
    BUCKET,
    CDK_TEMPLATE,
    FILMS,
    failures,
    history,
    names,
    outputs,
    put_csv,
    status,
    template,
)
from tests.given import REGION

GROUP = template(G=("DatasetGroup", {"Name": "g"}))


class Clients:
    def __init__(self, url: str) -> None:
        self.url = url
        self._session = boto3.session.Session("personalize-emu", "personalize-emu", region_name=REGION)

    def __call__(self, service: str, region: str = REGION) -> Any:
        return self._session.client(service, endpoint_url=self.url, region_name=region)


@pytest.fixture
def fast() -> Iterator[Clients]:
    with emulator_with_services(Settings(pace="fast")) as emulator, LiveServer(emulator) as server:
        clients = Clients(server.url)
        put_csv(clients("s3"))
        yield clients
    reset_services()


def test_a_stack_is_complete_when_its_short_creation_returns(fast: Clients) -> None:
    cloudformation = fast("cloudformation")
    cloudformation.create_stack(StackName="films", TemplateBody=FILMS)
    assert status(cloudformation) == "CREATE_COMPLETE"
    solutions = fast("personalize").list_solutions()["solutions"]
    assert [(each["solutionArn"], each["status"]) for each in solutions] == [
        (outputs(cloudformation)["SolutionArn"], "ACTIVE")
    ]
    cloudformation.delete_stack(StackName="films")
    assert cloudformation.describe_stacks()["Stacks"] == []
    assert names(fast("personalize"), "dataset_groups") == []


def test_a_template_in_a_bucket_of_the_server_is_read(fast: Clients) -> None:
    fast("s3").put_object(Bucket=BUCKET, Key="films.yaml", Body=FILMS)
    cloudformation = fast("cloudformation")
    cloudformation.create_stack(StackName="films", TemplateURL=f"{fast.url}/{BUCKET}/films.yaml")
    assert status(cloudformation) == "CREATE_COMPLETE"


def test_a_synthesised_template_of_cdk_is_deployed(fast: Clients) -> None:
    cloudformation = fast("cloudformation")
    body = CDK_TEMPLATE.read_text("utf-8")
    cloudformation.create_stack(StackName="films", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    assert (status(cloudformation), failures(cloudformation)) == ("CREATE_COMPLETE", [])


def test_stacks_of_other_regions_have_resources_there(fast: Clients) -> None:
    fast("cloudformation", "eu-west-1").create_stack(StackName="films", TemplateBody=GROUP)
    assert names(fast("personalize", "eu-west-1"), "dataset_groups") == ["g"]
    assert names(fast("personalize"), "dataset_groups") == []


def test_a_reset_deletes_stacks(fast: Clients) -> None:
    cloudformation = fast("cloudformation")
    cloudformation.create_stack(StackName="films", TemplateBody=GROUP)
    reset_server(fast.url)
    assert cloudformation.describe_stacks()["Stacks"] == []
    cloudformation.create_stack(StackName="films", TemplateBody=GROUP)
    assert names(fast("personalize"), "dataset_groups") == ["g"]


def test_a_reset_does_not_wait_for_a_stack_in_progress() -> None:
    with emulator_with_services(Settings(pace="real")) as emulator, LiveServer(emulator) as server:
        clients = Clients(server.url)
        cloudformation = clients("cloudformation")
        cloudformation.create_stack(StackName="films", TemplateBody=GROUP)
        assert history(cloudformation) == [("films", "CREATE_IN_PROGRESS"), ("G", "CREATE_IN_PROGRESS")]
        reset_server(server.url)
        emulator.advance(3600)
        assert cloudformation.describe_stacks()["Stacks"] == []
        assert names(clients("personalize"), "dataset_groups") == []
    reset_services()


WITHOUT_PACKAGES = """
import sys
sys.modules["openapi_spec_validator"] = None
import boto3
from botocore.exceptions import ClientError
from personalize_emu import mock_personalize
from personalize_emu.edge.testing.live_server import LiveServer

def refused(**endpoint):
    client = boto3.client("cloudformation", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b", **endpoint)
    try:
        client.create_stack(StackName="films", TemplateBody="{}")
    except ClientError as error:
        print(error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"], error)

with LiveServer() as server:
    assert "moto.ec2" not in sys.modules
    refused(endpoint_url=server.url)
with mock_personalize():
    refused()
"""


def test_without_its_packages_the_answer_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGES], check=True, capture_output=True, text=True, timeout=120
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("501 NotImplementedException")
        assert 'pip install "personalize-emu[cloudformation]"' in line
