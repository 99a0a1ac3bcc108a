"""Batch inference jobs as resources, through boto3 (spec 02 R-BIJ; spec 11 section 1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest

from personalize_emu.batch import inference_jobs, transfer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import Filter, SolutionVersion
from tests.batch_requests import OUTPUT, begin, failure, inference_request, shown
from tests.given import (
    BUCKET,
    POPULARITY,
    REGION,
    ROLE,
    USER_PERSONALIZATION,
    Given,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal

SIMILAR = "arn:aws:personalize:::recipe/aws-similar-items"
THEMES = {"batchInferenceJobMode": "THEME_GENERATION"}
WITH_TYPES = avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"))
NAMED = {"themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "GENRE"}}}


@pytest.fixture
def version(given: Given) -> str:
    return given.version()


@pytest.fixture
def path(given: Given) -> str:
    return given.upload('{"userId": "u1"}\n', "users.json")


def refused(given: Given, version: str, path: str, **extra: Any) -> tuple[str, str]:
    create = given.personalize.create_batch_inference_job
    return refusal(create, **inference_request(version, path, **extra))


def group_with_genres(given: Given) -> str:
    group = given.imported_group()
    films = avro("Items", field("ITEM_ID"), field("GENRE", categorical=True), field("LENGTH", "int"))
    given.dataset(group, given.schema(films, "items"), "Items")
    return group


def test_a_job_has_the_documented_members(given: Given, version: str, path: str) -> None:
    """R-BIJ-1, R-BIJ-2, R-BIJ-4, R-BIJ-5, R-BIJ-7, B-1, B-6, B-9, B-11: defaults are filled in."""
    job = begin(given, version, path, tags=[{"tagKey": "a", "tagValue": "b"}])
    assert job == arn("batch-inference-job", "job")
    found = shown(given, job)
    assert found["creationDateTime"] == found["lastUpdatedDateTime"]
    assert {name: value for name, value in found.items() if not name.endswith("DateTime")} == {
        "jobName": "job",
        "batchInferenceJobArn": job,
        "solutionVersionArn": version,
        "numResults": 25,
        "jobInput": {"s3DataSource": {"path": path}},
        "jobOutput": {"s3DataDestination": {"path": OUTPUT}},
        "roleArn": ROLE,
        "batchInferenceJobMode": "BATCH_INFERENCE",
        "status": "ACTIVE",
    }
    assert given.personalize.list_tags_for_resource(resourceArn=job)["tags"] == [{"tagKey": "a", "tagValue": "b"}]
    assert refused(given, version, path)[0] == "ResourceAlreadyExistsException"


def test_describe_returns_given_configuration(given: Given, version: str, path: str) -> None:
    """R-BIJ-2, B-3, B-4, B-8, S-17, S-25."""
    key = arn("key", "1").replace(":personalize:", ":kms:")
    extra = {
        "numResults": 7,
        "batchInferenceJobConfig": {
            "itemExplorationConfig": {"explorationWeight": "0", "explorationItemAgeCutOff": "7"}
        },
        "jobInput": {"s3DataSource": {"path": path, "kmsKeyArn": key}},
        "jobOutput": {"s3DataDestination": {"path": OUTPUT, "kmsKeyArn": key}},
    }
    found = shown(given, begin(given, version, path, **extra))
    assert {name: found[name] for name in extra} == extra
    written = given.s3.head_object(Bucket=BUCKET, Key="out/users.json.out")
    assert (written["ServerSideEncryption"], written["SSEKMSKeyId"]) == ("aws:kms", key)


def test_jobs_are_listed_newest_first_and_by_version(given: Given, version: str, path: str) -> None:
    """R-BIJ-2, P-73, P-74, P-44."""
    other = given.version(arn("solution", "solution"))
    jobs = [begin(given, made, path, name) for made, name in ((version, "a"), (version, "b"), (other, "c"))]
    listed = given.personalize.list_batch_inference_jobs
    assert [job["batchInferenceJobArn"] for job in listed()["batchInferenceJobs"]] == jobs[::-1]
    found = listed(solutionVersionArn=version)["batchInferenceJobs"]
    assert [job["batchInferenceJobArn"] for job in found] == jobs[1::-1]
    assert set(found[0]) == {
        "batchInferenceJobArn",
        "jobName",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
        "solutionVersionArn",
        "batchInferenceJobMode",
    }
    assert refusal(listed, solutionVersionArn=arn("campaign", "x"))[0] == "InvalidInputException"
    assert listed(solutionVersionArn=arn("solution", "solution/00000000"))["batchInferenceJobs"] == []


def test_the_states_of_a_job(slow: Given, slow_emulator: Emulator, clock: ManualClock) -> None:
    """B-14, B-15, B-17, R-BIJ-3, R-BIJ-5, R-GEN-10, Q-4, E-1."""
    rows = slow.upload('{"userId": "u1"}\n', "users.json")
    group = slow.group()
    clock.advance(60)
    dataset = slow.dataset(group)
    clock.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    clock.advance(1000)
    solution = slow.solution(group, POPULARITY, performAutoTraining=False)
    clock.advance(60)
    version = slow.version(solution)
    assert refused(slow, version, rows)[0] == "ResourceInUseException"
    clock.advance(5000)
    jobs = [begin(slow, version, rows, f"job{number}") for number in range(5)]
    assert refused(slow, version, rows, name="job5") == (
        "LimitExceededException",
        "More than 5 resources with PENDING or IN_PROGRESS status.",
    )
    for status in ("CREATE PENDING", "CREATE IN_PROGRESS"):
        assert shown(slow, jobs[0])["status"] == status
        clock.advance(60)
    clock.advance(1200)
    assert {shown(slow, job)["status"] for job in jobs} == {"ACTIVE"}
    assert shown(slow, jobs[0])["lastUpdatedDateTime"] > shown(slow, jobs[0])["creationDateTime"]
    begin(slow, version, rows, "job5")


@pytest.mark.parametrize(
    ("source", "output", "which"),
    [
        ("http://b/x.json", OUTPUT, "input"),
        ("s3:///x", OUTPUT, "input"),
        ("s3://b/x", "https://b/out/", "output"),
        (f"{OUTPUT}", OUTPUT, "output"),
        (f"{OUTPUT}", OUTPUT.rstrip("/"), "output"),
        ("s3://b/x.json", "s3://b/x.json", "output"),
    ],
)
def test_locations_of_a_wrong_form_are_refused(
    given: Given, version: str, source: str, output: str, which: str
) -> None:
    """B-3, B-4, B-12, E-16."""
    found = refused(given, version, source, jobOutput={"s3DataDestination": {"path": output}})
    assert found == ("InvalidInputException", f"Invalid S3 {which} path")


def test_the_number_of_results_is_not_negative(given: Given, version: str, path: str) -> None:
    """B-6: no maximum is documented."""
    expected = ("InvalidInputException", "numResults must not be negative")
    assert refused(given, version, path, numResults=-1) == expected


@pytest.mark.parametrize(
    "recipe", ["aws-trending-now", "aws-next-best-action", "aws-item-affinity", "aws-item-attribute-affinity"]
)
def test_recipes_without_batch_inference_are_refused(
    given: Given, emulator: Emulator, version: str, path: str, recipe: str
) -> None:
    """B-2, R-20."""
    store = emulator.state.store
    record = store.get(SolutionVersion, version)
    assert record is not None
    store.change(record, recipe_arn=f"arn:aws:personalize:::recipe/{recipe}")
    expected = ("InvalidInputException", f"Recipe {recipe} does not support batch inference jobs.")
    assert refused(given, version, path) == expected


def test_solution_version_must_exist(given: Given, path: str) -> None:
    """B-2, B-12, R-GEN-6, R-GEN-7: a recommender is no solution version."""
    assert refused(given, arn("solution", "none/00000000"), path)[0] == "ResourceNotFoundException"
    assert refused(given, arn("recommender", "r"), path)[0] == "InvalidInputException"


def test_filters_must_be_of_the_group_and_for_items(given: Given, emulator: Emulator, version: str, path: str) -> None:
    """B-7, F-81, R-GEN-20."""
    text = 'INCLUDE {} WHERE Interactions.EVENT_TYPE IN ("*")'
    schema = given.schema(WITH_TYPES, "typed")
    groups = [given.group(name) for name in ("other", "mine")]
    for group in groups:
        given.dataset(group, schema)
    create = given.personalize.create_filter
    elsewhere = create(name="a", datasetGroupArn=groups[0], filterExpression=text.format("ItemID"))["filterArn"]
    assert refused(given, version, path, filterArn=elsewhere) == (
        "InvalidInputException",
        f"Filter {elsewhere} belongs to another dataset group",
    )
    store = emulator.state.store
    record = store.get(SolutionVersion, version)
    assert record is not None
    store.change(record, dataset_group_arn=groups[1])
    users = create(name="b", datasetGroupArn=groups[1], filterExpression=text.format("UserID"))["filterArn"]
    assert refused(given, version, path, filterArn=users) == (
        "InvalidInputException",
        f"Filter {users} is for UserID, not for ItemID",
    )
    assert refused(given, version, path, filterArn=arn("filter", "none"))[0] == "ResourceNotFoundException"
    for status, code in (("CREATE PENDING", "ResourceInUseException"), ("CREATE FAILED", "InvalidInputException")):
        found = store.get(Filter, users)
        assert found is not None
        store.change(found, status=status)
        assert refused(given, version, path, filterArn=users)[0] == code


@pytest.mark.parametrize(
    "config",
    [
        {"itemExplorationConfig": {"explorationWeight": "2"}},
        {"itemExplorationConfig": {"unknown": "1"}},
    ],
)
def test_unsupported_configurations_are_refused(
    given: Given, version: str, path: str, config: dict[str, Any]
) -> None:
    """B-8."""
    assert refused(given, version, path, batchInferenceJobConfig=config)[0] == "InvalidInputException"


def test_options_unsupported_by_recipe_have_no_effect(given: Given, path: str) -> None:
    """B-6, B-8, B-60: exploration, ranking influence and themes are returned; 0 results mean the default."""
    extra: dict[str, Any] = {
        "batchInferenceJobConfig": {
            "itemExplorationConfig": {"explorationWeight": "1"},
            "rankingInfluence": {"POPULARITY": 1.0, "FRESHNESS": 1.0},
        },
        **NAMED,
    }
    version = given.version(given.solution(group_with_genres(given), SIMILAR))
    location = given.upload('{"itemId": "i000"}', "items.json")
    configured = shown(given, begin(given, version, location, "told", numResults=0, **extra))
    output = {"jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/plain/"}}}
    plain = shown(given, begin(given, version, location, "plain", **output))
    assert (configured["status"], plain["status"], configured["numResults"]) == ("ACTIVE", "ACTIVE", 25)
    assert {name: configured[name] for name in extra} == extra
    assert given.downloaded("out/")["out/items.json.out"] == given.downloaded("plain/")["plain/items.json.out"]


@pytest.mark.parametrize(
    ("recipe", "extra", "reason"),
    [
        (USER_PERSONALIZATION, THEMES | NAMED, "does not support batchInferenceJobMode"),
        (SIMILAR, THEMES, "requires themeGenerationConfig"),
        (
            SIMILAR,
            THEMES | {"themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "NO"}}},
            "no column of ITEMS: NO",
        ),
        (
            SIMILAR,
            THEMES | {"themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "LENGTH"}}},
            "a column that is no string: LENGTH",
        ),
    ],
)
def test_invalid_theme_configurations_are_refused(
    given: Given, path: str, recipe: str, extra: dict[str, Any], reason: str
) -> None:
    """B-9, B-10, B-60."""
    version = given.version(given.solution(group_with_genres(given), recipe))
    code, text = refused(given, version, path, **extra)
    assert code == "InvalidInputException"
    assert reason in text


def test_missing_input_fails_the_job(given: Given, version: str) -> None:
    """B-16, R-GEN-11, E-7."""
    given.upload("", "in/empty.json")
    denied = "Insufficient privileges for accessing data in Amazon S3. (there is no bucket no-such-bucket)"
    assert failure(given, version, "s3://no-such-bucket/x", name="a") == denied
    assert failure(given, version, f"s3://{BUCKET}/none/", name="b").startswith("Invalid Data location. (there is no ")
    assert failure(given, version, f"s3://{BUCKET}/in/empty.json", name="c") == "Input data is empty."
    (summary, *_) = given.personalize.list_batch_inference_jobs()["batchInferenceJobs"]
    assert (summary["status"], summary["failureReason"]) == ("CREATE FAILED", "Input data is empty.")


def test_input_without_a_readable_line_fails_the_job(given: Given, version: str) -> None:
    """B-16: only the probe object is written."""
    path = given.upload("nope\n[]\n", "in.json")
    assert failure(given, version, path) == "Input data has no line that is a JSON object."
    assert list(given.downloaded("out/")) == ["out/_CHECK"]
    assert failure(given, version, given.upload("\n \n", "blank.json"), name="blank") == "Input data is empty."


def test_output_that_cannot_be_written_fails_the_job(given: Given, version: str, path: str) -> None:
    """B-16, B-41: the probe fails before anything is computed."""
    output = {"s3DataDestination": {"path": "s3://no-such-bucket/x/"}}
    reason = failure(given, version, path, jobOutput=output)
    assert reason == "Insufficient privileges for accessing data in S3. (there is no bucket no-such-bucket)"


def test_jobs_have_limits(given: Given, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """B-16, B-20, Q-54, Q-55, Q-56; the numbers are the documented ones."""
    assert (transfer.MOST_FILES, transfer.MOST_BYTES, inference_jobs.MOST_LINES) == (1000, 10**9, 50_000_000)
    for name in ("a", "b", "c"):
        path = given.upload('{"userId": "u1"}\n' * 3, f"in/{name}")
    folder = f"s3://{BUCKET}/in/"
    monkeypatch.setattr(inference_jobs, "MOST_LINES", 2)
    assert failure(given, version, path, name="lines") == "Input file has too many records. A maximum of 2 is allowed."
    monkeypatch.setattr(inference_jobs, "MOST_LINES", 3)
    begin(given, version, folder, "fits")
    monkeypatch.setattr(transfer, "MOST_FILES", 2)
    reason = failure(given, version, folder, name="files")
    assert reason == "Input data has 3 files. A maximum of 2 files is allowed."
    monkeypatch.setattr(transfer, "MOST_FILES", 3)
    monkeypatch.setattr(transfer, "MOST_BYTES", 100)
    assert failure(given, version, folder, name="bytes").startswith("Input data has 153 bytes.")


def test_the_role_must_be_allowed_to_write(clock: ManualClock) -> None:
    """B-5, S-9, S-10: with `check_roles`."""
    with mock_personalize(clock=clock) as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        version, path = given.version(), given.upload("{}", "users.json")
        emulator.settings = replace(emulator.settings, check_roles=True)
        create = given.personalize.create_batch_inference_job
        code, _ = refusal(create, status=400, **inference_request(version, path))
        assert code == "AccessDeniedException"
