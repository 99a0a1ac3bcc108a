"""The examples in fresh environments: the built wheel, packages from the indexes, nothing of this checkout.

Needs a package index. The Node example needs node and npm: without them it is left out, which fails under CI.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from personalize_emu.edge.endpoints import client_environment
from tests.examples.fresh_environment import (
    EXAMPLES,
    INSTALL_SECONDS,
    FreshEnvironment,
    copy_of,
    fresh_environment,
    plain_environ,
    run,
)
from tests.javascript.test_javascript_clients import left_out


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    return fresh_environment(tmp_path_factory.mktemp("fresh"), EXAMPLES / "pytest-app" / "requirements-test.txt")


@pytest.fixture
def served(environment: FreshEnvironment) -> Iterator[dict[str, str]]:
    """The environment of clients of a server that runs from the wheel."""
    command = [environment.command("personalize-emu"), "serve", "--port", "0", "--pace", "instant"]
    with subprocess.Popen(command, env=plain_environ(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = next(filter(None, (re.search(r"ready on (\S+)", line) for line in server.stdout)))
        yield {**plain_environ(), **client_environment(ready[1], "us-east-1")}
        server.terminate()


def test_the_python_example_passes_on_two_processes(environment: FreshEnvironment, tmp_path: Path) -> None:
    app = copy_of("pytest-app", tmp_path)
    assert "/site-packages/" in run(
        [environment.command("python"), "-c", "import personalize_emu; print(personalize_emu.__file__)"],
        tmp_path, plain_environ(),
    )  # fmt: skip
    printed = run([environment.command("python"), "-m", "pytest", "-n", "2"], app, plain_environ())
    assert re.search(r"^\d+ passed in", printed, re.MULTILINE), printed


def test_the_wheel_has_urls_and_no_relative_link(environment: FreshEnvironment, tmp_path: Path) -> None:
    """Its metadata are what a package index shows."""
    program = "import importlib.metadata as m; print(m.distribution('personalize-emu').read_text('METADATA'))"
    text = run([environment.command("python"), "-c", program], tmp_path, plain_environ())
    urls = dict(re.findall(r"^Project-URL: (\w+), (https://\S+)$", text, re.MULTILINE))
    assert {"Homepage", "Documentation", "Changelog", "Issues", "Source"} == urls.keys()
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert f"{urls['Source']}/blob/main/docs/quickstart.md" in targets
    assert [target for target in targets if "://" not in target] == []


@pytest.fixture(scope="module")
def node_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of node-app with its packages."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        left_out("node or npm is missing", fatal=bool(os.environ.get("CI")))
    app = copy_of("node-app", tmp_path_factory.mktemp("node"))
    run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], app, plain_environ(), INSTALL_SECONDS)
    return app


def all_passed(printed: str) -> None:
    assert re.search(r"fail 0$", printed, re.MULTILINE), printed
    assert re.search(r"pass [1-9]\d*$", printed, re.MULTILINE), printed


def test_the_node_example_passes(served: dict[str, str], node_app: Path) -> None:
    all_passed(run(["npm", "test"], node_app, served))


def test_the_testcontainers_example_passes_with_a_server_that_runs(served: dict[str, str], node_app: Path) -> None:
    """Below the packages of node-app, which it needs as well; without Docker, `startEmulator` is not run."""
    below = node_app / "node_modules" / "below"
    below.mkdir()
    all_passed(run(["npm", "test"], copy_of("testcontainers-node", below), served))


def test_stacks_are_deployed_changed_and_deleted_with_the_aws_cli(personalize_server: str) -> None:
    """Both templates, that of CDK as it was synthesised. The fixture sets the environment of the AWS CLI."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    printed = run(["bash", str(EXAMPLES / "cdk" / "deploy.sh")], EXAMPLES, {**os.environ, "PATH": path})
    assert printed.count("Successfully created/updated stack") == 3
    assert "hand-films-first\thand-films-second" in printed
    assert "UPDATE_ROLLBACK_COMPLETE" in printed
    assert printed.endswith("nothing is left\n")
