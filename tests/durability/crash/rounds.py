"""Rounds of a server that is killed, on one data directory."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

from personalize_emu.edge.testing.server_process import ServerProcess
from tests.batch_requests import json_lines
from tests.durability.crash.answered import Answered, Lost
from tests.durability.crash.archives import Archives
from tests.durability.crash.programs import INFERENCE_LINES, SEGMENT_LINES, Clients
from tests.durability.crash.service_checks import ServiceChecks
from tests.durability.crash.state_checks import check
from tests.given import ITEMS_SCHEMA, POPULARITY, USERS_SCHEMA, Given, as_csv, two_camps

OPTIONS = ("--quotas", "off", "--training-workers", "0", "--batch-workers", "0", "--log-level", "WARNING", "--pace")
LONGEST = 5.0
"""Seconds of a round, from the start of its clients to the kill."""
ITEM_AFFINITY = "arn:aws:personalize:::recipe/aws-item-affinity"


def prepare(directory: Path) -> dict[str, str]:
    """Resources that the clients of every round use, by what they are."""
    with ServerProcess("--data-dir", str(directory), *OPTIONS, "instant") as server:
        clients = Clients(server.url, Answered(), count(), {}, 0)
        given = Given(clients.client("personalize"), clients.client("s3"))
        group, schema = given.group(), given.schema()
        interactions = given.dataset(group, schema)
        items = given.dataset(group, given.schema(ITEMS_SCHEMA, "items"), "Items", "items")
        given.import_job(interactions, given.upload(as_csv(two_camps())))
        tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        solution = given.solution(group, POPULARITY, performAutoTraining=False)
        arns = {"group": group, "interactions": interactions, "items": items, "tracker": tracker}
        arns |= {"solution": solution, "schema": schema, **_still(given, schema)}
        kill(server)
    return arns


def _still(given: Given, schema: str) -> dict[str, str]:
    """A group whose data do not change, and input of batch jobs."""
    group = given.group("still")
    still = given.dataset(group, schema, name="still")
    given.import_job(still, given.upload(as_csv(two_camps())), "still")
    users = given.dataset(group, given.schema(USERS_SCHEMA, "users"), "Users", "users")
    ages = "".join(f"u{number},{20 + number}\n" for number in range(60))
    given.import_job(users, given.upload(f"USER_ID,AGE\n{ages}", "ages.csv"), "ages")
    given.upload(json_lines([{"userId": f"u{number % 60}"} for number in range(INFERENCE_LINES)]), "in/users.json")
    given.upload(json_lines([{"itemId": f"i{number % 30:03d}"} for number in range(SEGMENT_LINES)]), "in/items.json")
    return {
        "still": still,
        "ranked": given.version(given.solution(group, POPULARITY, "ranked", performAutoTraining=False)),
        "segmented": given.version(given.solution(group, ITEM_AFFINITY, "segmented", performAutoTraining=False)),
    }


def kill(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def run(times: int, seed: int, folder: Path, done: Callable[[int, Answered], None] = lambda _, __: None) -> Answered:
    """Kill a server `times` times, and look each time for what it had answered.

    folder: empty. done: called after each round. Raises Lost, or ClientError when the server has refused a call.
    """
    chosen, names, known = random.Random(seed), count(2000), Answered()
    directory = folder / "state"
    arns, archives, services = prepare(directory), Archives(directory, folder, known), ServiceChecks(known)
    for number in range(times):
        with ServerProcess("--data-dir", str(directory), *OPTIONS, "fast") as server:
            clients = Clients(server.url, known, names, arns, seed + number)
            services.check(clients)
            threads = [*clients.start(), archives.start()]
            # Waits for the moment to kill, not for anything to happen.
            threads[0].join(chosen.uniform(0.1, LONGEST))
            kill(server)
            archives.kill()
            for thread in threads:
                thread.join()
        if clients.faults:
            raise clients.faults[0]
        if archives.faults:
            raise Lost(archives.faults[0])
        _check_copy(directory, folder / "copy", known, arns)
        archives.check(chosen, arns)
        done(number + 1, known)
    with ServerProcess("--data-dir", str(directory), *OPTIONS, "fast") as server:
        services.check(Clients(server.url, known, names, arns, seed))
    return known


def _check_copy(directory: Path, copy: Path, known: Answered, arns: dict[str, str]) -> None:
    """Check a copy: the directory itself is opened by the next server, which may take up jobs again. Raises Lost."""
    shutil.rmtree(copy, ignore_errors=True)
    (copy / "blobs").mkdir(parents=True)
    for path in directory.glob("state.db*"):
        shutil.copy2(path, copy)
    for path in (directory / "blobs").iterdir():
        # These files are not changed, only removed.
        os.link(path, copy / "blobs" / path.name)
    check(copy, known, arns)
