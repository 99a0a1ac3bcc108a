"""Uses a server with a data directory over many connections, and samples what it uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from personalize_emu.edge.testing.server_process import ServerProcess
from tests.given import INTERACTIONS_SCHEMA, ITEMS_SCHEMA, RANKING, USER_PERSONALIZATION, Given, as_csv, two_camps
from tests.soak.calls import Answers, Connection, Served
from tests.soak.cycles import Cycle, clients, ended
from tests.soak.process_use import Sample, Use, sample, use_of

CYCLES = 3
"""Connections that import, train and delete."""
SAMPLED_EVERY = 1.0
"""Seconds."""
RECIPES = (USER_PERSONALIZATION, RANKING)
OPTIONS = ("--quotas", "off", "--log-level", "WARNING", "--instant-timeout", "120")


@dataclass(frozen=True)
class Soaked:
    answers: Answers
    use: Use
    log: str

    def faults(self) -> list[str]:
        logged = [f"logged: {self.log[:2000]}"] if self.log.strip() else []
        return [*self.answers.faults[:20], *self.use.faults(), *logged]


def soak(
    seconds: float, connections: int, directory: Path, done: Callable[[Sample, Answers], None] = lambda *_: None
) -> Soaked:
    """Use a server for so many seconds. directory: for its data, empty. done: called with each sample."""
    answers, over = Answers(), threading.Event()
    with ServerProcess("--data-dir", str(directory), "--pace", "fast", *OPTIONS) as server:
        given = clients(server.url)
        schema = given.schema(name="cycles")
        served = _served(given)
        users = [Cycle(server.url, schema, number, answers) for number in range(CYCLES)]
        callers = [Connection(server.url, served, number, answers) for number in range(connections - CYCLES)]
        threads = [threading.Thread(target=one.use, args=(over,)) for one in (*users, *callers)]
        for thread in threads:
            thread.start()
        try:
            samples = _samples(server.process.pid, directory, seconds, lambda each: done(each, answers))
        finally:
            over.set()
            for thread in threads:
                thread.join()
        return Soaked(answers, use_of(samples, seconds), server.log())


def _samples(process: int, directory: Path, seconds: float, done: Callable[[Sample], None]) -> list[Sample]:
    began, samples = time.monotonic(), list[Sample]()
    while (passed := time.monotonic() - began) < seconds:
        samples.append(sample(process, directory, passed))
        done(samples[-1])
        # The time between samples is what is wanted here, not the end of anything.
        time.sleep(max(0.0, SAMPLED_EVERY - (time.monotonic() - began - passed)))
    return samples


def _served(given: Given) -> Served:
    """Two campaigns, an items dataset and a tracker that last."""
    group = ended(given, "dataset_group", given.group("soak"))
    interactions = ended(given, "dataset", given.dataset(group, given.schema(INTERACTIONS_SCHEMA, "soak")))
    ended(given, "dataset_import_job", given.import_job(interactions, given.upload(as_csv(two_camps()))))
    items = ended(given, "dataset", given.dataset(group, given.schema(ITEMS_SCHEMA, "items"), "Items", "items"))
    tracker = given.personalize.create_event_tracker(name="soak", datasetGroupArn=group)
    ended(given, "event_tracker", tracker["eventTrackerArn"])
    return Served(items, tracker["trackingId"], *(_campaign(given, group, recipe) for recipe in RECIPES))


def _campaign(given: Given, group: str, recipe: str) -> str:
    name = recipe.rpartition("/")[2]
    solution = ended(given, "solution", given.solution(group, recipe, name, performAutoTraining=False))
    return ended(given, "campaign", given.campaign(ended(given, "solution_version", given.version(solution)), name))
