"""Workflows, issue forms and hooks of commits: what they name exists, in the versions that are locked.

GitHub and pre-commit are not here to read them, so a renamed target or a new lock would be found by nobody.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from personalize_emu.cli.main import COMMANDS
from tests.docs.snippets import REPOSITORY
from tests.docs.test_dependencies import locked

GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE" / "config.yml"})
HOOKS = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def jobs(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values())


def lines(path: Path) -> list[str]:
    """What the jobs run, line by line, once for each value of the matrix."""
    found = []
    for job in jobs(path):
        matrix = job.get("strategy", {}).get("matrix", {})
        runs = [line for step in job["steps"] for line in step.get("run", "").splitlines()]
        for name, values in matrix.items():
            marker = "${{ matrix." + name + " }}"
            runs = [line.replace(marker, str(value)) for line in runs for value in values]
        found.extend(runs)
    return found


def matrix_of(path: Path, name: str) -> list[str]:
    return [str(value) for job in jobs(path) for value in job.get("strategy", {}).get("matrix", {}).get(name, [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_commands_of_workflows_exist(path: Path) -> None:
    runs = lines(path)
    assert runs
    assert all("${{" not in line for line in runs)
    targets = {target for line in runs for target in re.findall(r"^make (.*)$", line)}
    assert targets - TARGETS == set()
    scripts = {script for line in runs for script in re.findall(r"^bash (\S+)$", line)}
    assert all((REPOSITORY / script).is_file() for script in scripts)
    assert targets | scripts


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_have_time_limits_and_may_write_nothing(path: Path) -> None:
    assert all(0 < job["timeout-minutes"] <= 120 for job in jobs(path))
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
    used = [step["uses"] for job in jobs(path) for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w/-]+@v\d+", action) for action in used)


def test_workflow_tests_each_python_that_the_project_names() -> None:
    named = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", each)]
    assert matrix_of(GITHUB / "workflows" / "ci.yml", "python") == named
    assert PROJECT["requires-python"] == f">={named[0]}"
    assert "bash .ci/run" in lines(GITHUB / "workflows" / "ci.yml")


def test_the_night_runs_what_takes_too_long_for_each_commit() -> None:
    assert {"audit", "fuzz", "crash", "soak"} <= set(matrix_of(GITHUB / "workflows" / "nightly.yml", "target"))


def test_hooks_are_of_the_locked_versions() -> None:
    revisions = {repo["repo"].rpartition("/")[2]: repo.get("rev") for repo in HOOKS["repos"]}
    assert revisions == {"ruff-pre-commit": f"v{locked()['ruff']}", "local": None}


def test_local_hooks_name_programs_of_the_environment_and_tests_that_exist() -> None:
    (local,) = (repo for repo in HOOKS["repos"] if repo["repo"] == "local")
    for hook in local["hooks"]:
        program = re.match(r"\.venv/bin/(\w+)", hook["entry"])
        assert program is not None
        assert program[1] in {"python", *locked()}
        assert all((REPOSITORY / name).is_file() for name in re.findall(r"tests/\S+\.py", hook["entry"]))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_ask_with_labels(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "labels", "body"} == form.keys()
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in asked]
    assert len(ids) == len(set(ids))
    assert all(field["attributes"]["label"] for field in asked)
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_reports_have_request_answer_expectation_and_source() -> None:
    """What is needed to decide whether the service answers otherwise."""
    asked = {path.stem: yaml.safe_load(path.read_text())["body"] for path in FORMS}
    needed = {
        stem: {field["id"] for field in body if field.get("validations", {}).get("required")}
        for stem, body in asked.items()
    }
    assert {"request", "answer", "expected", "environment"} <= needed["bug"]
    assert {"request", "answer", "expected", "source", "where"} <= needed["difference"]


def test_commands_and_files_that_forms_name_exist() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (*FORMS, GITHUB / "pull_request_template.md")]
    commands = {found for text in texts for found in re.findall(r"`personalize-emu (\w+)", text)}
    assert commands
    assert commands <= {add.__name__.lstrip("_").removeprefix("add_") for add in COMMANDS}
    named = {found for text in texts for found in re.findall(r"`(docs/[^`]*)`", text)}
    assert all((REPOSITORY / name).exists() for name in named)
