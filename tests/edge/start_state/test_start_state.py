"""Start files create resources before a mock is entered and before a server is ready."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from personalize_emu.cli import main
from personalize_emu.edge.endpoints import admin_call
from personalize_emu.edge.start_state.resources import StartFailed
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.edge.testing.server_process import ServerProcess
from tests.clients import client
from tests.given import REGION, avro, field, two_camps

FILMS = """
buckets: {uploads-of-films: uploads}
groups:
  films:
    datasets:
      interactions: {schema: views.avsc, data: [views-1.csv, views-2.csv]}
    solutions:
      similar:
        recipe: aws-sims
        performAutoTraining: false
        campaigns: {similar-films: {minProvisionedTPS: 1}}
    filters: {unseen: EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")}
    eventTracker: clicks
"""
SCRIPT = """
import boto3, json, os, urllib.error, urllib.request
import names
boto3.client("personalize").create_dataset_group(name=names.GROUP)
try:
    urllib.request.urlopen(os.environ.get("AWS_ENDPOINT_URL", "") + "/_emu/health")
except urllib.error.HTTPError as error:
    open("health.json", "w").write(json.dumps([error.code, json.load(error)["status"]]))
except ValueError:
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a declarative file and a program."""
    rows = two_camps()
    schema = avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"))
    (tmp_path / "views.avsc").write_text(schema)
    for number, part in enumerate((rows[:500], rows[500:]), 1):
        lines = [f"{user},{item},{moment},View\n" for user, item, moment in part]
        (tmp_path / f"views-{number}.csv").write_text("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n" + "".join(lines))
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "poster.txt").write_text("film")
    (tmp_path / "lib").mkdir()
    start = tmp_path / "start"
    start.mkdir()
    (tmp_path / "10-films.yaml").write_text(FILMS)
    (start / "20-script.py").write_text(SCRIPT)
    (start / "names.py").write_text('GROUP = "scripted"\n')
    return tmp_path


def option(folder: Path) -> str:
    return f"{folder / '10-films.yaml'},{folder / 'start' / '20-script.py'}"


def check(personalize: Any, runtime: Any, s3: Any) -> None:
    """All that the files declare exists and answers."""
    groups = personalize.list_dataset_groups()["datasetGroups"]
    assert sorted(each["name"] for each in groups) == ["films", "scripted"]
    (campaign,) = personalize.list_campaigns()["campaigns"]
    assert (campaign["name"], campaign["status"]) == ("similar-films", "ACTIVE")
    items = runtime.get_recommendations(campaignArn=campaign["campaignArn"], itemId="i000", numResults=5)["itemList"]
    assert len(items) == 5
    assert {int(each["itemId"][1:]) % 2 for each in items} == {0}
    assert personalize.list_filters()["Filters"][0]["name"] == "unseen"
    assert personalize.list_event_trackers()["eventTrackers"][0]["name"] == "clicks"
    assert s3.get_object(Bucket="uploads-of-films", Key="poster.txt")["Body"].read() == b"film"


def test_a_mock_starts_with_the_declared_resources(folder: Path) -> None:
    with mock_personalize(init=option(folder), pace="real", check_roles=True) as emulator:
        check(client("personalize"), client("personalize-runtime"), client("s3"))
        assert emulator.health()["pace"] == "real"
        client("personalize").create_dataset_group(name="later")
        states = client("personalize").list_dataset_groups()["datasetGroups"]
        assert next(each for each in states if each["name"] == "later")["status"] == "CREATE PENDING"


def test_every_use_of_a_mock_starts_anew(folder: Path) -> None:
    (folder / "groups.yaml").write_text("groups: {films: }")
    mock = mock_personalize(init=str(folder / "groups.yaml"))
    for _ in range(2):
        with mock:
            assert len(client("personalize").list_dataset_groups()["datasetGroups"]) == 1


def test_a_refused_resource_fails_the_start_with_file_and_place(folder: Path) -> None:
    file = folder / "items.yaml"
    file.write_text("groups: {films: {datasets: {interactions: {schema: demo/items}}}}")
    with pytest.raises(StartFailed) as caught, mock_personalize(init=str(file)):
        pass
    assert str(caught.value).startswith(f"{file}: groups.films.datasets.interactions: Invalid schema")


def test_a_failed_import_fails_the_start_with_the_reason_of_the_job(folder: Path) -> None:
    (folder / "views-1.csv").write_text("USER_ID,ITEM_ID\nu,i\n")
    with (
        pytest.raises(StartFailed, match=r"datasets\.interactions\.data: .*TIMESTAMP"),
        mock_personalize(init=str(folder / "10-films.yaml")),
    ):
        pass


def test_a_server_is_ready_when_its_start_files_are_applied(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = option(folder).split(",")
    with ServerProcess("--pace", "fast", "--init", files[0], "--init", files[1]) as server:
        session = boto3.session.Session("a", "b", region_name=REGION)
        clients = [
            session.client(each, endpoint_url=server.url) for each in ("personalize", "personalize-runtime", "s3")
        ]
        check(*clients)
        assert json.loads((folder / "start" / "health.json").read_text()) == [503, "starting"]
        assert admin_call(server.url, "GET", "health")["status"] == "ok"
        before = clients[0].list_solution_versions()["solutionVersions"]
        assert main(["init", files[0], "--endpoint", server.url]) == 0
        assert capsys.readouterr().out == f"{server.url}: applied {files[0]}\n"
        assert clients[0].list_solution_versions()["solutionVersions"] == before
        (folder / "more.yaml").write_text("groups: {series: }")
        assert main(["init", str(folder / "more.yaml"), "--endpoint", server.url]) == 0
        assert len(clients[0].list_dataset_groups()["datasetGroups"]) == 3
        assert main(["init", str(folder / "none.yaml"), "--endpoint", server.url]) == 1
        assert "there is no start file or folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("dies.py", 'raise SystemExit("no data")', "dies.py: the program ended with exit code 1"),
        ("bad.yaml", "groups: {g: {colour: red}}", "groups.g: unknown key 'colour'; known keys are datasets"),
    ],
)
def test_a_failure_ends_the_server(folder: Path, name: str, text: str, message: str) -> None:
    (folder / name).write_text(text)
    command = [sys.executable, "-m", "personalize_emu", "serve", "--port", "0", "--init", str(folder / name)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"personalize-emu: {folder / name}" in done.stderr
    assert message in done.stderr
    assert "ready" not in done.stdout


def test_a_server_that_is_stopped_while_it_starts_ends_its_program(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    script = tmp_path / "waits.py"
    script.write_text(
        'import signal\npipe = open("pipe", "w")\nprint("started", file=pipe, flush=True)\nsignal.pause()\n'
    )
    command = [sys.executable, "-m", "personalize_emu", "serve", "--port", "0", "--init", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        with open(tmp_path / "pipe") as pipe:
            assert pipe.readline() == "started\n"
            server.terminate()
            assert server.wait(timeout=30) == 0
            # Its end is closed when the program has ended.
            assert pipe.read() == ""
        assert server.stdout is not None
        assert server.stdout.read() == ""
