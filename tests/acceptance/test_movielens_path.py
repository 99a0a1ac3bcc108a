"""Runs a plain boto3 script and the AWS CLI against a server in another process, on real data.

One test, because the path is long and test processes share no server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_emu.edge.testing.server_process import ServerProcess

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "movielens-small"
SCRIPT = Path(__file__).with_name("movielens_path.py")
SCHEMA = Path(__file__).parents[2] / "schemas" / "custom" / "interactions.avsc"


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """A server that checks roles, and the environment of its clients: URL and dummy credentials."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PERSONALIZE_"))}
    with ServerProcess("--check-roles", environ=bare) as server:
        yield {
            **bare,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "dummy",
            "AWS_SECRET_ACCESS_KEY": "dummy",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
        }


@pytest.mark.shared_data
def test_whole_path_on_movielens(environment: dict[str, str]) -> None:
    if not FOLDER.is_dir():
        missing = f"{FOLDER} is missing: the acceptance path on real data was NOT run"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    assert aws(environment, "list-dataset-groups") == {"datasetGroups": []}
    script = [sys.executable, str(SCRIPT), str(FOLDER)]
    outcome = json.loads(output_of(script, environment, seconds=280))
    check_recommendations(outcome)
    check_metrics({name: values for name, values in outcome["metrics"].items() if name != "fans"})
    assert outcome["batch_lines"] == 610
    assert 30 <= outcome["fans"] <= 60
    assert sum(outcome["clicks"].values()) == sum(1 + place % 4 for place in range(20))
    check_films(outcome["films"])
    assert not any(outcome["left_behind"].values()), "deleted in order, all is gone (R-GEN-16)"
    check_the_command_line_client(environment)


def check_films(films: dict[str, Any]) -> None:
    """D-58: the file that the service imported in 2020; YEAR is empty in 12 rows and invalid in one."""
    assert (films["status"], films["rows"], films["rowsLeftOut"]) == ("ACTIVE", 9742, 13)
    assert all("column YEAR: " in reason for reason in films["reasons"])


def check_recommendations(outcome: dict[str, Any]) -> None:
    assert len(set(outcome["for_you"])) == 25
    assert outcome["for_you"] != outcome["for_another"]
    assert len(set(outcome["more_like_this"])) == 25
    assert outcome["kin_after"] > outcome["kin_before"], "clicks move the answer towards what was clicked (EV-47)"
    assert outcome["kin_after"] >= 3


def check_metrics(metrics: dict[str, dict[str, float]]) -> None:
    """M-3, M-58; popularity reaches 0.11; about 60 test users, so the error is 0.03."""
    assert metrics["for-you"]["mean_reciprocal_rank_at_25"] >= 0.17
    for values in metrics.values():
        assert len(values) == 8
        assert all(0 <= value <= 1 for value in values.values())
        assert 5 * values["precision_at_5"] <= 10 * values["precision_at_10"] + 0.002
        assert 10 * values["precision_at_10"] <= 25 * values["precision_at_25"] + 0.002


def check_the_command_line_client(environment: dict[str, str]) -> None:
    """R-SCH-3: the schema text is returned unchanged. P-38, P-41: errors of the runtime and events services."""
    text = SCHEMA.read_text()
    arn = aws(environment, "create-schema", "--name", "from-cli", "--schema", text)["schemaArn"]
    assert arn == "arn:aws:personalize:us-east-1:123456789012:schema/from-cli"
    assert aws(environment, "describe-schema", "--schema-arn", arn)["schema"]["schema"] == text
    assert aws(environment, "delete-schema", "--schema-arn", arn) is None
    assert aws(environment, "list-schemas") == {"schemas": []}
    campaign = "arn:aws:personalize:us-east-1:123456789012:campaign/none"
    asked = ("personalize-runtime", "get-recommendations", "--campaign-arn", campaign, "--user-id", "1")
    assert "(ResourceNotFoundException) when calling GetRecommendations" in aws_refusal(environment, *asked)
    event = '[{"eventType": "watch", "sentAt": 1700000000}]'
    command = ("personalize-events", "put-events", "--tracking-id", "none", "--session-id", "s", "--event-list", event)
    assert "(InvalidInputException) when calling PutEvents" in aws_refusal(environment, *command)


def aws_refusal(environment: dict[str, str], *arguments: str) -> str:
    """The error output of the AWS CLI."""
    command = [str(Path(sys.executable).with_name("aws")), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode > 0, done
    return done.stderr.replace("calling the ", "calling ")


def aws(environment: dict[str, str], *arguments: str) -> Any:
    """The output of `aws personalize ...`, None if it is empty."""
    program = str(Path(sys.executable).with_name("aws"))
    text = output_of([program, "personalize", *arguments, "--output", "json"], environment)
    return json.loads(text) if text.strip() else None


def output_of(command: list[str], environment: dict[str, str], seconds: int = 60) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
