"""Datasets, import jobs and event trackers through boto3 (spec 02 R-DS, R-DIJ, R-ET; spec 03)."""

from __future__ import annotations

import io
import re
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.given import (
    BUCKET,
    INTERACTIONS_SCHEMA,
    ITEMS_SCHEMA,
    ROLE,
    USERS_SCHEMA,
    Given,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal


def job_of(given: Given, job: str) -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)
    return answer["datasetImportJob"]


def test_a_dataset_arn_contains_group_and_type(given: Given) -> None:
    """R-DS-2, R-DS-3, R-DS-4, R-DS-6."""
    group = given.group("shop")
    dataset = given.dataset(group, dataset_type="InterActions", name="any")
    assert dataset == arn("dataset", "shop/INTERACTIONS")
    shown = given.personalize.describe_dataset(datasetArn=dataset)["dataset"]
    assert (shown["datasetType"], shown["name"], shown["status"]) == ("INTERACTIONS", "any", "ACTIVE")
    assert "trackingId" not in shown
    (summary,) = given.personalize.list_datasets(datasetGroupArn=group)["datasets"]
    assert set(summary) == {
        "name",
        "datasetArn",
        "datasetType",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
    }


def test_a_group_has_one_dataset_of_each_type(given: Given) -> None:
    """R-DS-5, R-DSG-9."""
    group, schema = given.group(), given.schema()
    dataset = given.dataset(group, schema)
    assert refusal(
        given.personalize.create_dataset,
        name="again",
        schemaArn=schema,
        datasetGroupArn=group,
        datasetType="INTERACTIONS",
    ) == ("ResourceAlreadyExistsException", f"Another resource with Arn {dataset} already exists.")


def test_a_missing_required_column_has_the_recorded_text(given: Given) -> None:
    """R-DS-15, D-40, E-8."""
    schema = given.schema(avro("Items", field("GENRE", categorical=True)))
    assert refusal(
        given.personalize.create_dataset,
        name="items",
        schemaArn=schema,
        datasetGroupArn=given.group(),
        datasetType="Items",
    ) == ("InvalidInputException", "Input csv is missing the following columns: [ITEM_ID]")


@pytest.mark.parametrize("dataset_type", ["Event_Interactions", "Item"])
def test_unknown_dataset_types_are_refused(given: Given, dataset_type: str) -> None:
    """R-DS-3."""
    code, _ = refusal(
        given.personalize.create_dataset,
        name="d",
        schemaArn=given.schema(),
        datasetGroupArn=given.group(),
        datasetType=dataset_type,
    )
    assert code == "InvalidInputException"


def test_schema_and_group_must_be_of_one_domain(given: Given) -> None:
    """R-SCH-12, E-30."""
    schema, group = given.schema(), given.group(domain="ECOMMERCE")
    assert refusal(
        given.personalize.create_dataset,
        name="d",
        schemaArn=schema,
        datasetGroupArn=group,
        datasetType="Interactions",
    ) == (
        "InvalidInputException",
        f"The domain of schema {schema} does not match dataset group {group}.",
    )


def test_parents_must_be_active_before_children_are_created(slow: Given, clock: ManualClock) -> None:
    """R-GEN-20, R-DS-16, E-30."""
    group, schema = slow.group(), slow.schema()
    wanted = {"name": "d", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"}
    assert refusal(slow.personalize.create_dataset, **wanted) == (
        "ResourceInUseException",
        f"Resource {group} is in CREATE PENDING state.",
    )
    clock.advance(60)
    slow.personalize.create_dataset(**wanted)


def test_an_import_job_has_the_recorded_members(given: Given) -> None:
    """R-DIJ-1 to R-DIJ-5, R-DIJ-13."""
    dataset = given.dataset()
    location = given.upload(as_csv(two_camps()))
    job = given.import_job(dataset, location)
    assert job == arn("dataset-import-job", "import")
    shown = job_of(given, job)
    assert shown["status"] == "ACTIVE"
    assert shown["importMode"] == "FULL"
    assert shown["dataSource"] == {"dataLocation": location}
    assert (shown["roleArn"], shown["datasetArn"]) == (ROLE, dataset)
    assert shown["publishAttributionMetricsToS3"] is False
    assert "failureReason" not in shown
    (summary,) = given.personalize.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"]
    assert set(summary) == {
        "datasetImportJobArn",
        "jobName",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
        "importMode",
    }


def test_too_few_interactions_fail_the_job_and_change_nothing(given: Given, emulator: Emulator) -> None:
    """D-70, D-74, R-DIJ-12, R-GEN-11, E-37."""
    dataset = given.dataset()
    job = given.import_job(dataset, given.upload(as_csv(two_camps()[:999])))
    shown = job_of(given, job)
    assert shown["status"] == "CREATE FAILED"
    assert shown["failureReason"] == (
        "Input data has 999 interactions. A minimum of 1000 interactions is required."
    )
    assert emulator.state.contents(dataset).bulk is None


def test_a_failed_job_keeps_the_data_of_the_one_before(given: Given, emulator: Emulator) -> None:
    """R-DIJ-12, D-51."""
    dataset = given.dataset()
    given.import_job(dataset, given.upload(as_csv(two_camps())), "good")
    before = emulator.state.contents(dataset).bulk
    bad = given.upload(as_csv(two_camps()).replace("TIMESTAMP", "WHEN"), "bad.csv")
    job = given.import_job(dataset, bad, "bad")
    assert job_of(given, job)["failureReason"].startswith(
        "Input CSV is missing the following columns:[TIMESTAMP]."
    )
    assert emulator.state.contents(dataset).bulk is before


def test_full_imports_replace_and_incremental_imports_add(given: Given, emulator: Emulator) -> None:
    """D-78, D-79, D-81."""
    dataset = given.dataset()
    rows = two_camps()
    later = [(user, item, time + 10**7) for user, item, time in rows]
    contents = emulator.state.contents(dataset)
    for name, part, mode, expected in (
        ("one", rows, "FULL", 1200),
        ("two", later, "INCREMENTAL", 2400),
        ("three", rows, "FULL", 1200),
    ):
        given.import_job(dataset, given.upload(as_csv(part), f"{name}.csv"), name, importMode=mode)
        assert contents.bulk.num_rows == expected


def test_incremental_imports_need_bulk_data(given: Given) -> None:
    """D-80, E-30."""
    dataset = given.dataset()
    assert refusal(
        given.import_job,
        dataset=dataset,
        location=given.upload(as_csv(two_camps())),
        importMode="INCREMENTAL",
    ) == (
        "InvalidInputException",
        f"Import mode INCREMENTAL requires a previous bulk import of dataset {dataset}.",
    )


def test_the_last_record_of_an_item_is_kept(given: Given, emulator: Emulator) -> None:
    """D-79, D-83, D-72."""
    dataset = given.dataset(schema=given.schema(ITEMS_SCHEMA), dataset_type="Items")
    given.import_job(dataset, given.upload("ITEM_ID,GENRE\na,x\nb,x\na,y\n"), "one")
    given.import_job(dataset, given.upload("ITEM_ID,GENRE\nb,z\nc,z\n"), "two", importMode="INCREMENTAL")
    table = emulator.state.contents(dataset).bulk.to_pydict()
    assert dict(zip(table["ITEM_ID"], table["GENRE"], strict=True)) == {"a": "y", "b": "z", "c": "z"}


def test_folders_are_read_in_the_order_of_their_keys(given: Given, emulator: Emulator) -> None:
    """D-41, D-45, D-46, D-48: whatever their names."""
    dataset = given.dataset(schema=given.schema(USERS_SCHEMA), dataset_type="Users")
    given.upload("USER_ID,AGE\nu,2\n", "users/run-1-part-r-00001")
    given.upload("USER_ID,AGE\nu,1\n", "users/a.csv")
    given.upload("nonsense", "users/_SUCCESS")
    given.upload("nonsense", "users/a.csv.metadata")
    given.upload("USER_ID,AGE\nu,3\n", "users/below/c.csv")
    for number, key in enumerate(("users/", "users")):
        job = given.import_job(dataset, f"s3://{BUCKET}/{key}", f"job{number}")
        assert job_of(given, job)["status"] == "ACTIVE"
        assert emulator.state.contents(dataset).bulk.to_pydict() == {"USER_ID": ["u", "u"], "AGE": [1, 2]}


def test_parquet_files_are_read(given: Given, emulator: Emulator) -> None:
    dataset = given.dataset()
    users, items, times = zip(*two_camps(), strict=True)
    body = io.BytesIO()
    pq.write_table(pa.table({"USER_ID": users, "ITEM_ID": items, "TIMESTAMP": times}), body)
    job = given.import_job(dataset, given.upload(body.getvalue(), "interactions.parquet"))
    assert job_of(given, job)["status"] == "ACTIVE"
    assert emulator.state.contents(dataset).bulk.num_rows == 1200


@pytest.mark.parametrize(
    "location",
    ["http://bucket/file.csv", "s3:///file.csv", f"s3://{BUCKET}/none.csv", f"s3://{BUCKET}/none/"],
)
def test_locations_with_nothing_to_read_are_refused(given: Given, location: str) -> None:
    """D-42, D-45, E-11, R-DIJ-9."""
    dataset = given.dataset()
    given.upload("x", "other.csv")
    code, message = refusal(given.import_job, dataset=dataset, location=location)
    assert code == "InvalidInputException"
    assert message.startswith("Invalid Data location.")
    assert given.personalize.list_dataset_import_jobs()["datasetImportJobs"] == []


def test_a_bucket_that_cannot_be_read_has_the_recorded_text(given: Given) -> None:
    """R-DIJ-8, E-6."""
    code, message = refusal(given.import_job, dataset=given.dataset(), location="s3://no-such-bucket/a.csv")
    assert code == "InvalidInputException"
    assert re.fullmatch(
        r"Insufficient privileges for accessing data in S3\. Please look at https://.*"
        r"granting-personalize-s3-access\.html#attach-bucket-policy and fix bucket policy on no-such-bucket\. "
        r"\(there is no bucket no-such-bucket\)",
        message,
    )


def test_an_import_needs_no_role(given: Given) -> None:
    """S-7, R-DIJ-1: the newest model made it optional."""
    job = given.personalize.create_dataset_import_job(
        jobName="j",
        datasetArn=given.dataset(),
        dataSource={"dataLocation": given.upload(as_csv(two_camps()))},
    )["datasetImportJobArn"]
    shown = job_of(given, job)
    assert shown["status"] == "ACTIVE"
    assert "roleArn" not in shown


def test_a_dataset_with_a_running_import_cannot_be_deleted(slow: Given, clock: ManualClock) -> None:
    """R-DS-17, R-DS-23, R-DIJ-6, D-87."""
    group = slow.group()
    clock.advance(60)
    dataset = slow.dataset(group)
    clock.advance(60)
    job = slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    clock.advance(100)
    assert job_of(slow, job)["status"] == "CREATE IN_PROGRESS"
    assert refusal(slow.personalize.delete_dataset, datasetArn=dataset) == (
        "ResourceInUseException",
        f"Resource {dataset} is in use: dataset-import-job {job}.",
    )
    clock.advance(1000)
    slow.personalize.delete_dataset(datasetArn=dataset)
    clock.advance(20)
    assert slow.personalize.describe_dataset(datasetArn=dataset)["dataset"]["status"] == "DELETE IN_PROGRESS"
    clock.advance(60)
    assert slow.personalize.list_datasets()["datasets"] == []
    assert slow.personalize.list_dataset_import_jobs()["datasetImportJobs"] == []


def test_an_event_tracker_has_a_tracking_id_and_its_own_arn(given: Given) -> None:
    """R-ET-1 to R-ET-3, R-GEN-1."""
    group = given.group()
    given.dataset(group)
    made = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)
    assert re.fullmatch(re.escape(arn("event-tracker", "")) + "[0-9a-f]{8}", made["eventTrackerArn"])
    shown = given.personalize.describe_event_tracker(eventTrackerArn=made["eventTrackerArn"])["eventTracker"]
    assert shown["trackingId"] == made["trackingId"]
    assert (shown["accountId"], shown["datasetGroupArn"]) == ("123456789012", group)
    (summary,) = given.personalize.list_event_trackers(datasetGroupArn=group)["eventTrackers"]
    assert "trackingId" not in summary


def test_a_group_has_one_event_tracker(given: Given) -> None:
    """R-ET-5, R-ET-6, E-26."""
    one, other = given.group("one"), given.group("other")
    schema = given.schema()
    for group in (one, other):
        given.dataset(group, schema)
    given.personalize.create_event_tracker(name="t", datasetGroupArn=one)
    given.personalize.create_event_tracker(name="t", datasetGroupArn=other)
    code, _ = refusal(given.personalize.create_event_tracker, name="t2", datasetGroupArn=one)
    assert code == "ResourceAlreadyExistsException"


def test_resources_of_other_regions_are_invisible(given: Given) -> None:
    """P-20."""
    import boto3

    group = given.group()
    west = boto3.client("personalize", region_name="us-west-2")
    assert west.list_dataset_groups()["datasetGroups"] == []
    code, _ = refusal(west.describe_dataset_group, datasetGroupArn=group)
    assert code == "ResourceNotFoundException"
    assert ":us-west-2:" in west.create_dataset_group(name="group")["datasetGroupArn"]


def test_list_pages_are_newest_first_and_stable(given: Given) -> None:
    """P-65, P-66, P-69, P-73."""
    for number in range(5):
        given.schema(name=f"s{number}")
    first = given.personalize.list_schemas(maxResults=2)
    given.schema(INTERACTIONS_SCHEMA, name="s5")
    second = given.personalize.list_schemas(maxResults=2, nextToken=first["nextToken"])
    third = given.personalize.list_schemas(maxResults=2, nextToken=second["nextToken"])
    names = [[schema["name"] for schema in page["schemas"]] for page in (first, second, third)]
    assert names == [["s4", "s3"], ["s2", "s1"], ["s0"]]
    assert "nextToken" not in third
    for operation in ("list_solutions", "list_dataset_groups"):
        code, message = refusal(getattr(given.personalize, operation), nextToken=first["nextToken"])
        assert (code, message) == ("InvalidNextTokenException", "The token is not valid.")


def test_lists_of_an_unknown_parent_are_empty(given: Given) -> None:
    """P-44, P-31."""
    unknown = arn("dataset-group", "none")
    assert given.personalize.list_datasets(datasetGroupArn=unknown)["datasets"] == []
    assert given.personalize.list_solutions(datasetGroupArn=unknown)["solutions"] == []
