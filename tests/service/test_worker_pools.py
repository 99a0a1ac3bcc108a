"""Short jobs do not wait for trainings (R-GEN-19)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.training.training_job import TrainingJob
from personalize_emu.state.jobs import JobStopped
from personalize_emu.state.resources import Resource, Stateful
from tests.given import ITEMS_SCHEMA, POPULARITY, REGION, Given, as_csv, two_camps

TRAININGS = 12
"""More than there are workers for."""


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Emulator, Given]]:
    """With the pace fast, a dozen trainings that last as long as the test, and a version from before them."""
    over, begun = threading.Event(), threading.Semaphore(0)

    def train(*_: object) -> Any:
        begun.release()
        over.wait(60)
        raise JobStopped("the test is over")

    with mock_personalize(pace="fast", quotas="off") as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        group = given.group()
        assert emulator.wait_idle(20)
        items = given.dataset(group, given.schema(ITEMS_SCHEMA, "items"), "Items")
        given.import_job(items, given.upload("ITEM_ID,GENRE\ni001,x\n", "items.csv"), "items")
        given.import_job(given.dataset(group, given.schema()), given.upload(as_csv(two_camps())))
        assert emulator.wait_idle(20)
        solution = given.solution(group, POPULARITY, performAutoTraining=False)
        given.version(solution)
        assert emulator.wait_idle(20)
        monkeypatch.setattr(TrainingJob, "train", train)
        for _ in range(TRAININGS):
            given.version(solution)
        assert begun.acquire(timeout=20)
        yield emulator, given
        over.set()
        assert emulator.wait_idle(20)


def settled(emulator: Emulator, record: str) -> str:
    """The status of a resource once it is ACTIVE, or failed."""
    changed = threading.Event()
    store = emulator.state.store
    change = store.change_if

    def watched(*args: Any, **changes: Any) -> Any:
        found = change(*args, **changes)
        changed.set()
        return found

    store.change_if = watched  # type: ignore[method-assign]
    while (status := _status(store.records(), record)).endswith(("PENDING", "IN_PROGRESS")):
        assert changed.wait(20), f"{record} stays {status}"
        changed.clear()
    return status


def _status(records: Iterator[Resource], arn: str) -> str:
    return next(record.status for record in records if isinstance(record, Stateful) and record.arn == arn)


SHORT: dict[str, Callable[[Given, str, str], Any]] = {
    "group": lambda given, _, __: given.group("other"),
    "filter": lambda given, group, _: given.personalize.create_filter(
        name="f", datasetGroupArn=group, filterExpression='EXCLUDE ItemID WHERE Items.GENRE IN ("x")'
    )["filterArn"],
    "campaign": lambda given, _, version: given.campaign(version),
    "import": lambda given, group, _: given.import_job(
        group.replace(":dataset-group/", ":dataset/") + "/INTERACTIONS", given.upload(as_csv(two_camps())), "again"
    ),
}


@pytest.mark.parametrize("what", SHORT)
def test_trainings_do_not_delay_other_jobs(at_work: tuple[Emulator, Given], what: str) -> None:
    emulator, given = at_work
    (group,) = [found["datasetGroupArn"] for found in given.personalize.list_dataset_groups()["datasetGroups"]]
    versions = given.personalize.list_solution_versions()["solutionVersions"]
    arn = SHORT[what](given, group, versions[0]["solutionVersionArn"])
    assert settled(emulator, arn) == "ACTIVE"
    running = given.personalize.list_solution_versions()["solutionVersions"][1:]
    assert {version["status"] for version in running} == {"CREATE IN_PROGRESS"}
