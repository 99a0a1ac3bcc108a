"""What the lives of resources should be: states as functions of time, and rules that say what is refused.

Written from spec 02 alone and without jobs: a life is a list of moments at which its state changes, known from
the beginning, so whatever the emulator does in between can be compared with it at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from personalize_emu.settings import Settings
from personalize_emu.state.lifecycle import (
    Duration,
    creation_duration,
    dataset_update_duration,
    deletion_duration,
    stopping_duration,
)
from tests.given import arn

REAL = Settings(pace="real", auto_training=False, quotas="off")
GONE = "gone"
ENOUGH = 25
"""Least users with two interactions each that a training needs (R-SV-15)."""
AT_REST = ("ACTIVE", "INACTIVE", "CREATE FAILED", "CREATE STOPPED")
CREATING = ("CREATE PENDING", "CREATE IN_PROGRESS")
UPDATING = ("UPDATE PENDING", "UPDATE IN_PROGRESS")

NOT_FOUND, INVALID, IN_USE, EXISTS = (
    "ResourceNotFoundException",
    "InvalidInputException",
    "ResourceInUseException",
    "ResourceAlreadyExistsException",
)
State = str | Callable[[], str]
Refusal = tuple[int, str]
"""Place in the order of checks (P-56), and error code."""
EXISTENCE, STATES, SENSE, NAMES = range(4)


@dataclass(eq=False)
class Life:
    """One resource, from its creation until it is gone, and what the rules ask about it."""

    kind: str
    arn: str
    group: str
    steps: list[tuple[float, State]]
    parent: str = ""
    dataset_type: str = ""
    values: dict[str, list[tuple[float, Any]]] = field(default_factory=dict)
    """Values of members that change, each with the time from which it is shown."""
    update: Life | None = None
    fills: list[tuple[float, int, bool]] = field(default_factory=list)
    """When rows came in, of how many users, and whether they replaced those before."""
    in_sync: bool = False
    tracked: bool = False
    """Of a group: whether it has ever had an event tracker, and so has an event schema (R-DS-21)."""

    def status(self, now: float) -> str:
        state = [state for when, state in self.steps if when <= now][-1]
        return state if isinstance(state, str) else state()

    def touched(self, now: float) -> float:
        """When the last change was that lastUpdatedDateTime tells (R-GEN-12)."""
        return [when for when, _ in self.steps if when <= now][-1]

    def exists(self, now: float) -> bool:
        return self.status(now) != GONE

    def value(self, member: str, now: float) -> Any:
        return [value for when, value in self.values[member] if when <= now][-1]

    def planned(self, member: str) -> Any:
        return self.values[member][-1][1]

    def is_updating(self, now: float) -> bool:
        return self.update is not None and self.update.status(now) in CREATING

    def users(self, before: float) -> int:
        """How many users the rows had that came in before a moment; 0 without rows. Fewer are part of more."""
        users = 0
        for when, count, replaces in sorted(self.fills):
            if when < before:
                users = count if replaces else max(users, count)
        return users

    def has_rows(self, now: float) -> bool:
        return any(when <= now for when, _, _ in self.fills)


def course(now: float, duration: Duration, *states: State) -> list[tuple[float, State]]:
    pending, in_progress, done = states
    begun = now + duration.waiting
    return [(now, pending), (begun, in_progress), (begun + duration.working, done)]


class Model:
    """Everything that has ever been created, by ARN; what is gone stays until its name is taken again."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.lives: dict[str, Life] = {}

    def all(self, kind: str) -> list[Life]:
        """Existing ones, oldest first."""
        return [life for life in self.lives.values() if life.kind == kind and life.exists(self.now)]

    def find(self, arn_: str) -> Life | None:
        life = self.lives.get(arn_)
        return life if life is not None and life.exists(self.now) else None

    def state(self, arn_: str) -> str:
        life = self.find(arn_)
        return GONE if life is None else life.status(self.now)

    def born(self, kind: str, arn_: str, group: str = "", **more: Any) -> Life:
        steps: list[tuple[float, State]] = [(self.now, "ACTIVE")]
        if kind not in ("schema", "solution"):
            steps = course(self.now, creation_duration(REAL, kind), *CREATING, "ACTIVE")
        self.lives.pop(arn_, None)
        life = self.lives[arn_] = Life(kind, arn_, group, steps, **more)
        return life

    def dies(self, life: Life) -> None:
        duration = deletion_duration(REAL)
        states = ("DELETE PENDING", "DELETE IN_PROGRESS", GONE)
        life.steps += course(self.now, duration, *states)
        if life.kind == "dataset-group":
            # A group has no DELETE IN_PROGRESS (R-DSG-5).
            del life.steps[-2]
        for other in self.lives.values():
            if other.parent == life.arn and other.kind in ("solution-version", "dataset-import-job"):
                other.steps.append((self.now + duration.waiting + duration.working, GONE))

    def trains(self, version: Life, dataset: Life) -> None:
        """Whether a version fails depends on the rows there are when its training begins."""
        begun, ended = version.steps[1][0], version.steps[2][0]
        version.steps[2] = (ended, lambda: "ACTIVE" if dataset.users(begun) >= ENOUGH else "CREATE FAILED")

    def stops(self, version: Life) -> None:
        """R-SV-12."""
        pending = version.status(self.now) == "CREATE PENDING"
        version.steps = [step for step in version.steps if step[0] <= self.now]
        if not pending:
            version.steps.append((self.now, "CREATE STOPPING"))
        duration = stopping_duration(REAL)
        stopped = self.now if pending else self.now + duration.waiting + duration.working
        version.steps.append((stopped, "CREATE STOPPED"))

    def updates(self, life: Life, **values: Any) -> None:
        """Beside the resource, which keeps its state (R-CMP-12, R-SOL-14). What was on its way comes to nothing."""
        life.steps = [step for step in life.steps if step[0] <= self.now]
        life.values = {m: [each for each in known if each[0] <= self.now] for m, known in life.values.items()}
        steps = course(self.now, creation_duration(REAL, life.kind), *CREATING, "ACTIVE")
        life.update = Life("update", life.arn, life.group, steps)
        ready = steps[-1][0]
        life.steps.append((ready, "ACTIVE"))
        for member, value in values.items():
            life.values[member].append((ready, value))

    def replaces_schema(self, dataset: Life, schema: str) -> None:
        """Shown in the state of the dataset itself (R-DS-10)."""
        dataset.steps += course(self.now, dataset_update_duration(REAL), *UPDATING, "ACTIVE")
        dataset.values["schemaArn"].append((dataset.steps[-1][0], schema))

    def versions_of(self, solution: str) -> list[Life]:
        return [version for version in self.all("solution-version") if version.parent == solution]

    def dataset(self, group: str, dataset_type: str) -> Life | None:
        return self.find(arn("dataset", f"{group.rpartition('/')[2]}/{dataset_type}"))

    def at_work(self, kinds: Collection[str], *, group: str = "", parents: Collection[str] = ()) -> Iterator[Life]:
        """What is being created in a group, or on one of these resources."""
        for life in self.lives.values():
            below = life.group == group if group else life.parent in parents
            if life.kind in kinds and below and life.status(self.now) in CREATING:
                yield life

    # Rules: what forbids an operation. Each yields nothing when there is nothing against it.

    def missing(self, *arns: str) -> Iterator[Refusal]:
        """R-GEN-6."""
        for each in arns:
            if self.find(each) is None:
                yield EXISTENCE, NOT_FOUND

    def taken(self, arn_: str) -> Iterator[Refusal]:
        """R-GEN-4, R-GEN-18."""
        if self.find(arn_) is not None:
            yield NAMES, EXISTS

    def inactive(self, parent: str) -> Iterator[Refusal]:
        """R-GEN-20."""
        status = self.state(parent)
        if status in ("CREATE FAILED", "CREATE STOPPED"):
            yield STATES, INVALID
        elif status != "ACTIVE":
            yield STATES, IN_USE

    def undeletable(self, life: Life) -> Iterator[Refusal]:
        """R-GEN-14, R-CMP-16, R-SOL-15, and what stands on the resource (R-GEN-16)."""
        if life.kind != "schema" and life.status(self.now) not in AT_REST:
            yield STATES, IN_USE
        if life.is_updating(self.now):
            yield STATES, IN_USE
        rules = {
            "dataset-group": self._users_of_group,
            "schema": self._users_of_schema,
            "dataset": self._users_of_dataset,
            "solution": self._users_of_solution,
        }
        users = rules[life.kind](life) if life.kind in rules else iter(())
        yield from ((STATES, IN_USE) for _ in users)

    def _users_of_group(self, group: Life) -> Iterator[Life]:
        """R-DSG-12, R-DSG-13. A tracker that goes is none."""
        for kind in ("dataset", "filter", "solution", "recommender"):
            yield from (child for child in self.all(kind) if child.group == group.arn)
        for tracker in self.all("event-tracker"):
            if tracker.group == group.arn and not tracker.status(self.now).startswith("DELETE"):
                yield tracker

    def _users_of_schema(self, schema: Life) -> Iterator[Life]:
        """R-SCH-7, R-SCH-8: also while a dataset is being given it."""
        for dataset in self.all("dataset"):
            coming = dataset.planned("schemaArn") if dataset.status(self.now) in UPDATING else None
            if schema.arn in (dataset.value("schemaArn", self.now), coming):
                yield dataset

    def _users_of_dataset(self, dataset: Life) -> Iterator[Life]:
        """R-DS-17, R-DS-18."""
        yield from self.at_work(("recommender", "batch-inference-job"), group=dataset.group)
        yield from self.at_work(("dataset-import-job",), parents=(dataset.arn,))
        for version in self.all("solution-version"):
            if version.group == dataset.group and version.status(self.now) in CREATING:
                yield version
        for campaign in self.all("campaign"):
            # Of the group of what it serves, which may be another one than before (R-CMP-15).
            served = self.lives[campaign.value("solutionVersionArn", self.now)]
            if served.group == dataset.group and campaign.status(self.now) in (*CREATING, "ACTIVE"):
                yield campaign
        yield from (each for each in self.all("filter") if each.group == dataset.group)

    def _users_of_solution(self, solution: Life) -> Iterator[Life]:
        """R-SOL-17; a campaign is based on what it serves, and on what a running update will have it serve."""
        versions = self.versions_of(solution.arn)
        yield from self.at_work(("batch-inference-job",), parents=[version.arn for version in versions])
        yield from (each for each in versions if each.status(self.now) in (*CREATING, "CREATE STOPPING"))
        arns = {version.arn for version in versions}
        for campaign in self.all("campaign"):
            served = campaign.value("solutionVersionArn", self.now), campaign.planned("solutionVersionArn")
            if not arns.isdisjoint(served):
                yield campaign
