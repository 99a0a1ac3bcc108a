"""Faults of jobs: every kind fails or hangs on demand, with every pace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from personalize_emu.doubles.job_faults import DEFAULT_REASON
from personalize_emu.doubles.job_faults import KINDS as FAULT_KINDS
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Pace
from personalize_emu.state import lifecycle
from personalize_emu.state.clock import ManualClock
from tests.given import POPULARITY, Given, arn, as_csv, two_camps
from tests.refusals import refusal
from tests.service.job_kinds import KINDS, LONG, Scene, scene

PACES: tuple[Pace, ...] = get_args(Pace)
OF_KIND = {
    "dataset-group": "group",
    "dataset": "dataset",
    "dataset-import-job": "import",
    "dataset-export-job": "export",
    "data-deletion-job": "users' deletion",
    "event-tracker": "tracker",
    "filter": "filter",
    "solution-version": "version",
    "campaign": "campaign",
    "recommender": "recommender",
    "metric-attribution": "attribution",
    "batch-inference-job": "inference",
    "batch-segment-job": "segments",
    "campaign-update": "campaign's update",
    "solution-update": "solution's update",
    "recommender-update": "recommender's update",
    "dataset-update": "dataset's update",
}
IN_PROGRESS = {"data-deletion-job": "IN_PROGRESS", "dataset-update": "UPDATE IN_PROGRESS"}


@pytest.fixture(scope="module", params=PACES)
def at_pace(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "_FAST", lifecycle.Duration(0.002, 0.002))
        with scene(request.param) as ready:
            yield ready


def pass_time(s: Scene) -> None:
    """Until only jobs are left that are held."""
    if isinstance(s.emulator.clock, ManualClock):
        s.emulator.advance(LONG)
    assert not s.emulator.wait_idle(30)


def test_every_kind_of_job_has_faults() -> None:
    assert set(OF_KIND) == set(FAULT_KINDS)
    others = {"switch", *(name for name in KINDS if name.endswith("'s deletion"))}
    assert set(OF_KIND.values()) == set(KINDS) - others


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_the_next_job_of_a_kind_fails_and_the_one_after_it_does_not(at_pace: Scene, kind: str) -> None:
    """R-GEN-10, R-GEN-11."""
    tried = KINDS[OF_KIND[kind]]
    fault = at_pace.emulator.fail_job(kind, "no room left")
    status = tried.begin(at_pace)
    at_pace.settle()
    assert (status(), fault.hits) == (tried.broken, 1)
    status = tried.begin(at_pace)
    at_pace.settle()
    assert (status(), fault.hits) == (tried.good, 1)


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_job_hangs_until_its_fault_is_removed(at_pace: Scene, kind: str) -> None:
    """The call that begins it returns with every pace."""
    tried = KINDS[OF_KIND[kind]]
    fault = at_pace.emulator.fail_job(kind, hang=True)
    status = tried.begin(at_pace)
    pass_time(at_pace)
    assert (status(), fault.hits) == (IN_PROGRESS.get(kind, "CREATE IN_PROGRESS"), 1)
    fault.remove()
    at_pace.settle()
    assert status() == tried.good


def test_the_reason_is_shown(given: Given, emulator: Emulator, personalize: Any) -> None:
    version = given.version(_solution(given))
    emulator.fail_job("campaign", "no machine is free")
    emulator.fail_job("solution-version")
    failed = given.campaign(version)
    campaign = personalize.describe_campaign(campaignArn=failed)["campaign"]
    assert (campaign["status"], campaign["failureReason"]) == ("CREATE FAILED", "no machine is free")
    other = personalize.describe_solution_version(solutionVersionArn=given.version(arn("solution", "solution")))
    assert other["solutionVersion"]["failureReason"] == DEFAULT_REASON


def _solution(given: Given) -> str:
    return given.solution(given.imported_group(), POPULARITY)


def test_faults_choose_jobs_by_name_and_by_arn(given: Given, emulator: Emulator, personalize: Any) -> None:
    emulator.fail_job("dataset-group", name="second")
    emulator.fail_job("dataset", arn=arn("dataset-group", "third"), times=2)
    groups = [given.group(name) for name in ("first", "second", "third")]
    found = [personalize.describe_dataset_group(datasetGroupArn=each)["datasetGroup"]["status"] for each in groups]
    assert found == ["ACTIVE", "CREATE FAILED", "ACTIVE"]
    schema = given.schema()
    made = [given.dataset(group, schema) for group in (groups[0], groups[2])]
    assert [personalize.describe_dataset(datasetArn=each)["dataset"]["status"] for each in made] == [
        "ACTIVE", "CREATE FAILED"
    ]  # fmt: skip
    assert [each.members() for each in emulator.job_faults()] == [
        {"id": 1, "kind": "dataset-group", "reason": DEFAULT_REASON, "times": 1, "name": "second", "hits": 1},
        {"id": 2, "kind": "dataset", "reason": DEFAULT_REASON, "times": 2, "arn": groups[2], "hits": 1},
    ]


def test_all_jobs_of_a_kind_fail_until_the_fault_is_cleared(given: Given, emulator: Emulator) -> None:
    emulator.fail_job("DatasetGroup", times="all")
    for name in ("a", "b", "c"):
        given.group(name)
    assert {each["status"] for each in given.personalize.list_dataset_groups()["datasetGroups"]} == {"CREATE FAILED"}
    emulator.clear_faults()
    assert emulator.job_faults() == []
    found = given.personalize.describe_dataset_group(datasetGroupArn=given.group("d"))["datasetGroup"]
    assert found["status"] == "ACTIVE"


def test_a_training_that_hangs_can_be_stopped(given: Given, emulator: Emulator, personalize: Any) -> None:
    """R-SV-12."""
    solution = _solution(given)
    emulator.fail_job("solution-version", hang=True)
    version = given.version(solution)
    personalize.stop_solution_version_creation(solutionVersionArn=version)
    found = personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert found["status"] == "CREATE STOPPED"
    assert emulator.wait_idle(30)


def test_a_reset_ends_jobs_that_hang(given: Given, emulator: Emulator) -> None:
    emulator.fail_job("dataset-group", hang=True)
    given.group()
    assert not emulator.wait_idle()
    emulator.reset()
    assert emulator.wait_idle()
    assert emulator.job_faults() == []
    assert given.personalize.describe_dataset_group(datasetGroupArn=given.group())["datasetGroup"]["status"] == "ACTIVE"


def test_jobs_behind_one_that_hangs_wait_and_their_calls_return(given: Given, emulator: Emulator) -> None:
    """R-DIJ-11: imports of a dataset run in the order of their start."""
    dataset = given.dataset(given.group(), given.schema())
    location = given.upload(as_csv(two_camps()))
    fault = emulator.fail_job("import", hang=True)
    jobs = [given.import_job(dataset, location, name) for name in ("first", "second", "third")]

    def statuses() -> list[str]:
        describe = given.personalize.describe_dataset_import_job
        return [describe(datasetImportJobArn=each)["datasetImportJob"]["status"] for each in jobs]

    assert statuses() == ["CREATE IN_PROGRESS", "CREATE PENDING", "CREATE PENDING"]
    fault.remove()
    assert emulator.wait_idle(30)
    assert statuses() == ["ACTIVE", "ACTIVE", "ACTIVE"]


def test_a_failed_version_cannot_be_deployed(given: Given, emulator: Emulator) -> None:
    """R-GEN-20."""
    solution = _solution(given)
    emulator.fail_job("solution-version", "too few users")
    failed = given.version(solution)
    assert refusal(lambda: given.campaign(failed))[0] == "InvalidInputException"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "solution"}, "kind must be one of dataset-group"),
        ({"kind": "solution-versions"}, "did you mean solution-version"),
        ({"kind": "campaign", "times": 0}, "times must be a whole number"),
        ({"kind": "campaign", "times": "twice"}, "times must be a whole number"),
        ({"kind": "campaign", "hang": True, "reason": "slow"}, "give hang or a reason"),
        ({"kind": "campaign", "arn": 3}, "arn must be a text"),
    ],
)
def test_malformed_faults_are_refused(emulator: Emulator, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emulator.fail_job(**given)
    assert emulator.job_faults() == []


def test_kinds_are_found_by_other_spellings(emulator: Emulator) -> None:
    names = ("SolutionVersion", "solution version", "batch_inference", "import", "campaign-update")
    assert [emulator.fail_job(name).fault.kind for name in names] == [
        "solution-version", "solution-version", "batch-inference-job", "dataset-import-job", "campaign-update"
    ]  # fmt: skip


