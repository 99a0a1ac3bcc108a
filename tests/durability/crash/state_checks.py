"""Compares a data directory, opened in this process, with what clients of the killed server know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.resources import DatasetImportJob, SolutionVersion, Stateful
from tests.durability.crash.answered import Answered, Lost
from tests.durability.crash.programs import LASTING
from tests.given import two_camps

Event = tuple[str, str, int]


def check(directory: Path, known: Answered, arns: dict[str, str]) -> None:
    """Raises Lost."""
    with Emulator(Settings(data_dir=str(directory), pace="instant", batch_workers=0, quotas="off")) as emulator:
        for fault in faults(emulator, known, arns):
            raise Lost(fault)


def faults(emulator: Emulator, known: Answered, arns: dict[str, str]) -> Iterator[str]:
    store = emulator.state.store
    for arn, exists in known.exists.items():
        if exists is not None and (store.find(arn) is not None) is not exists:
            yield f"{arn} {'is missing' if exists else 'is there again'}"
    if known.tags and store.tags(arns["group"]) != known.tags:
        yield f"tags are {store.tags(arns['group'])}, not {known.tags}"
    for arn, status in known.lasting.items():
        record = store.find(arn)
        if not isinstance(record, Stateful) or record.status != status:
            yield f"{arn} was shown as {status}, and is {record}"
    for record in store.records():
        if isinstance(record, Stateful) and record.status not in LASTING:
            yield f"{record.arn} is left in {record.status}"
    yield from data_faults(emulator, known, arns)
    for arn, answer in known.campaigns.items():
        now = emulator.call("GetRecommendations", {"campaignArn": arn, "userId": "u1"}) or {}
        if [item["itemId"] for item in now["itemList"]] != [item["itemId"] for item in answer]:
            yield f"{arn} answers otherwise"


def data_faults(emulator: Emulator, known: Answered, arns: dict[str, str]) -> Iterator[str]:
    found = yield from event_faults(emulator, known.events, known.unsure, arns)
    for user in known.removed & {event[0] for event in found}:
        yield f"{user} is there again"
    missing = known.items - {row["ITEM_ID"] for row in emulator.state.datasets[arns["items"]].held.log.rows()}
    if missing:
        yield f"{len(missing)} items are lost, such as {min(missing)}"
    held = emulator.state.datasets[arns["interactions"]].held
    jobs = [job for job in emulator.state.store.all(DatasetImportJob) if job.dataset_arn == arns["interactions"]]
    last = [job for job in jobs if job.status == "ACTIVE"][-1]
    number = last.job_name.removeprefix("import").removeprefix("-")
    wanted = 1000 + int(number) % 200 if number else len(two_camps())
    if held.bulk is None or held.bulk.num_rows != wanted:
        yield f"{last.arn} is ACTIVE, and the dataset has {held.bulk and held.bulk.num_rows} rows, not {wanted}"
    for version in emulator.state.store.all(SolutionVersion):
        if version.status == "ACTIVE" and emulator.state.trained(version.arn) is None:
            yield f"{version.arn} is ACTIVE without a model"


def event_faults(emulator: Emulator, events: set[Event], unsure: set[str], arns: dict[str, str]) -> Iterator[str]:
    """Returns the events that are there. unsure: users whose events may be missing."""
    rows = emulator.state.datasets[arns["interactions"]].held.log.rows()
    found = {(row["USER_ID"], row["ITEM_ID"], row["TIMESTAMP"]) for row in rows}
    if len(found) != len(rows):
        yield "an event is there twice"
    lost = {event for event in events - found if event[0] not in unsure}
    if lost:
        yield f"{len(lost)} events are lost, such as {min(lost)}"
    return found
