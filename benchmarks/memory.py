"""Resident memory of a server: idle, after MovieLens data and a training, and after a million streamed events."""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from benchmarks.group_to_answer import GroupToAnswer
from benchmarks.processes import bare_environment, moto_process
from benchmarks.report import show
from benchmarks.serving.shop import HEADERS
from benchmarks.training import FOLDER, INTERACTIONS, ITEMS
from personalize_emu.edge.testing.server_process import ServerProcess

RECIPE = "aws-user-personalization-v2"
EVENTS_PER_CALL = 10
USERS = 50_000
FILMS = 9_000


def resident(process: int) -> tuple[float, float]:
    """MB that a process occupies, and that it and its children do; libraries count in each of them."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], check=True, capture_output=True, text=True).stdout
    rows = [tuple(map(int, line.split())) for line in table.splitlines()]
    own = sum(size for number, _, size in rows if number == process)
    children = sum(size for _, parent, size in rows if parent == process)
    return own / 1024, (own + children) / 1024


def put_events(url: str, tracking_id: str, events: int) -> None:
    """Send events of USERS users, a session for each call, over one connection."""
    address = urlsplit(url)
    now = int(time.time())
    with closing(http.client.HTTPConnection(address.hostname or "", address.port)) as connection:
        for call in range(events // EVENTS_PER_CALL):
            body = {
                "trackingId": tracking_id,
                "userId": str(call % USERS),
                "sessionId": str(UUID(int=call, version=4)),
                "eventList": [event(call, number, now) for number in range(EVENTS_PER_CALL)],
            }
            connection.request("POST", "/events", json.dumps(body), HEADERS)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {text[:200]!r}")


def event(call: int, number: int, sent_at: int) -> dict[str, Any]:
    return {
        "eventId": str(UUID(int=call * EVENTS_PER_CALL + number, version=4)),
        "eventType": "watch",
        "itemId": str((call * 17 + number * 7) % FILMS),
        "sentAt": sent_at,
    }


def measured(events: int) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []

    def note(what: str) -> None:
        rows.append([what, *(f"{size:.0f}" for size in resident(server.process.pid))])

    with ServerProcess("--pace", "instant", "--instant-timeout", "900", environ=bare_environment()) as server:
        note("idle, as soon as it is ready")
        path = GroupToAnswer(server.url)
        path.personalize.list_schemas()
        note("after a call of Personalize")
        group = path.group()
        note("after a call of S3")
        path.load(group, "Interactions", INTERACTIONS, FOLDER / "interactions.csv")
        path.load(group, "Items", ITEMS, FOLDER / "item-meta.csv")
        note("after the import of MovieLens")
        campaign = path.deploy("films", path.train(group, RECIPE))
        note(f"after a training of {RECIPE}")
        for user in range(1, 611):
            path.runtime.get_recommendations(campaignArn=campaign, userId=str(user))
        note("after recommendations for its 610 users")
        tracker = path.personalize.create_event_tracker(name="benchmark", datasetGroupArn=group)["trackingId"]
        put_events(server.url, tracker, events)
        note(f"after {events:,} events by PutEvents")
    with moto_process() as (_, process):
        rows.append(["moto_server, idle", *(f"{size:.0f}" for size in resident(process))])
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    if not FOLDER.is_dir():
        print(f"left out: {FOLDER} is missing", file=sys.stderr)
        return 0
    show("Resident memory of a server", ["when", "MB", "with its processes"], measured(options.events))
    return 0


if __name__ == "__main__":
    sys.exit(main())
