"""StopSolutionVersionCreation through boto3 (spec 02 R-SV-12, spec 07 T-64)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.recipes.contract.base import (
    Kind,
    Model,
    Recipe,
    TrainingData,
    TrainingRun,
)
from personalize_emu.recipes.popularity_count import PopularityCount
from personalize_emu.service.solutions import version_training
from personalize_emu.state.clock import ManualClock
from tests.given import POPULARITY, REGION, Given, as_csv, two_camps
from tests.refusals import refusal


@dataclass
class Watched(Recipe):
    """A recipe whose second stage begins when the test says so."""

    started: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    stages: list[str] = field(default_factory=list)
    name = "aws-popularity-count"
    kind = Kind.POPULAR

    def fit(self, data: TrainingData, run: TrainingRun) -> Model:
        run.progress("first", 0.1)
        self.stages.append("first")
        self.started.set()
        assert self.go_on.wait(20)
        run.progress("second", 0.5)
        self.stages.append("second")
        return PopularityCount().fit(data, run)


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    recipe = Watched()
    monkeypatch.setattr(version_training, "recipe_named", lambda _: recipe)
    yield recipe
    recipe.go_on.set()


def status_of(given: Given, version: str) -> str:
    answer: dict[str, Any] = given.personalize.describe_solution_version(solutionVersionArn=version)
    status: str = answer["solutionVersion"]["status"]
    return status


def stop(given: Given, version: str) -> None:
    given.personalize.stop_solution_version_creation(solutionVersionArn=version)


@pytest.fixture
def solution(slow: Given, clock: ManualClock) -> str:
    group = slow.group()
    clock.advance(60)
    dataset = slow.dataset(group)
    clock.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    clock.advance(1000)
    return slow.solution(group, POPULARITY, performAutoTraining=False)


def test_pending_version_is_stopped_at_once(slow: Given, clock: ManualClock, solution: str) -> None:
    """R-SV-12, T-64: it stays visible, has no metrics and cannot be deployed."""
    version = slow.version(solution)
    stop(slow, version)
    for _ in range(3):
        assert status_of(slow, version) == "CREATE STOPPED"
        clock.advance(3000)
    (summary,) = slow.personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
    assert summary["status"] == "CREATE STOPPED"
    assert "failureReason" not in summary
    assert refusal(slow.personalize.get_solution_metrics, solutionVersionArn=version)[0] == "ResourceNotFoundException"
    assert refusal(slow.campaign, version=version)[0] == "InvalidInputException"


def test_version_in_progress_is_stopping_first(
    slow_emulator: Emulator, slow: Given, clock: ManualClock, solution: str
) -> None:
    """R-SV-12, R-SOL-17: the result that is there already is dropped."""
    version = slow.version(solution)
    clock.advance(61)
    assert status_of(slow, version) == "CREATE IN_PROGRESS"
    stop(slow, version)
    assert status_of(slow, version) == "CREATE STOPPING"
    assert refusal(slow.personalize.delete_solution, solutionArn=solution)[0] == "ResourceInUseException"
    assert refusal(slow.personalize.get_solution_metrics, solutionVersionArn=version)[0] == "ResourceInUseException"
    clock.advance(60)
    assert status_of(slow, version) == "CREATE STOPPED"
    clock.advance(5000)
    assert status_of(slow, version) == "CREATE STOPPED"
    assert slow_emulator.state.trained(version) is None
    slow.personalize.delete_solution(solutionArn=solution)
    clock.advance(60)
    assert slow.personalize.list_solution_versions()["solutionVersions"] == []


@pytest.mark.parametrize("seconds", [0, 61])
def test_stop_is_refused_for_stopped_versions(
    slow: Given, clock: ManualClock, solution: str, seconds: int
) -> None:
    """R-SV-12: any other state is ResourceInUseException."""
    version = slow.version(solution)
    clock.advance(seconds)
    stop(slow, version)
    code, _ = refusal(slow.personalize.stop_solution_version_creation, solutionVersionArn=version)
    assert code == "ResourceInUseException"
    clock.advance(100)
    code, _ = refusal(slow.personalize.stop_solution_version_creation, solutionVersionArn=version)
    assert code == "ResourceInUseException"


def test_stop_is_refused_for_active_and_unknown_versions(given: Given) -> None:
    """R-SV-12, R-GEN-6."""
    version = given.version(given.solution(recipe=POPULARITY))
    call = given.personalize.stop_solution_version_creation
    assert refusal(call, solutionVersionArn=version)[0] == "ResourceInUseException"
    assert refusal(call, solutionVersionArn=version[:-8] + "00000000")[0] == "ResourceNotFoundException"


def test_stopped_training_ends_after_its_stage(slow: Given, clock: ManualClock, solution: str, recipe: Watched) -> None:
    """R-SV-12, T-64: the next stage does not begin."""
    version = slow.version(solution)
    with ThreadPoolExecutor(1) as time:
        passing = time.submit(clock.advance, 3000)
        assert recipe.started.wait(20)
        assert status_of(slow, version) == "CREATE IN_PROGRESS"
        stop(slow, version)
        assert status_of(slow, version) == "CREATE STOPPING"
        recipe.go_on.set()
        passing.result(20)
    clock.advance(60)
    assert status_of(slow, version) == "CREATE STOPPED"
    assert recipe.stages == ["first"]


@pytest.mark.parametrize("pace", ["instant", "fast"])
def test_running_training_is_stopped_from_another_thread(pace: Any, recipe: Watched) -> None:
    """R-SV-12, T-64, with the work inside the call and in the background.

    The stage that runs may take as long as it likes: the version is stopped before it ends.
    """
    with mock_personalize(pace=pace) as emulator, ThreadPoolExecutor(1) as other:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        solution = given.solution(imported_at_any_pace(given, emulator), POPULARITY)
        training = other.submit(given.version, solution)
        assert recipe.started.wait(20)
        (version,) = given.personalize.list_solution_versions()["solutionVersions"]
        arn = version["solutionVersionArn"]
        stop(given, arn)
        seen = [status_of(given, arn)]
        while seen[-1] != "CREATE STOPPED":
            assert seen[-1] == "CREATE STOPPING"
            seen.append(status_of(given, arn))
        assert recipe.stages == ["first"]
        recipe.go_on.set()
        training.result(20)
        assert emulator.wait_idle(20)
        assert status_of(given, arn) == "CREATE STOPPED"
        assert emulator.state.trained(arn) is None
    assert recipe.stages == ["first"]


def imported_at_any_pace(given: Given, emulator: Emulator) -> str:
    group = given.group()
    assert emulator.wait_idle(20)
    dataset = given.dataset(group)
    assert emulator.wait_idle(20)
    given.import_job(dataset, given.upload(as_csv(two_camps())))
    assert emulator.wait_idle(20)
    return group


def test_reset_ends_running_trainings(recipe: Watched) -> None:
    """What trains for a state that is gone stops after its stage."""
    with mock_personalize(pace="fast") as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        given.version(given.solution(imported_at_any_pace(given, emulator), POPULARITY))
        assert recipe.started.wait(20)
        workers = emulator.state.jobs
        emulator.reset()
        recipe.go_on.set()
        workers.wait_for_work()
        assert given.personalize.list_solution_versions()["solutionVersions"] == []
