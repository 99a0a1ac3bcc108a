"""The log of a job: states with durations, rows, steps of a training, warnings; the route and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest

from personalize_emu.cli import main
from personalize_emu.edge.application import create_app
from personalize_emu.edge.endpoints import admin_call
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.entries import MOST_LOG_LINES
from personalize_emu.state.clock import ManualClock
from tests.clients import client
from tests.given import POPULARITY, ROLE, Given, as_csv, two_camps

BROKEN = "u1,,soon\n"


@pytest.fixture
def server(emulator: Emulator) -> Iterator[LiveServer]:
    with LiveServer(emulator) as server:
        yield server


def lines(emulator: Emulator, arn: str, level: str | None = None) -> list[str]:
    found = emulator.state.logs.of(arn)
    assert found is not None
    return [line.text for line in found if level in (None, line.level)]


def test_an_import_logs_files_rows_and_warnings(emulator: Emulator, given: Given) -> None:
    text = as_csv(two_camps()) + BROKEN
    job = given.import_job(given.dataset(), given.upload(text))
    rows = len(two_camps())
    assert lines(emulator, job) == [
        "CREATE PENDING",
        "CREATE IN_PROGRESS, 0.0 s after CREATE PENDING",
        f"reading 1 file, {len(text):,} bytes, mode FULL",
        f"{rows + 1:,} rows read, 1 left out",
        *lines(emulator, job, "warning"),
        "ACTIVE, 0.0 s after CREATE IN_PROGRESS",
    ]
    (warning,) = lines(emulator, job, "warning")
    assert warning.startswith("left out: ")
    assert "line 1202" in warning


def test_a_failure_is_the_last_line_with_its_reason(emulator: Emulator, given: Given) -> None:
    job = given.import_job(given.dataset(), given.upload("USER\nu1\n"))
    described = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    (error,) = lines(emulator, job, "error")
    assert error == f"CREATE FAILED, 0.0 s after CREATE IN_PROGRESS: {described['failureReason']}"
    assert lines(emulator, job)[-1] == error


def test_states_take_the_time_of_the_clock(slow_emulator: Emulator, slow: Given) -> None:
    group = slow.group("waiting")
    begin = slow_emulator.clock.now()
    slow_emulator.advance("1h")
    found = slow_emulator.state.logs.of(group)
    assert found is not None
    times = [line.time - begin for line in found]
    assert [line.text.partition(",")[0] for line in found] == ["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE"]
    assert times == sorted(times)
    for line, took in zip(found[1:], (times[1] - times[0], times[2] - times[1]), strict=True):
        assert f", {took:.1f} s after" in line.text
    assert times[2] > 0


def test_a_training_logs_data_steps_and_metrics_once_each(emulator: Emulator, given: Given) -> None:
    version = given.version(given.solution(given.imported_group(), POPULARITY))
    found = lines(emulator, version)
    assert "reading interactions (0 %)" in found
    assert "1,200 interactions, 60 users, 60 items to train on" in found
    (measured,) = (line for line in found if line.startswith("measured: "))
    metrics = given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert measured == "measured: " + ", ".join(f"{name} {value}" for name, value in metrics.items())
    assert "trained (100 %)" in found
    stages = [line for line in found if line.endswith("%)")]
    assert all(one != other for one, other in pairwise(stages))


def test_other_jobs_log_what_they_have_done(emulator: Emulator, given: Given) -> None:
    group = given.imported_group()
    (dataset,) = given.personalize.list_datasets(datasetGroupArn=group)["datasets"]
    export = given.personalize.create_dataset_export_job(
        jobName="e",
        datasetArn=dataset["datasetArn"],
        ingestionMode="ALL",
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": given.upload("", "out/x").removesuffix("x")}},
    )["datasetExportJobArn"]
    assert "1,200 rows to write, mode ALL" in lines(emulator, export)
    deletion = given.personalize.create_data_deletion_job(
        jobName="d",
        datasetGroupArn=group,
        roleArn=ROLE,
        dataSource={"dataLocation": given.upload(f"USER_ID\n{two_camps()[0][0]}\n", "gone.csv")},
    )["dataDeletionJobArn"]
    assert {"1 user listed", "20 rows deleted"} <= set(lines(emulator, deletion))
    failed = given.personalize.create_data_deletion_job(
        jobName="f", datasetGroupArn=group, roleArn=ROLE, dataSource={"dataLocation": given.upload("", "empty.csv")}
    )["dataDeletionJobArn"]
    assert lines(emulator, failed, "error") == lines(emulator, failed)[-1:]


def test_updates_have_lines_of_their_own(emulator: Emulator, given: Given) -> None:
    campaign = given.deployed(POPULARITY)
    given.personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=2)
    assert "update: ACTIVE, 0.0 s after CREATE IN_PROGRESS" in lines(emulator, campaign)


def test_only_the_newest_lines_are_kept(emulator: Emulator, given: Given) -> None:
    group = given.group()
    for number in range(MOST_LOG_LINES + 7):
        emulator.state.logs.add(group, str(number))
    assert lines(emulator, group) == [str(number) for number in range(7, MOST_LOG_LINES + 7)]


def test_the_log_ends_with_its_resource(emulator: Emulator, given: Given) -> None:
    group = given.group()
    given.personalize.delete_dataset_group(datasetGroupArn=group)
    emulator.state.logs.add(group, "late")
    assert emulator.state.logs.of(group) is None
    given.group()
    assert "late" not in lines(emulator, group)


def test_equal_calls_give_equal_logs() -> None:
    def run() -> Any:
        with mock_personalize(clock=ManualClock()) as emulator:
            given = Given(client("personalize"), client("s3"))
            version = given.version(given.solution(given.imported_group(), POPULARITY))
            return emulator.state.logs.of(version)

    first = run()
    assert len(first) > 5
    assert first == run()


def test_the_route_and_the_command_show_the_log(
    emulator: Emulator, given: Given, server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    job = given.import_job(given.dataset(), given.upload("USER\nu1\n"))
    expected = emulator.job_log(job)
    assert expected is not None
    assert admin_call(server.url, "GET", f"logs?{urlencode({'arn': job})}") == expected
    assert (expected["kind"], expected["status"]) == ("dataset-import-job", "CREATE FAILED")
    assert main(["log", job, "--endpoint", server.url]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"dataset-import-job {job}: CREATE FAILED"
    assert printed[-1].endswith(expected["lines"][-1]["text"])
    assert main(["log", job, "--json", "--endpoint", server.url]) == 0
    assert json.loads(capsys.readouterr().out) == expected
    assert main(["log", "arn:none", "--endpoint", server.url]) == 1
    assert "no resource with a status has the ARN arn:none" in capsys.readouterr().err
    with pytest.raises(HTTPError, match="400"):
        admin_call(server.url, "GET", "logs")


def test_the_page_shows_the_lines_and_follows_them(emulator: Emulator, given: Given) -> None:
    client = create_app(emulator).test_client()
    job = given.import_job(given.dataset(), given.upload("USER\n<b>\n"))
    page = client.get("/_emu/console/log", query_string={"arn": job})
    assert page.status_code == 200
    assert "CREATE FAILED, 0.0 s after CREATE IN_PROGRESS" in page.text
    seen = page.text.partition("seen=")[2].partition('"')[0]
    again = {"arn": job, "seen": seen}
    assert client.get("/_emu/console/parts/log", query_string=again).status_code == 204
    emulator.state.logs.add(job, "<i>later")
    assert "&lt;i&gt;later" in client.get("/_emu/console/parts/log", query_string=again).text
    assert client.get("/_emu/console/log", query_string={"arn": "none"}).status_code == 404
