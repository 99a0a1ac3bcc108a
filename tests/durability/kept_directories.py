"""Writes a data directory of the present format to a file that is kept: each format has one, which must stay readable.

    python -m tests.durability.kept_directories tests/durability/directories

writes `format-N.tar.gz`, and `format-N.json` with what is to be found in it. A format that is released is never written
again; run this when a migration has been added.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from personalize_emu.durability.archive import export_directory
from personalize_emu.durability.database import MIGRATIONS
from personalize_emu.edge.testing.mocked_emulator import mocked_emulator
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import Campaign
from tests.given import POPULARITY, REGION, Given

USERS = ("u1", "u2")


def use() -> None:
    """Resources, rows, a model, events and tags, of our own making."""
    makes = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
    group = makes.imported_group()
    campaign = makes.campaign(makes.version(makes.solution(group, POPULARITY, performAutoTraining=False)))
    makes.personalize.tag_resource(resourceArn=campaign, tags=[{"tagKey": "team", "tagValue": "films"}])
    tracker = makes.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    events = boto3.client("personalize-events", region_name=REGION)
    for number, user in enumerate(USERS):
        event: dict[str, Any] = {"eventId": f"e{number}", "eventType": "x", "itemId": "i001", "sentAt": 1_700_000_000}
        events.put_events(trackingId=tracker, userId=user, sessionId=f"s-{user}", eventList=[event])


def found(emulator: Emulator) -> dict[str, Any]:
    """What a directory holds, as JSON."""
    store, state = emulator.state.store, emulator.state
    arns = {record.arn: [getattr(record, "status", None), store.tags(record.arn)] for record in store.records()}
    contents = {arn: entry.contents for arn, entry in state.datasets.items() if entry.contents is not None}
    rows = {
        arn: [held.bulk.num_rows if held.bulk is not None else 0, [dict(row) for row in held.log.rows()]]
        for arn, held in contents.items()
    }
    answers = {
        campaign.arn: [
            [item["itemId"] for item in (emulator.call("GetRecommendations", request) or {})["itemList"]]
            for request in ({"campaignArn": campaign.arn, "userId": user, "numResults": 5} for user in USERS)
        ]
        for campaign in store.all(Campaign)
    }
    return json.loads(json.dumps({"resources": arns, "rows": rows, "answers": answers}))  # type: ignore[no-any-return]


def main(target: Path) -> None:
    name = f"format-{len(MIGRATIONS)}"
    with TemporaryDirectory() as folder:
        settings = Settings(pace="instant", data_dir=folder, batch_workers=0)
        with mocked_emulator(settings, ManualClock()) as emulator:
            use()
            expected = found(emulator)
        export_directory(Path(folder), target / f"{name}.tar.gz")
    (target / f"{name}.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
