"""Emulators that use one data directory after the other, and pictures of what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from personalize_emu.edge.testing.mocked_emulator import mocked_emulator
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Pace, Settings
from personalize_emu.state.clock import Clock, ManualClock
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Campaign, Recommender
from tests.given import REGION, Given


@contextmanager
def started(
    directory: Path, clock: Clock | None = None, pace: Pace = "instant", *, resumes_jobs: bool = False, **more: Any
) -> Iterator[Emulator]:
    settings = Settings(pace=pace, data_dir=str(directory), batch_workers=0, **more)
    with mocked_emulator(settings, clock or ManualClock(), resumes_jobs=resumes_jobs) as emulator:
        yield emulator


def given() -> Given:
    return Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))


def events() -> Any:
    return boto3.client("personalize-events", region_name=REGION)


def put_event(tracking_id: str, number: int, user: str = "u0", item: str = "i001", **more: Any) -> None:
    event = {"eventId": f"e{number}", "eventType": "watch", "itemId": item, "sentAt": 1_700_000_000 + number, **more}
    events().put_events(trackingId=tracking_id, userId=user, sessionId=f"s-{user}", eventList=[event])


def picture(emulator: Emulator) -> dict[str, Any]:
    """All that is to be there after a restart."""
    return {**resources(emulator), "contents": contents(emulator), "answers": answers(emulator)}


def resources(emulator: Emulator) -> dict[str, Any]:
    state = emulator.state
    store = state.store
    return {
        "records": {record.arn: (record, store.tags(record.arn), store.ordinal(record)) for record in store.records()},
        "columns": {arn: entry.known_columns for arn, entry in [*state.solutions.items(), *state.recommenders.items()]},
        "due": {arn: vars(entry)["due_training"] and vars(entry.due_training) for arn, entry in state.solutions.items()}
        | {arn: vars(entry)["due_training"] and vars(entry.due_training) for arn, entry in state.recommenders.items()},
        "versions": {
            arn: (entry.data_version, entry.refresh and (type(entry.refresh.refresh), entry.refresh.data_version))
            for arn, entry in [*state.versions.items(), *state.recommenders.items()]
        },
        "reports": {arn: entry.report for arn, entry in state.import_jobs.items()},
        "groups": {arn: entry.event_schema_arn for arn, entry in state.groups.items()},
        "ledgers": {arn: entry.ledger and entry.ledger.kept() for arn, entry in state.attributions.items()},
    }


def contents(emulator: Emulator) -> dict[str, Any]:
    """Of each dataset: rows of imports and individual records, the length of the log, and what imports supersede."""
    found = {}
    for arn, entry in emulator.state.datasets.items():
        held = entry.contents
        if held is not None:
            log = held.log.table().to_pylist()
            bulk = held.bulk.to_pylist() if held.bulk is not None else None
            superseded, full = dict(held.layer.superseded), held.layer.full_rows
            found[arn] = (bulk, log, held.log.held, held.data_version, superseded, full)
    return found


def answers(emulator: Emulator) -> dict[str, Any]:
    """Recommendations of every deployment that is ACTIVE, in the words of the service."""
    found = {}
    for deployment in [*emulator.state.store.all(Campaign), *emulator.state.store.all(Recommender)]:
        trained = emulator.state.trained(getattr(deployment, "solution_version_arn", deployment.arn))
        operation = trained.recipe.operation if trained else None
        member = "campaignArn" if isinstance(deployment, Campaign) else "recommenderArn"
        request: dict[str, Any] = {member: deployment.arn, "userId": "u2"}
        if operation == "GetPersonalizedRanking":
            request["inputList"] = ["i001", "i002", "i003"]
        if operation is not None and deployment.status == ACTIVE:
            answer = emulator.call(operation, request) or {}
            found[deployment.arn] = {key: value for key, value in answer.items() if key != "recommendationId"}
    return json.loads(json.dumps(found, default=str))


