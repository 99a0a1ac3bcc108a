"""Quotas of resources through boto3 (spec 04 section 1, E-1 to E-3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.core.quotas import QUOTAS
from personalize_emu.settings import (
    DATA_LIMITS,
    QUOTA_LIMITS,
    RATE_LIMITS,
    Settings,
    quota_limits,
    settings_from_environment,
)
from personalize_emu.state.clock import ManualClock
from tests.given import POPULARITY, REGION, Given, arn, as_csv, two_camps
from tests.refusals import refusal

EXCEEDED = "LimitExceededException"


def too_many(limit: int) -> tuple[str, str]:
    return EXCEEDED, f"More than {limit} resources in ACTIVE state. Please delete some and try again."


def too_many_at_work(limit: int) -> tuple[str, str]:
    return EXCEEDED, f"More than {limit} resources with PENDING or IN_PROGRESS status."


def client(service: str = "personalize", region: str = REGION) -> Any:
    """Asks once: others repeat a request that LimitExceededException refuses (P-42)."""
    return boto3.client(service, region_name=region, config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def given(emulator: Emulator) -> Given:
    return Given(client(), client("s3"))


@pytest.fixture
def slow(slow_emulator: Emulator) -> Given:
    return Given(client(), client("s3"))


@pytest.fixture
def narrow(clock: ManualClock) -> Iterator[Given]:
    """Quotas of two, where the service's numbers would need long tests."""
    option = "schemas=2,solutions=2,campaigns=2,dataset-import-jobs=2,solution-versions=2"
    with mock_personalize(clock=clock, quotas=option):
        yield Given(client(), client("s3"))


@pytest.fixture
def narrow_slow(clock: ManualClock) -> Iterator[tuple[Given, Emulator]]:
    with mock_personalize(clock=clock, pace="real", quotas="dataset-import-jobs=2,solution-versions=2") as emulator:
        yield Given(client(), client("s3")), emulator


def test_the_limits_match_the_spec() -> None:
    """Q-1, Q-2, Q-3, Q-6, Q-9, Q-10, R-SCH-11, R-DSG-15, R-DIJ-7, R-SV-14, R-SOL-18, R-CMP-17."""
    newest = {
        "schemas": 500,
        "dataset-groups": 5,
        "dataset-import-jobs": 5,
        "solution-versions": 20,
        "solutions": 10,
        "campaigns": 5,
    }
    assert {name: quota_limits("default")[name] for name in newest} == newest


def test_every_limit_has_a_quota() -> None:
    assert sorted(quota.name for quota in QUOTAS) == sorted(QUOTA_LIMITS)
    assert set(quota_limits("default")) == set(QUOTA_LIMITS) | set(DATA_LIMITS) | set(RATE_LIMITS)


def test_a_sixth_dataset_group_is_refused(given: Given) -> None:
    """Q-2, E-2, R-DSG-15, E-35."""
    for number in range(5):
        given.group(f"group-{number}")
    assert refusal(given.group, name="group-5") == too_many(5)
    assert len(given.personalize.list_dataset_groups()["datasetGroups"]) == 5


def test_a_repeated_name_never_reports_a_quota(given: Given) -> None:
    """P-56, E-34."""
    for number in range(5):
        given.group(f"group-{number}")
    assert refusal(given.group, name="group-2")[0] == "ResourceAlreadyExistsException"


def test_quotas_are_per_region(given: Given) -> None:
    """Q-2, P-20."""
    for number in range(5):
        given.group(f"group-{number}")
    elsewhere = Given(client(region="eu-west-1"), given.s3)
    assert elsewhere.group("group-5")


def test_resources_in_creation_or_deletion_count(slow: Given, slow_emulator: Emulator) -> None:
    """Q-66: every resource not yet gone."""
    groups = [slow.group(f"group-{number}") for number in range(5)]
    assert refusal(slow.group, name="more") == too_many(5)
    slow_emulator.advance(60)
    slow.personalize.delete_dataset_group(datasetGroupArn=groups[0])
    assert refusal(slow.group, name="more") == too_many(5)
    slow_emulator.advance(60)
    assert slow.group("more")


def test_schemas_count_per_region(narrow: Given) -> None:
    """Q-1, E-2, R-SCH-11."""
    narrow.schema(name="one")
    narrow.schema(name="two")
    assert refusal(narrow.schema, name="three") == too_many(2)
    narrow.personalize.delete_schema(schemaArn=arn("schema", "one"))
    assert narrow.schema(name="three")


def test_import_jobs_count_while_running(narrow_slow: tuple[Given, Emulator]) -> None:
    """Q-3, E-1, R-DIJ-7."""
    given, emulator = narrow_slow
    group = given.group()
    emulator.advance(60)
    dataset = given.dataset(group)
    emulator.advance(60)
    location = given.upload(as_csv(two_camps()))
    given.import_job(dataset, location, "one")
    given.import_job(dataset, location, "two")
    assert refusal(given.import_job, dataset=dataset, location=location, name="three") == too_many_at_work(2)
    emulator.advance(100)
    assert refusal(given.import_job, dataset=dataset, location=location, name="three") == too_many_at_work(2)
    emulator.advance(1000)
    assert given.import_job(dataset, location, "three")


def test_solution_versions_count_while_training(narrow_slow: tuple[Given, Emulator]) -> None:
    """Q-6, R-SV-14, R-SV-18."""
    given, emulator = narrow_slow
    group = given.group()
    emulator.advance(60)
    dataset = given.dataset(group)
    emulator.advance(60)
    given.import_job(dataset, given.upload(as_csv(two_camps())))
    emulator.advance(1000)
    solution = given.solution(group, POPULARITY, performAutoTraining=False)
    other = given.solution(group, POPULARITY, name="other", performAutoTraining=False)
    given.version(solution)
    given.version(other)
    assert refusal(given.version, solution=solution) == too_many_at_work(2)
    emulator.advance(5000)
    assert given.version(solution)


def test_solutions_and_campaigns_count_per_dataset_group(narrow: Given) -> None:
    """Q-9, Q-10, E-2, E-3, R-SOL-18, R-CMP-17."""
    group = narrow.imported_group(name="full")
    solutions = [narrow.solution(group, POPULARITY, name=name) for name in ("a", "b")]
    assert refusal(narrow.solution, group=group, recipe=POPULARITY, name="c") == too_many(2)
    versions = [narrow.version(solution) for solution in solutions]
    for version, name in zip(versions, ("a", "b"), strict=True):
        narrow.campaign(version, name=name)
    assert refusal(narrow.campaign, version=versions[0], name="c") == too_many(2)
    elsewhere = narrow.imported_group(name="empty")
    assert narrow.campaign(narrow.version(narrow.solution(elsewhere, POPULARITY, name="c")), name="c")


def test_failed_resources_do_not_count(emulator: Emulator, given: Given) -> None:
    """Q-66: CREATE FAILED is left out. No group fails by itself, so one is made to."""
    for number in range(5):
        given.group(f"group-{number}")
    (record, *_) = emulator.state.store.records()
    emulator.state.store.change(record, status="CREATE FAILED")
    assert given.group("more")


def test_clients_retry_a_request_over_quota(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """P-42: three times in all; the server adds no prefix of its own (E-28, E-29)."""
    pauses: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", pauses.append)
    personalize = boto3.client("personalize", region_name=REGION, config=Config(retries={"mode": "standard"}))
    for number in range(5):
        personalize.create_dataset_group(name=f"group-{number}")
    with pytest.raises(ClientError) as caught:
        personalize.create_dataset_group(name="more")
    assert len(pauses) == 2
    assert str(caught.value) == (
        "An error occurred (LimitExceededException) when calling the CreateDatasetGroup operation "
        f"(reached max retries: 2): {too_many(5)[1]}"
    )


def test_quotas_can_be_switched_off(clock: ManualClock) -> None:
    with mock_personalize(clock=clock, quotas="off"):
        given = Given(client(), client("s3"))
        for number in range(7):
            given.group(f"group-{number}")


def test_each_quota_is_an_environment_option() -> None:
    settings = settings_from_environment({"PERSONALIZE_EMU_QUOTAS": "campaigns=10, schemas=20"})
    limits = quota_limits(settings.quotas)
    assert (limits["campaigns"], limits["schemas"], limits["dataset-groups"]) == (10, 20, 5)


@pytest.mark.parametrize("option", ["", "on", "campaigns", "campaigns=", "campaigns=-1", "campaigns=²", "none=1"])
def test_other_forms_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match="quota"):
        Settings(quotas=option)
