"""A reset of one region removes what is there, in memory and on disk, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from personalize_emu.cli.main import main
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.edge.testing.server_control import ServerControl
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.durability.restarts import contents, picture, resources, started
from tests.durability.test_directory import database_of
from tests.given import INTERACTIONS_SCHEMA, POPULARITY, Given

HERE, THERE = "us-east-1", "eu-west-1"
TABLES = ("resources", "blobs", "events", "figures", "recommendations")


def use(region: str) -> str:
    """A campaign that has answered, and events; the tracking id."""
    makes = Given(boto3.client("personalize", region_name=region), boto3.client("s3", region_name="us-east-1"))
    group = makes.imported_group()
    campaign = makes.campaign(makes.version(makes.solution(group, POPULARITY)))
    tracker = makes.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    events = boto3.client("personalize-events", region_name=region)
    event: dict[str, Any] = {"eventType": "x", "itemId": "i001", "sentAt": 1_700_000_000}
    events.put_events(trackingId=tracker, userId="u1", sessionId="s", eventList=[event])
    boto3.client("personalize-runtime", region_name=region).get_recommendations(campaignArn=campaign, userId="u1")
    return str(tracker)


def regions(emulator: Emulator) -> set[str]:
    return {record.arn.split(":")[3] for record in emulator.state.store.records()}


def test_the_other_region_stays_as_it_was(tmp_path: Path) -> None:
    """Also after a restart; nothing of the region is left in the database and in the files."""
    clock = ManualClock()
    with started(tmp_path / "alone", clock) as emulator:
        use(HERE)
        alone, usage = picture(emulator), emulator.usage()
        files = sorted(path.name for path in (tmp_path / "alone" / "blobs").iterdir())
    with started(tmp_path / "both", clock) as emulator:
        use(HERE)
        tracker = use(THERE)
        assert regions(emulator) == {HERE, THERE}
        emulator.reset(region=THERE)
        assert picture(emulator)["answers"] == alone["answers"]
        assert emulator.usage() == usage
        assert {answer.deployment_arn.split(":")[3] for _, answer in emulator.state.answers.items()} == {HERE}
        rows = [row for table in TABLES for row in database_of(emulator).fetched(f"SELECT * FROM {table}")]
        assert THERE not in str(rows)
        assert tracker not in str(rows)
        assert sorted(path.name for path in (tmp_path / "both" / "blobs").iterdir()) == files
        use(THERE)
        emulator.reset(THERE)
    with started(tmp_path / "both", clock) as emulator:
        after = picture(emulator)
        assert regions(emulator) == {HERE}
        assert emulator.usage() == usage
        for part in ("contents", "answers", "reports", "columns"):
            assert after[part] == alone[part], part


def test_it_is_one_transaction(tmp_path: Path) -> None:
    """Either everything is gone or nothing: a failure at the last row brings all of it back at the next start."""
    with started(tmp_path) as emulator:
        use(THERE)
        before = resources(emulator)["records"], contents(emulator)
        database_of(emulator)._connection.execute(
            "CREATE TEMP TRIGGER full BEFORE DELETE ON main.recommendations "
            "BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        )
        assert emulator._durable is not None
        assert emulator._durable._figures is not None
        emulator._durable._figures.write()
        with pytest.raises(Exception, match="disk I/O error"):
            emulator.reset(region=THERE)
    with started(tmp_path) as emulator:
        assert (resources(emulator)["records"], contents(emulator)) == before


def test_jobs_of_the_region_that_hang_hold_up_nobody() -> None:
    with mock_personalize(clock=ManualClock()) as emulator:
        emulator.fail_job("dataset-group", hang=True)
        boto3.client("personalize", region_name=THERE).create_dataset_group(name="held")
        assert not emulator.wait_idle(0)
        emulator.reset(region=THERE)
        assert emulator.wait_idle(0)


def test_the_route_and_the_command_reset_a_region(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator(clock=ManualClock()) as emulator, LiveServer(emulator) as server:
        for region in (HERE, THERE):
            emulator.call("CreateSchema", {"name": "s", "schema": INTERACTIONS_SCHEMA}, region=region)
        assert main(["reset", "--region", HERE, "--endpoint", server.url]) == 0
        assert capsys.readouterr().out == f"{HERE} of {server.url} was reset\n"
        assert regions(emulator) == {THERE}
        assert main(["reset", "--region", "nowhere", "--endpoint", server.url]) == 1
        assert "region must be one such as us-east-1, not 'nowhere'" in capsys.readouterr().err
        ServerControl(server.url).reset(region=THERE)
        assert regions(emulator) == set()
