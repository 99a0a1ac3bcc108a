"""Filters as resources, through boto3 (spec 02 R-FLT, spec 08 section 1)."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import BatchSegmentJob
from tests.filters.worked_data import SCHEMA_TEXTS
from tests.filters.worked_examples import EXAMPLES, REFUSED
from tests.given import REGION, Given, arn, avro, field
from tests.refusals import refusal

SHOES = 'INCLUDE ItemID WHERE Items.CATEGORY IN ("shoe")'


@pytest.fixture
def group(given: Given) -> str:
    """A group with all five datasets of the worked examples."""
    made = given.group()
    for kind, text in SCHEMA_TEXTS.items():
        given.dataset(made, given.schema(text, name=kind), kind, name=kind)
    return made


@pytest.fixture
def without_retries(given: Given) -> Any:
    """A client that does not repeat what LimitExceededException refuses (P-42)."""
    return boto3.client("personalize", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))


def create(given: Given, group: str, expression: str = SHOES, name: str = "f", **extra: Any) -> str:
    answer = given.personalize.create_filter(
        name=name, datasetGroupArn=group, filterExpression=expression, **extra
    )
    return answer["filterArn"]


def test_a_filter_has_the_documented_members(given: Given, group: str) -> None:
    """F-1, R-FLT-1, R-FLT-2."""
    made = create(given, group, name="Film-Noir")
    assert made == arn("filter", "Film-Noir")
    shown = given.personalize.describe_filter(filterArn=made)["filter"]
    assert set(shown) == {
        "name",
        "filterArn",
        "creationDateTime",
        "lastUpdatedDateTime",
        "datasetGroupArn",
        "filterExpression",
        "status",
    }
    assert (shown["status"], shown["filterExpression"]) == ("ACTIVE", SHOES)
    (summary,) = given.personalize.list_filters()["Filters"]
    assert set(summary) == set(shown) - {"filterExpression"}


def test_filters_are_listed_by_group(given: Given, group: str) -> None:
    """R-FLT-2, P-74."""
    made = create(given, group)
    other = given.group("other")
    assert [f["filterArn"] for f in given.personalize.list_filters(datasetGroupArn=group)["Filters"]] == [made]
    assert given.personalize.list_filters(datasetGroupArn=other)["Filters"] == []


def test_names_are_unique_across_groups(given: Given, group: str) -> None:
    """F-3."""
    made = create(given, group)
    other = given.group("other")
    given.dataset(other, arn("schema", "ITEMS"), "Items")
    assert refusal(create, given=given, group=other) == (
        "ResourceAlreadyExistsException",
        f"Another resource with Arn {made} already exists.",
    )


@pytest.mark.parametrize(("fact", "expression"), REFUSED, ids=[fact for fact, _ in REFUSED])
def test_refused_expressions_are_not_stored(given: Given, group: str, fact: str, expression: str) -> None:
    """F-2, F-165 to F-188, R-FLT-5."""
    code, text = refusal(create, given=given, group=group, expression=expression)
    assert code == "InvalidInputException"
    assert text.startswith("Invalid ")
    assert given.personalize.list_filters()["Filters"] == []


def test_all_worked_expressions_are_accepted(given: Given, group: str) -> None:
    """F-101 to F-164."""
    for expression in {example.expression for example in EXAMPLES}:
        given.personalize.delete_filter(filterArn=create(given, group, expression))


def test_a_filter_needs_the_datasets_it_names(given: Given) -> None:
    """F-90."""
    code, text = refusal(create, given=given, group=given.group())
    assert (code, text) == ("InvalidInputException", "Invalid Expression: unknown column Items.CATEGORY")


def test_expressions_have_a_maximal_length(given: Given, group: str) -> None:
    """F-93: 1 to 2500 characters."""
    longest = SHOES + ' OR Items.CATEGORY IN ("shoe")' * 81
    longest += " " * (2500 - len(longest))
    create(given, group, longest)
    assert refusal(create, given=given, group=group, expression=longest + " ", name="g")[0] == "ValidationException"


def test_a_filter_passes_the_documented_states(slow: Given, clock: ManualClock) -> None:
    """F-1, R-FLT-3, R-GEN-14, R-GEN-20; P-43: it declares no ResourceInUseException for a group that is not ready."""
    group = slow.group()
    assert refusal(create, given=slow, group=group)[0] == "InvalidInputException"
    clock.advance(60)
    slow.dataset(group, slow.schema(SCHEMA_TEXTS["ITEMS"]), "Items")
    clock.advance(60)
    made = create(slow, group)
    describe, delete = slow.personalize.describe_filter, slow.personalize.delete_filter
    for status in ("CREATE PENDING", "CREATE IN_PROGRESS"):
        assert describe(filterArn=made)["filter"]["status"] == status
        assert refusal(delete, filterArn=made)[0] == "ResourceInUseException"
        clock.advance(6)
    clock.advance(60)
    delete(filterArn=made)
    for status in ("DELETE PENDING", "DELETE IN_PROGRESS"):
        assert describe(filterArn=made)["filter"]["status"] == status
        clock.advance(11)
    clock.advance(60)
    assert refusal(describe, filterArn=made)[0] == "ResourceNotFoundException"
    assert refusal(delete, filterArn=made)[0] == "ResourceNotFoundException"


def test_datasets_and_groups_with_filters_cannot_be_deleted(given: Given, group: str) -> None:
    """R-DSG-13, R-DS-18, R-GEN-16."""
    made = create(given, group)
    datasets = [dataset["datasetArn"] for dataset in given.personalize.list_datasets()["datasets"]]
    for dataset in datasets:
        assert refusal(given.personalize.delete_dataset, datasetArn=dataset) == (
            "ResourceInUseException",
            f"Resource {dataset} is in use: filter {made}.",
        )
    assert refusal(given.personalize.delete_dataset_group, datasetGroupArn=group)[0] == "ResourceInUseException"
    given.personalize.delete_filter(filterArn=made)
    for dataset in datasets:
        given.personalize.delete_dataset(datasetArn=dataset)
    given.personalize.delete_dataset_group(datasetGroupArn=group)


def test_a_filter_in_use_by_a_batch_job_cannot_be_deleted(given: Given, group: str, emulator: Emulator) -> None:
    """F-6, R-FLT-6."""
    made = create(given, group)
    job = BatchSegmentJob(
        job_name="j",
        batch_segment_job_arn=arn("batch-segment-job", "j"),
        solution_version_arn=arn("solution", "s/1"),
        job_input={},
        job_output={},
        role_arn="r",
        num_results=1,
        filter_arn=made,
        status="CREATE IN_PROGRESS",
        creation_date_time=0.0,
        last_updated_date_time=0.0,
    )
    emulator.state.store.insert(job)
    assert refusal(given.personalize.delete_filter, filterArn=made) == (
        "ResourceInUseException",
        f"Resource {made} is in use: batch-segment-job {job.arn}.",
    )
    emulator.state.store.change(job, status="ACTIVE")
    given.personalize.delete_filter(filterArn=made)


def test_filters_have_tags(given: Given, group: str) -> None:
    """R-FLT-7, R-TAG-1."""
    made = create(given, group, tags=[{"tagKey": "team", "tagValue": "films"}])
    given.personalize.tag_resource(resourceArn=made, tags=[{"tagKey": "stage", "tagValue": "test"}])
    tags = given.personalize.list_tags_for_resource(resourceArn=made)["tags"]
    assert {tag["tagKey"]: tag["tagValue"] for tag in tags} == {"team": "films", "stage": "test"}


def wide_group(given: Given) -> str:
    """A group whose items have 30 numbers."""
    columns = [field(f"N{number}", "int") for number in range(30)]
    group = given.group("wide")
    given.dataset(group, given.schema(avro("Items", field("ITEM_ID"), *columns), name="wide"), "Items", name="wide")
    return group


def all_of(numbers: range) -> str:
    return "INCLUDE ItemID WHERE " + " AND ".join(f"Items.N{number} > 1" for number in numbers)


def test_a_filter_has_at_most_ten_fields(without_retries: Any, given: Given) -> None:
    """F-4, F-5, F-92, F-201 to F-203, Q-14, R-FLT-4."""
    group = wide_group(given)
    once = Given(without_retries, given.s3)
    create(once, group, all_of(range(10)))
    repeated = "INCLUDE ItemID WHERE " + " OR ".join(f"Items.N1 = {number}" for number in range(12))
    create(once, group, repeated, name="g")
    code, _ = refusal(create, given=once, group=group, expression=all_of(range(11)), name="h")
    assert code == "LimitExceededException"


def test_filters_of_a_group_have_at_most_twenty_fields(without_retries: Any, given: Given) -> None:
    """F-4, F-92a, Q-13, R-FLT-4."""
    group = wide_group(given)
    once = Given(without_retries, given.s3)
    create(once, group, all_of(range(10)), name="f1")
    create(once, group, all_of(range(10, 20)), name="f2")
    create(once, group, all_of(range(5, 15)), name="f3")
    assert refusal(create, given=once, group=group, expression=all_of(range(20, 21)), name="f4")[0] == (
        "LimitExceededException"
    )
    given.personalize.delete_filter(filterArn=arn("filter", "f1"))
    create(once, group, all_of(range(20, 21)), name="f4")


def test_a_group_has_thirty_filters_at_most(without_retries: Any, given: Given, group: str) -> None:
    """F-4, F-92a, Q-12, R-FLT-4, E-2."""
    once = Given(without_retries, given.s3)
    for number in range(30):
        create(once, group, name=f"f{number}")
    assert refusal(create, given=once, group=group, name="one-more") == (
        "LimitExceededException",
        "More than 30 resources in ACTIVE state. Please delete some and try again.",
    )
    given.personalize.delete_filter(filterArn=arn("filter", "f0"))
    create(once, group, name="one-more")
