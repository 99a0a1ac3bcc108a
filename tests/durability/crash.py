"""Kills a server with SIGKILL at random moments, and looks for every change that it had answered.

    python -m tests.durability.crash --times 500 --seed 7

One data directory goes through all rounds. In each, clients create and delete schemas, tag, stream events, put items,
import, remove users, and train and deploy, until the server is killed; then the directory is opened here and compared
with what the clients have had answers for.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from personalize_emu.edge.testing.server_process import ServerProcess
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.resources import DatasetImportJob, SolutionVersion, Stateful
from tests.given import BUCKET, INTERACTIONS_SCHEMA, ITEMS_SCHEMA, POPULARITY, REGION, Given, as_csv, two_camps

ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
OPTIONS = ("--quotas", "off", "--training-workers", "0", "--log-level", "WARNING", "--pace")


LONGEST = 5.0
"""Seconds of a round, from the start of its clients to the kill."""


class Lost(AssertionError):
    """What was answered is not there."""


@dataclass
class Answered:
    """What the clients know. Each part is used by one thread at a time.

    events: (user, item, timestamp). removed: users whose removal was answered as COMPLETED; unsure: users of a removal
    that was begun. schemas: ARN to whether it is to exist; None while a call is under way. lasting: ARN to a status
    that was shown and lasts. objects: key to content; empty once deleted, None while a call is under way.
    """

    events: set[tuple[str, str, int]] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    schemas: dict[str, bool | None] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    lasting: dict[str, str] = field(default_factory=dict)
    campaigns: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, str | None] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)


class Clients:
    """Programs that use one server until it is gone."""

    def __init__(self, url: str, known: Answered, names: Iterator[int], arns: dict[str, str], seed: int) -> None:
        self._url, self._known, self._names, self._arns = url, known, names, arns
        self._random = random.Random(seed)
        self.faults: list[ClientError] = []

    def start(self) -> list[threading.Thread]:
        programs = (self.change_schemas, self.stream, self.move_data, self.train, self.store_objects)
        threads = [threading.Thread(target=self._until_gone, args=(program,)) for program in programs]
        for thread in threads:
            thread.start()
        return threads

    def client(self, service: str) -> Any:
        return boto3.session.Session().client(
            service, REGION, endpoint_url=self._url, config=ONCE, aws_access_key_id="a", aws_secret_access_key="s"
        )

    def _until_gone(self, program: Callable[[], Iterator[None]]) -> None:
        try:
            for _ in program():
                pass
        except BotoCoreError:
            return
        except ClientError as error:
            self.faults.append(error)

    def change_schemas(self) -> Iterator[None]:
        personalize, known = self.client("personalize"), self._known
        while True:
            name = f"schema-{next(self._names)}"
            arn = personalize.create_schema(name=name, schema=INTERACTIONS_SCHEMA)["schemaArn"]
            known.schemas[arn] = True
            old = self._random.choice(list(known.schemas))
            if known.schemas[old] and len(known.schemas) > 5:
                known.schemas[old] = None
                personalize.delete_schema(schemaArn=old)
                known.schemas[old] = False
            value = str(next(self._names))
            known.tags.clear()
            personalize.tag_resource(
                resourceArn=self._arns["group"], tags=[{"tagKey": "number", "tagValue": value}]
            )
            known.tags["number"] = value
            yield

    def stream(self) -> Iterator[None]:
        events, known = self.client("personalize-events"), self._known
        while True:
            number = next(self._names)
            user, item = f"user-{number % 50}", f"item-{number}"
            event = {"eventId": f"e{number}", "eventType": "x", "itemId": item, "sentAt": number}
            events.put_events(
                trackingId=self._arns["tracker"], userId=user, sessionId="session", eventList=[event]
            )
            known.events.add((user, item, number))
            if number % 5 == 0:
                record = {"itemId": item, "properties": json.dumps({"genre": "new"})}
                events.put_items(datasetArn=self._arns["items"], items=[record])
                known.items.add(item)
            yield

    def move_data(self) -> Iterator[None]:
        """Imports, and removals of users, whose events come from this thread, too."""
        given, known = Given(self.client("personalize"), self.client("s3")), self._known
        events = self.client("personalize-events")
        while True:
            number = next(self._names)
            rows = [(f"{user}-{number}", item, time) for user, item, time in two_camps()[: 1000 + number % 200]]
            job = given.import_job(self._arns["interactions"], given.upload(as_csv(rows)), f"import-{number}")
            self._await(given.personalize.describe_dataset_import_job, "datasetImportJob", job)
            yield
            user = f"gone-{number}"
            event = {"eventId": f"e{number}", "eventType": "x", "itemId": "i", "sentAt": number}
            events.put_events(trackingId=self._arns["tracker"], userId=user, sessionId=user, eventList=[event])
            known.events.add((user, "i", number))
            known.unsure.add(user)
            place = given.upload(f"USER_ID\n{user}\n", "users.csv")
            removal = given.deletion_job(self._arns["group"], place, f"removal-{number}")
            if self._await(given.personalize.describe_data_deletion_job, "dataDeletionJob", removal) == "COMPLETED":
                known.removed.add(user)
            yield

    def train(self) -> Iterator[None]:
        given, known, runtime = Given(self.client("personalize"), None), self._known, self.client("personalize-runtime")
        while True:
            version = given.version(self._arns["solution"])
            if self._await(given.personalize.describe_solution_version, "solutionVersion", version) == "ACTIVE":
                campaign = given.campaign(version, f"campaign-{next(self._names)}")
                if self._await(given.personalize.describe_campaign, "campaign", campaign) == "ACTIVE":
                    known.campaigns[campaign] = runtime.get_recommendations(campaignArn=campaign, userId="u1")[
                        "itemList"
                    ]
            yield

    def store_objects(self) -> Iterator[None]:
        s3, iam, known = self.client("s3"), self.client("iam"), self._known
        while True:
            number = next(self._names)
            key = f"object-{number % 40}"
            known.objects[key] = None
            if number % 3:
                s3.put_object(Bucket=BUCKET, Key=key, Body=str(number).encode())
            else:
                s3.delete_object(Bucket=BUCKET, Key=key)
            known.objects[key] = str(number) if number % 3 else ""
            iam.create_role(RoleName=f"role-{number}", AssumeRolePolicyDocument="{}")
            known.roles.add(f"role-{number}")
            yield

    def check_services(self) -> None:
        """Raises Lost."""
        s3, iam = self.client("s3"), self.client("iam")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="object-")
        there = {each["Key"] for page in pages for each in page.get("Contents", ())}
        for key, content in self._known.objects.items():
            if content is None:
                continue
            found = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() if key in there else ""
            if found != content:
                raise Lost(f"object {key} has {found!r} instead of {content!r}")
        roles = {role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]}
        if self._known.roles - roles:
            raise Lost(f"{len(self._known.roles - roles)} roles are lost, such as {min(self._known.roles - roles)}")

    def _await(self, describe: Callable[..., Any], member: str, arn: str) -> str:
        """The status that lasts, of which the server has told."""
        while True:
            shown = describe(**{f"{member}Arn": arn})[member]["status"]
            if shown in ("ACTIVE", "CREATE FAILED", "COMPLETED", "FAILED"):
                self._known.lasting[arn] = shown
                return str(shown)


def prepare(directory: str) -> dict[str, str]:
    """Resources that the clients of every round use."""
    with ServerProcess("--data-dir", directory, *OPTIONS, "instant") as server:
        clients = Clients(server.url, Answered(), count(), {}, 0)
        given = Given(clients.client("personalize"), clients.client("s3"))
        group = given.group()
        interactions = given.dataset(group, given.schema())
        items = given.dataset(group, given.schema(ITEMS_SCHEMA, "items"), "Items", "items")
        given.import_job(interactions, given.upload(as_csv(two_camps())))
        tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        solution = given.solution(group, POPULARITY, performAutoTraining=False)
        kill(server)
    return {
        "group": group, "interactions": interactions, "items": items, "tracker": tracker, "solution": solution
    }  # fmt: skip


def kill(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def check(directory: str, known: Answered, arns: dict[str, str]) -> None:
    """Raises Lost."""
    with Emulator(Settings(data_dir=directory, pace="instant", batch_workers=0, quotas="off")) as emulator:
        for fault in faults(emulator, known, arns):
            raise Lost(fault)


def faults(emulator: Emulator, known: Answered, arns: dict[str, str]) -> Iterator[str]:
    store = emulator.state.store
    for arn, exists in known.schemas.items():
        if exists is not None and (store.find(arn) is not None) is not exists:
            yield f"{arn} {'is missing' if exists else 'is there again'}"
    if known.tags and store.tags(arns["group"]) != known.tags:
        yield f"tags are {store.tags(arns['group'])}, not {known.tags}"
    for arn, status in known.lasting.items():
        record = store.find(arn)
        if not isinstance(record, Stateful) or record.status != status:
            yield f"{arn} was shown as {status}, and is {record}"
    for record in store.records():
        if isinstance(record, Stateful) and record.status not in ("ACTIVE", "CREATE FAILED", "COMPLETED", "FAILED"):
            yield f"{record.arn} is left in {record.status}"
    yield from data_faults(emulator, known, arns)
    for arn, answer in known.campaigns.items():
        now = emulator.call("GetRecommendations", {"campaignArn": arn, "userId": "u1"}) or {}
        if [item["itemId"] for item in now["itemList"]] != [item["itemId"] for item in answer]:
            yield f"{arn} answers otherwise"


def data_faults(emulator: Emulator, known: Answered, arns: dict[str, str]) -> Iterator[str]:
    held = emulator.state.datasets[arns["interactions"]].held
    rows = held.log.rows()
    found = {(row["USER_ID"], row["ITEM_ID"], row["TIMESTAMP"]) for row in rows}
    if len(found) != len(rows):
        yield "an event is there twice"
    lost = {event for event in known.events - found if event[0] not in known.unsure}
    if lost:
        yield f"{len(lost)} events are lost, such as {min(lost)}"
    for user in known.removed & {event[0] for event in found}:
        yield f"{user} is there again"
    missing = known.items - {row["ITEM_ID"] for row in emulator.state.datasets[arns["items"]].held.log.rows()}
    if missing:
        yield f"{len(missing)} items are lost, such as {min(missing)}"
    jobs = [job for job in emulator.state.store.all(DatasetImportJob) if job.status == "ACTIVE"]
    number = jobs[-1].job_name.removeprefix("import").removeprefix("-")
    wanted = 1000 + int(number) % 200 if number else len(two_camps())
    if held.bulk is None or held.bulk.num_rows != wanted:
        yield f"{jobs[-1].arn} is ACTIVE, and the dataset has {held.bulk and held.bulk.num_rows} rows, not {wanted}"
    for version in emulator.state.store.all(SolutionVersion):
        if version.status == "ACTIVE" and emulator.state.trained(version.arn) is None:
            yield f"{version.arn} is ACTIVE without a model"


def run(times: int, seed: int, directory: str, done: Callable[[int, Answered], None] = lambda _, __: None) -> Answered:
    """done: called after each round. Raises Lost, or ClientError when the server has refused a call."""
    chosen, names, known = random.Random(seed), count(2000), Answered()
    arns = prepare(directory)
    for number in range(times):
        with ServerProcess("--data-dir", directory, *OPTIONS, "fast") as server:
            clients = Clients(server.url, known, names, arns, seed + number)
            clients.check_services()
            threads = clients.start()
            # Waits for the moment to kill, not for anything to happen.
            threads[0].join(chosen.uniform(0.1, LONGEST))
            kill(server)
            for thread in threads:
                thread.join()
        if clients.faults:
            raise clients.faults[0]
        check(directory, known, arns)
        done(number + 1, known)
    return known


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with TemporaryDirectory() as directory:
        run(chosen.times, chosen.seed, str(Path(directory) / "state"), report)
    return 0


def report(kills: int, known: Answered) -> None:
    print(  # noqa: T201
        f"{kills} kills, nothing lost: {len(known.events)} events, {len(known.items)} items, {len(known.schemas)} "
        f"schemas, {len(known.lasting)} jobs and trainings, {len(known.campaigns)} campaigns, {len(known.removed)} "
        f"users removed, {len(known.objects)} keys of objects, {len(known.roles)} roles",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
