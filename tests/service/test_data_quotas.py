"""Quotas of what is in a request or in the data, through boto3 (spec 04 section 1, Q-8 to Q-65)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from tests.given import (
    ITEMS_SCHEMA,
    POPULARITY,
    RANKING,
    USER_PERSONALIZATION,
    Given,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal

INVALID = "InvalidInputException"
USER, ITEM, TIME = field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long")
ACTION, TYPE = field("ACTION_ID"), field("EVENT_TYPE")
TEXT = field("NOTE", ["string", "null"], textual=True)
KINDS: list[tuple[str, str, list[dict[str, Any]], int]] = [
    ("Interactions", "Interactions", [USER, ITEM, TIME], 5),
    ("Users", "Users", [USER], 25),
    ("Items", "Items", [ITEM], 100),
    ("Actions", "Actions", [ACTION], 10),
    ("Action_Interactions", "ActionInteractions", [USER, ACTION, TYPE, TIME], 5),
]


def columns(number: int) -> list[dict[str, Any]]:
    return [field(f"F{place}", "int") for place in range(number)]


@pytest.mark.parametrize(("dataset_type", "record", "required", "limit"), KINDS)
def test_metadata_fields_of_a_dataset(
    given: Given, dataset_type: str, record: str, required: list[dict[str, Any]], limit: int
) -> None:
    """Q-24, Q-30, Q-32, Q-38, Q-39: refused by CreateDataset, E-31."""
    group = given.group()
    more = given.schema(avro(record, *required, *columns(limit + 1)), "more")
    assert refusal(given.dataset, group=group, schema=more, dataset_type=dataset_type)[0] == INVALID
    assert given.dataset(group, given.schema(avro(record, *required, *columns(limit))), dataset_type)


def test_one_textual_field(given: Given) -> None:
    """Q-33."""
    two = avro("Items", ITEM, TEXT, {**TEXT, "name": "OTHER"})
    assert refusal(given.schema, text=two)[0] == INVALID
    assert given.schema(avro("Items", ITEM, TEXT, *columns(1)))


def test_a_second_dataset_or_tracker_is_refused(given: Given) -> None:
    """Q-8, Q-15, E-4, E-26, E-34."""
    group = given.group()
    dataset = given.dataset(group)
    schema = arn("schema", "schema")
    text = f"Another resource with Arn {dataset} already exists."
    assert refusal(given.dataset, group=group, schema=schema) == ("ResourceAlreadyExistsException", text)
    create = given.personalize.create_event_tracker
    create(name="one", datasetGroupArn=group)
    assert refusal(create, name="two", datasetGroupArn=group)[0] == "ResourceAlreadyExistsException"
    assert refusal(given.group)[1] == f"Another resource with Arn {group} already exists."


def test_lengths_of_the_model_are_validation_errors(given: Given) -> None:
    """Q-64, Q-65, E-5, E-36, P-51."""
    assert refusal(given.schema, text="x" * 20_001)[0] == "ValidationException"
    assert refusal(given.personalize.list_schemas, maxResults=101)[0] == "ValidationException"
    code, text = refusal(given.dataset, schema="$.Schema", group=given.group())
    assert code == "ValidationException"
    assert text == (
        "1 validation error detected: Value '$.Schema' at 'schemaArn' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: arn:([a-z\\d-]+):personalize:.*:.*:.+"
    )


@pytest.mark.parametrize(("jobs", "parallel", "fits"), [("40", "10", True), ("41", "10", False), ("40", "11", False)])
def test_training_jobs_of_a_search(given: Given, jobs: str, parallel: str, fits: bool) -> None:
    """Q-63, R-SOL-19."""
    resources = {"maxNumberOfTrainingJobs": jobs, "maxParallelTrainingJobs": parallel}
    config = {"hpoConfig": {"hpoResourceConfig": resources}}
    request = {"recipe": USER_PERSONALIZATION, "performHPO": True, "solutionConfig": config}
    if fits:
        assert given.solution(**request)
    else:
        assert refusal(given.solution, **request)[0] == INVALID


def test_minimum_of_an_import(given: Given) -> None:
    """Q-21."""
    dataset = given.dataset()
    given.import_job(dataset, given.upload(as_csv(two_camps()[:1000])), "enough")
    given.import_job(dataset, given.upload(as_csv(two_camps()[:999])), "few")
    given.import_job(dataset, given.upload(as_csv(two_camps()[:999])), "more", importMode="INCREMENTAL")
    assert [status(given, name) for name in ("enough", "few", "more")] == ["ACTIVE", "CREATE FAILED", "CREATE FAILED"]


@pytest.mark.parametrize(
    ("users", "events", "single", "reason"),
    [
        (27, 37, 0, "Dataset has fewer than 1000 interactions"),
        (24, 50, 0, "Dataset has fewer than 25 users with at least 2 interactions each."),
        (25, 40, 2501, "Dataset has fewer than 25 users with at least 2 interactions each."),
        (25, 40, 2475, None),
    ],
)
def test_minimum_to_train(given: Given, users: int, events: int, single: int, reason: str | None) -> None:
    """Q-20, Q-28, Q-29, E-13: equal rows count once; the last two differ by the share of users with
    two interactions, one percent.
    """
    rows = two_camps(users=users, items=50, events=events)
    rows += rows[:1]
    rows += [(f"once{number}", "i000", 1_600_000_000) for number in range(single)]
    version = given.version(given.solution(given.imported_group(rows), USER_PERSONALIZATION))
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert shown.get("failureReason") == reason


LENGTHS = avro(
    "Items",
    ITEM,
    field("GENRE", ["string", "null"], categorical=True),
    field("NAME", ["string", "null"]),
    TEXT,
)


@pytest.mark.parametrize(
    ("row", "column", "limit"),
    [
        (("x" * 257, "a", "a", "a"), "ITEM_ID", 256),
        (("i", "x" * 1001, "a", "a"), "GENRE", 1000),
        (("i", "a", "x" * 1001, "a"), "NAME", 1000),
        (("x" * 256, "x" * 1000, "x" * 1000, "x" * 20_001), "", 0),
    ],
)
def test_lengths_of_values(given: Given, row: tuple[str, ...], column: str, limit: int) -> None:
    """Q-25, Q-31, Q-34, Q-35, E-10: texts are cut, everything else is refused."""
    dataset = given.dataset(schema=given.schema(LENGTHS), dataset_type="Items")
    text = "ITEM_ID,GENRE,NAME,NOTE\n" + ",".join(row) + "\n"
    given.import_job(dataset, given.upload(text))
    if limit:
        begin = (
            f"Length cannot be more than {limit} characters for {column}. If no values exceed the character limit, "
            "make sure your data follows the formatting guidelines listed in "
            "https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html."
        )
        assert job(given, "import")["failureReason"].startswith(begin)
    assert status(given, "import") == ("CREATE FAILED" if limit else "ACTIVE")


def test_a_file_without_a_column_says_which(given: Given) -> None:
    """E-9."""
    dataset = given.dataset(schema=given.schema(ITEMS_SCHEMA), dataset_type="Items")
    given.import_job(dataset, given.upload("NAME\na\n"))
    begin = "Input CSV is missing the following columns:[ITEM_ID, GENRE]."
    assert job(given, "import")["failureReason"].startswith(begin)


def test_records_of_one_request(given: Given, events: Any, emulator: Emulator) -> None:
    """Q-46, Q-47, Q-31."""
    group = given.imported_group()
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]

    def request(number: int = 1, **extra: Any) -> dict[str, Any]:
        event = {"eventType": "watch", "itemId": "i001", "sentAt": 1_700_000_000, **extra}
        return {"trackingId": tracker, "sessionId": "s", "userId": "u", "eventList": [event] * number}

    events.put_events(**request(10))
    assert refusal(events.put_events, **request(11))[0] == "ValidationException"
    assert refusal(events.put_events, **request(itemId="x" * 257))[0] == "ValidationException"
    assert refusal(events.put_events, **request(properties='{"a":"' + "x" * 1024 + '"}'))[0] == "ValidationException"


def test_results_of_one_request(given: Given, runtime: Any) -> None:
    """Q-50, Q-51."""
    campaign = given.deployed(RANKING)
    ranked = {"campaignArn": campaign, "userId": "u1"}
    runtime.get_personalized_ranking(**ranked, inputList=[f"i{number}" for number in range(500)])
    code, _ = refusal(runtime.get_personalized_ranking, **ranked, inputList=[f"i{number}" for number in range(501)])
    assert code == INVALID
    popular = given.deployed(POPULARITY, name="popular")
    runtime.get_recommendations(campaignArn=popular, numResults=500)
    assert refusal(runtime.get_recommendations, campaignArn=popular, numResults=501)[0] == INVALID


def test_each_error_has_its_class(given: Given) -> None:
    """E-31 to E-34, E-36, E-27."""
    group = given.group()
    describe = given.personalize.describe_dataset_group
    assert refusal(describe, datasetGroupArn=arn("dataset-group", "none"))[0] == "ResourceNotFoundException"
    assert refusal(describe, datasetGroupArn=arn("schema", "none"))[0] == INVALID
    assert refusal(given.group, name="group")[0] == "ResourceAlreadyExistsException"
    given.dataset(group)
    assert refusal(given.personalize.delete_dataset_group, datasetGroupArn=group)[0] == "ResourceInUseException"
    assert refusal(given.personalize.list_schemas, nextToken="mine") == (
        "InvalidNextTokenException",
        "The token is not valid.",
    )


def test_a_group_cannot_be_deleted_twice(slow: Given, slow_emulator: Emulator) -> None:
    """E-23, E-33, R-DSG-14, P-79."""
    group = slow.group()
    slow_emulator.advance(60)
    slow.personalize.delete_dataset_group(datasetGroupArn=group)
    assert refusal(slow.personalize.delete_dataset_group, datasetGroupArn=group)[0] == "ResourceInUseException"


def job(given: Given, name: str) -> dict[str, Any]:
    answer = given.personalize.describe_dataset_import_job(datasetImportJobArn=arn("dataset-import-job", name))
    shown: dict[str, Any] = answer["datasetImportJob"]
    return shown


def status(given: Given, name: str) -> str:
    shown: str = job(given, name)["status"]
    return shown
