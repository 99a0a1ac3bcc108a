"""Examples of infrastructure: what they would do elsewhere, as far as it can be done here.

Terraform, GitHub and GitLab are not here. Their files are read, the template is deployed with the parameters that
Terraform would give, and the step that starts a server is run.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.clients import client
from tests.docs.snippets import REPOSITORY
from tests.given import as_csv, two_camps

EXAMPLES = REPOSITORY / "examples"
MAIN = (EXAMPLES / "terraform" / "main.tf").read_text(encoding="utf-8")
TEMPLATE = (EXAMPLES / "terraform" / "personalize.yaml").read_text(encoding="utf-8")
ROLE = "arn:aws:iam::123456789012:role/importer"
GITHUB = yaml.safe_load((EXAMPLES / "ci" / "github-actions.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((EXAMPLES / "ci" / "gitlab-ci.yml").read_text(encoding="utf-8"))


def block(start: str) -> str:
    """The text of a block of HCL whose content is indented."""
    return MAIN.partition(start)[2].partition("\n  }\n")[0]


def test_the_template_of_terraform_is_deployed(emulator: Any, personalize: Any) -> None:
    """With each parameter that main.tf passes, and the outputs that it reads."""
    client("s3").create_bucket(Bucket="tf-films-data")
    client("s3").put_object(Bucket="tf-films-data", Key="interactions.csv", Body=as_csv(two_camps()))
    values = {"Name": "tf-films", "Data": "s3://tf-films-data/interactions.csv", "RoleArn": ROLE}
    assert set(re.findall(r"^ +(\w+) += ", block("parameters = {\n"), re.MULTILINE)) == set(values)
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    stacks = client("cloudformation")
    stacks.create_stack(StackName="tf-films", TemplateBody=TEMPLATE, Parameters=parameters)
    (stack,) = stacks.describe_stacks(StackName="tf-films")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert set(re.findall(r'\.outputs\["(\w+)"\]', MAIN)) == outputs.keys()
    (solution,) = personalize.list_solutions()["solutions"]
    assert outputs["SolutionArn"] == solution["solutionArn"]
    (job,) = personalize.list_dataset_import_jobs()["datasetImportJobs"]
    assert job["status"] == "ACTIVE"


def test_terraform_sends_each_service_that_it_uses_to_the_emulator() -> None:
    """A service that is left out would be asked on AWS."""
    sent = set(re.findall(r"^ +(\w+) += var\.endpoint$", block("endpoints {\n"), re.MULTILINE))
    used = {name.split("_")[0] for name in re.findall(r'^resource "aws_(\w+)"', MAIN, re.MULTILINE)}
    assert used | {"sts"} == sent


def test_the_data_of_terraform_are_enough_for_a_training() -> None:
    """The service wants 1000 interactions; `range` of Terraform makes 1024 values at most."""
    (rows,) = re.findall(r"for n in range\((\d+)\)", MAIN)
    assert 1000 <= int(rows) <= 1024


def start_step() -> str:
    (step,) = (step["run"] for step in GITHUB["jobs"]["server"]["steps"] if step.get("name") == "Start the emulator")
    return str(step)


def test_both_examples_of_ci_start_the_server_with_equal_commands() -> None:
    lines = start_step().splitlines()
    assert lines[:2] == [line for line in GITLAB["server"]["script"] if "serve" in line or "health" in line]
    assert "pytest" in " ".join(GITLAB["fixtures"]["script"])


def test_the_step_that_starts_the_server_returns_when_it_is_ready(tmp_path: Path) -> None:
    """And writes the variables for the steps after it, as GitHub reads them: NAME=VALUE."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    shim = tmp_path / "personalize-emu"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m personalize_emu "$@"\n')
    shim.chmod(0o755)
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PERSONALIZE_"))}
    added = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "PERSONALIZE_EMU_PORT": port,
        "GITHUB_ENV": str(tmp_path / "env"),
    }
    # A file rather than a pipe, which the server would keep open.
    with (tmp_path / "printed").open("w") as printed, subprocess.Popen(
        ["bash", "-e", "-c", start_step()], cwd=tmp_path, env=plain | added, stdout=printed, stderr=printed,
        start_new_session=True,
    ) as step:  # fmt: skip
        try:
            assert step.wait(60) == 0, (tmp_path / "printed").read_text()
        finally:
            os.killpg(step.pid, signal.SIGTERM)
    variables = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert variables["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{port}"
    needed = GITHUB["jobs"]["container"]["env"]
    assert needed.keys() <= variables.keys()
    assert needed.items() - {("AWS_ENDPOINT_URL", "http://127.0.0.1:4577")} <= variables.items()


def test_the_container_of_ci_listens_on_the_port_of_the_image() -> None:
    container = GITHUB["jobs"]["container"]
    (ports,) = container["services"]["personalize"]["ports"]
    exposed = re.findall(r"^EXPOSE (\d+)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    assert ports == f"{exposed[0]}:{exposed[0]}"
    assert container["env"]["AWS_ENDPOINT_URL"].endswith(f":{exposed[0]}")
