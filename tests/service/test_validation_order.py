"""P-56 where a request is wrong in two ways: which of them it is refused for, through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.batch_requests import inference_request
from tests.given import BUCKET, POPULARITY, RANKING, REGION, USERS_SCHEMA, Given, arn
from tests.refusals import refusal

INVALID, NOT_FOUND, IN_USE = "InvalidInputException", "ResourceNotFoundException", "ResourceInUseException"
EXISTS = "ResourceAlreadyExistsException"
SOLUTION = arn("solution", "solution")
AWS_TAG = [{"tagKey": "aws:x", "tagValue": ""}]


@pytest.fixture(scope="module")
def given() -> Iterator[Given]:
    """A trained version and its campaign."""
    clock = ManualClock()
    with mock_personalize(clock=clock):
        made = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        made.campaign(made.version(made.solution(made.imported_group(), RANKING)))
        made.schema(USERS_SCHEMA, "users")
        yield made


def request(given: Given, operation: str) -> dict[str, Any]:
    """One that fits."""
    (version,) = given.personalize.list_solution_versions()["solutionVersions"]
    group, campaign = arn("dataset-group", "group"), arn("campaign", "campaign")
    job = inference_request(version["solutionVersionArn"], f"s3://{BUCKET}/in", filterArn=arn("filter", "f"))
    requests: dict[str, dict[str, Any]] = {
        "create_dataset": {
            "name": "d", "datasetGroupArn": group, "schemaArn": arn("schema", "users"), "datasetType": "Users",
        },
        "update_dataset": {"datasetArn": arn("dataset", "group/INTERACTIONS"), "schemaArn": arn("schema", "users")},
        "create_solution": {"name": "s", "datasetGroupArn": group, "recipeArn": POPULARITY},
        "create_recommender": {"name": "r", "datasetGroupArn": group, "recipeArn": POPULARITY},
        "update_campaign": {"campaignArn": campaign, "solutionVersionArn": version["solutionVersionArn"]},
        "create_batch_inference_job": job,
        "create_batch_segment_job": job,
    }  # fmt: skip
    return requests[operation]


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("create_dataset", ("schemaArn", "datasetGroupArn")),
        ("update_dataset", ("datasetArn", "schemaArn")),
        ("create_solution", ("datasetGroupArn", "recipeArn")),
        ("create_recommender", ("datasetGroupArn", "recipeArn")),
        ("update_campaign", ("campaignArn", "solutionVersionArn")),
        ("create_batch_inference_job", ("solutionVersionArn", "filterArn")),
        ("create_batch_segment_job", ("solutionVersionArn", "filterArn")),
    ],
)
def test_arn_types_are_checked_before_existence(given: Given, operation: str, members: tuple[str, str]) -> None:
    """P-56, R-GEN-7: whichever of two resources is the wrong one."""
    call, fits = getattr(given.personalize, operation), request(given, operation)
    for wrong, missing in (members, members[::-1]):
        kind, name = fits[missing].split(":", 5)[5].split("/", 1)
        absent = {missing: f"{fits[missing][: -len(name)]}none{'/00000000' if kind == 'solution' else ''}"}
        assert refusal(call, **{**fits, **absent, wrong: arn("event-tracker", "0")})[0] == INVALID
        assert refusal(call, **{**fits, **absent})[0] == NOT_FOUND


@pytest.mark.parametrize("operation", ["create_batch_inference_job", "create_batch_segment_job"])
def test_existence_is_checked_before_batch_job_values(given: Given, operation: str) -> None:
    """P-56: paths, numbers and tags are read once version and filter are there."""
    call, fits = getattr(given.personalize, operation), request(given, operation)
    senseless = {
        **fits,
        "jobInput": {"s3DataSource": {"path": "http://example.com"}},
        "numResults": 0,
        "tags": AWS_TAG,
    }
    assert refusal(call, **senseless)[0] == NOT_FOUND
    del senseless["filterArn"]
    assert refusal(call, **senseless)[0] == INVALID


def test_existence_is_checked_before_tags(given: Given) -> None:
    """P-56: what a tag may be called is a question of sense."""
    none = arn("dataset-group", "none")
    assert refusal(given.solution, group=none, tags=AWS_TAG)[0] == NOT_FOUND
    assert refusal(given.version, solution=arn("solution", "none"), tags=AWS_TAG)[0] == NOT_FOUND
    assert refusal(given.version, solution=SOLUTION, tags=AWS_TAG)[0] == INVALID
    assert refusal(given.group, tags=AWS_TAG)[0] == INVALID, "although the name is taken"


def test_existence_is_checked_before_campaign_values(given: Given) -> None:
    """P-56, R-CMP-8."""
    synced = {"campaignConfig": {"syncWithLatestSolutionVersion": True}, "name": "c"}
    assert refusal(given.campaign, version=f"{SOLUTION}/00000000", **synced)[0] == NOT_FOUND
    (version,) = given.personalize.list_solution_versions()["solutionVersions"]
    assert refusal(given.campaign, version=version["solutionVersionArn"], **synced)[0] == INVALID


def test_states_are_checked_before_values(slow: Given) -> None:
    """P-56, R-GEN-20."""
    group = slow.group()
    schema = slow.schema(USERS_SCHEMA)
    assert refusal(slow.dataset, group=group, schema=schema, dataset_type="nothing")[0] == IN_USE
    assert refusal(slow.solution, group=group, eventType="watch")[0] == IN_USE


def test_a_filter_of_a_taken_name_never_reports_a_quota(clock: ManualClock) -> None:
    """P-56."""
    with mock_personalize(clock=clock, quotas="filters=1"):
        made = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        group = made.group()
        made.dataset(group, made.schema(USERS_SCHEMA), "Users")
        text = 'EXCLUDE UserID WHERE Users.AGE > 3'
        wanted = {"name": "f", "datasetGroupArn": group, "filterExpression": text}
        made.personalize.create_filter(**wanted)
        assert refusal(made.personalize.create_filter, **wanted)[0] == EXISTS
