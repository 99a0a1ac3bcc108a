"""Dataset export jobs through boto3 (spec 02 R-DEJ; spec 03 section 11)."""

from __future__ import annotations

import io
import json
from typing import Any

import boto3
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from personalize_emu.data.files.csv_writer import csv_parts
from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.service.dataset_jobs.exports import selected_records
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from tests.given import (
    BUCKET,
    INTERACTIONS_SCHEMA,
    ITEMS_SCHEMA,
    REGION,
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
    answer: dict[str, Any] = given.personalize.describe_dataset_export_job(datasetExportJobArn=job)
    return answer["datasetExportJob"]


def exported(given: Given, dataset: str, mode: str) -> list[str]:
    """Lines below the header of what a job of the mode writes."""
    job = given.export_job(dataset, name=mode, ingestionMode=mode)
    assert job_of(given, job)["status"] == "ACTIVE"
    (text,) = given.downloaded(f"exports/{mode}/").values()
    return text.splitlines()[1:]


@pytest.fixture
def users(given: Given, events: Any) -> str:
    """u was imported twice and then put, v was put and then imported, w and x are in one layer only."""
    dataset = given.dataset(schema=given.schema(USERS_SCHEMA), dataset_type="Users")

    def put(user: str, age: int) -> None:
        events.put_users(datasetArn=dataset, users=[{"userId": user, "properties": json.dumps({"age": age})}])

    put("v", 1)
    given.import_job(dataset, given.upload("USER_ID,AGE\nu,2\nu,3\nv,4\nx,5\nx,5\n"))
    for user, age in (("u", 6), ("w", 7), ("w", 8), ("w", 8)):
        put(user, age)
    return dataset


def test_an_export_job_has_the_documented_members(given: Given, users: str) -> None:
    """R-DEJ-1, R-DEJ-2, R-DEJ-3, R-DEJ-4, R-DEJ-5, D-106, D-107."""
    job = given.export_job(users, f"s3://{BUCKET}/some/where", tags=[{"tagKey": "a", "tagValue": "b"}])
    assert job == arn("dataset-export-job", "export")
    shown = job_of(given, job)
    assert {name: value for name, value in shown.items() if not name.endswith("DateTime")} == {
        "jobName": "export",
        "datasetExportJobArn": job,
        "datasetArn": users,
        "ingestionMode": "PUT",
        "roleArn": ROLE,
        "status": "ACTIVE",
        "jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/some/where"}},
    }
    assert given.personalize.list_tags_for_resource(resourceArn=job)["tags"] == [{"tagKey": "a", "tagValue": "b"}]
    (summary,) = given.personalize.list_dataset_export_jobs()["datasetExportJobs"]
    assert set(summary) == {"datasetExportJobArn", "jobName", "status", "creationDateTime", "lastUpdatedDateTime"}
    assert list(given.downloaded("")) == ["interactions.csv", "some/where/export/part-00000.csv"]
    code, _ = refusal(given.export_job, dataset=users)
    assert code == "ResourceAlreadyExistsException"


def test_jobs_are_listed_by_dataset_newest_first(given: Given, users: str) -> None:
    """P-73, P-74, P-44."""
    jobs = [given.export_job(users, name=name) for name in ("one", "two")]
    other = given.dataset(arn("dataset-group", "group"), given.schema(name="other"))
    given.export_job(other, name="three")
    listed = given.personalize.list_dataset_export_jobs(datasetArn=users)["datasetExportJobs"]
    assert [entry["datasetExportJobArn"] for entry in listed] == jobs[::-1]
    unknown = given.personalize.list_dataset_export_jobs(datasetArn=arn("dataset", "none/USERS"))
    assert unknown["datasetExportJobs"] == []


def test_mode_put_exports_every_individual_record(given: Given, users: str) -> None:
    """D-100, D-102, D-104, D-105: all versions, equal ones once."""
    assert exported(given, users, "PUT") == ["v,1", "u,6", "w,7", "w,8"]


def test_mode_bulk_exports_every_imported_record(given: Given, users: str) -> None:
    """D-100, D-102, D-104."""
    assert exported(given, users, "BULK") == ["u,2", "u,3", "v,4", "x,5"]


def test_mode_all_exports_the_newest_record_of_an_id(given: Given, users: str) -> None:
    """D-100, D-103, D-84."""
    assert sorted(exported(given, users, "ALL")) == ["u,6", "v,4", "w,8", "x,5"]


def test_mode_all_exports_every_interaction(given: Given, events: Any) -> None:
    """D-101, D-102, D-103: streamed and imported ones, in schema order."""
    dataset = given.dataset()
    rows = two_camps()
    given.import_job(dataset, given.upload(as_csv([*rows, rows[0]])))
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=arn("dataset-group", "group"))
    events.put_events(
        trackingId=tracker["trackingId"],
        userId="new",
        sessionId="s",
        eventList=[{"eventType": "e", "itemId": item, "sentAt": 5} for item in ("i1", "i2")],
    )
    streamed = ["new,i1,5", "new,i2,5"]
    imported = as_csv(rows).splitlines()[1:]
    assert exported(given, dataset, "PUT") == streamed
    assert exported(given, dataset, "BULK") == imported
    assert exported(given, dataset, "ALL") == imported + streamed


def test_records_replaced_by_imports_are_not_exported(given: Given, users: str) -> None:
    """D-105."""
    given.import_job(users, given.upload("USER_ID,AGE\nu,9\n"), "more", importMode="INCREMENTAL")
    assert exported(given, users, "BULK") == ["v,4", "x,5", "u,9"]


def test_an_empty_export_has_a_header(given: Given) -> None:
    """D-108: a default export of a dataset with bulk data only (R-DEJ-4)."""
    dataset = given.dataset(schema=given.schema(ITEMS_SCHEMA), dataset_type="Items")
    given.import_job(dataset, given.upload("ITEM_ID,GENRE\na,x\n"))
    given.export_job(dataset)
    assert given.downloaded("exports/") == {"exports/export/part-00000.csv": "ITEM_ID,GENRE\n"}


def test_columns_of_a_new_schema_are_empty_in_old_records(given: Given, users: str) -> None:
    """D-96, D-106."""
    wide = avro("Users", field("CITY", ["null", "string"]), field("USER_ID"), field("AGE", "int"))
    given.personalize.update_dataset(datasetArn=users, schemaArn=given.schema(wide, "wide"))
    assert exported(given, users, "BULK") == [",u,2", ",u,3", ",v,4", ",x,5"]
    given.export_job(users, name="all", ingestionMode="ALL")
    assert given.downloaded("exports/all/")["exports/all/part-00000.csv"].startswith("CITY,USER_ID,AGE\n")


def test_an_export_of_interactions_can_be_imported(given: Given) -> None:
    """D-106: through both jobs, into another group."""
    dataset = given.dataset()
    given.import_job(dataset, given.upload(as_csv(two_camps())))
    before = exported(given, dataset, "BULK")
    copy = given.dataset(given.group("copy"), given.schema(name="copy"))
    job = given.import_job(copy, f"s3://{BUCKET}/exports/BULK/", "back")
    assert given.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]["status"] == (
        "ACTIVE"
    )
    given.export_job(copy, name="again", ingestionMode="BULK")
    assert given.downloaded("exports/again/")["exports/again/part-00000.csv"].splitlines()[1:] == before


VALUES = st.text(st.one_of(st.sampled_from('",\\ |'), st.characters(codec="utf-8", exclude_characters="\0\r\n")))
ITEMS = st.lists(
    st.fixed_dictionaries(
        {"ITEM_ID": VALUES.filter(bool), "GENRE": VALUES.filter(bool)},
        optional={"PRICE": st.floats(width=32, allow_nan=False, allow_infinity=False), "TITLE": VALUES.filter(bool)},
    ),
    max_size=6,
)
RICH = avro(
    "Items",
    field("ITEM_ID"),
    field("PRICE", ["null", "float"]),
    field("GENRE", "string", categorical=True),
    field("TITLE", ["null", "string"]),
)


@settings(deadline=None)
@drawn(put=ITEMS, bulk=ITEMS)
def test_exported_records_are_imported_unchanged(
    put: list[dict[str, Any]], bulk: list[dict[str, Any]]
) -> None:
    """D-102, D-103, D-106: any values, any mode, in files of a few bytes."""
    schema, contents = parse_schema(RICH), DatasetContents()
    contents.add_import(rows_table(schema, bulk), "FULL", "ITEM_ID")
    contents.log.append(put)
    for mode, expected in (("BULK", bulk), ("PUT", put), ("ALL", [*bulk, *put])):
        parts = [part.read() for part in csv_parts(selected_records(contents, schema, "ITEMS", mode), 20)]
        files = [(f"{number}.csv", lambda part=part: io.BytesIO(part)) for number, part in enumerate(parts)]
        found = read_files(files, schema, "ITEMS").to_pylist()
        rows = rows_table(schema, expected).to_pylist()
        if mode == "ALL":
            rows = list({row["ITEM_ID"]: row for row in rows}.values())
        assert sorted(map(str, found)) == sorted({str(row) for row in rows})


def test_large_exports_have_several_files(clock: ManualClock) -> None:
    """D-106, D-41: together they are one folder of an import."""
    with MockPersonalize(Settings(pace="instant", export_file_bytes=50_000), clock):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        dataset = given.dataset()
        rows = two_camps(users=100, events=150)
        given.import_job(dataset, given.upload(as_csv(rows)))
        given.export_job(dataset, ingestionMode="BULK")
        files = given.downloaded("exports/")
        assert list(files) == [f"exports/export/part-{number:05d}.csv" for number in range(2)]
        assert "".join(text.partition("\n")[2] for text in files.values()) == as_csv(rows).partition("\n")[2]


@pytest.mark.parametrize("path", ["http://bucket/x", "s3:///x"])
def test_a_destination_of_another_form_is_refused(given: Given, path: str) -> None:
    """D-109."""
    expected = ("InvalidInputException", "Invalid S3 output path")
    assert refusal(given.export_job, dataset=given.dataset(), path=path) == expected


def test_a_destination_that_cannot_be_written_fails_the_job(given: Given) -> None:
    """D-109, R-GEN-11."""
    job = given.export_job(given.dataset(), "s3://no-such-bucket/x/")
    shown = job_of(given, job)
    assert (shown["status"], shown["failureReason"]) == (
        "CREATE FAILED",
        "Insufficient privileges for accessing data in S3. (there is no bucket no-such-bucket)",
    )
    (summary,) = given.personalize.list_dataset_export_jobs()["datasetExportJobs"]
    assert summary["failureReason"] == shown["failureReason"]


def test_output_is_encrypted_with_the_destination_key(given: Given) -> None:
    """S-17, R-DEJ-6."""
    given.upload("", "bucket")
    key = arn("key", "1").replace(":personalize:", ":kms:")
    output = {"s3DataDestination": {"path": f"s3://{BUCKET}/x/", "kmsKeyArn": key}}
    given.personalize.create_dataset_export_job(
        jobName="export", datasetArn=given.dataset(), roleArn=ROLE, jobOutput=output
    )
    written = given.s3.head_object(Bucket=BUCKET, Key="x/export/part-00000.csv")
    assert (written["ServerSideEncryption"], written["SSEKMSKeyId"]) == ("aws:kms", key)


def test_a_job_passes_its_states_and_blocks_updates(slow: Given, clock: ManualClock) -> None:
    """R-DEJ-3, R-DS-14, R-GEN-20."""
    group = slow.group()
    clock.advance(60)
    slow.upload("", "bucket")
    dataset = slow.dataset(group, slow.schema(ITEMS_SCHEMA), "Items")
    clock.advance(60)
    job = slow.export_job(dataset)
    wide = slow.schema(ITEMS_SCHEMA.replace("]", ', {"name": "X", "type": ["null", "int"]}]'), "wide")
    for status in ("CREATE PENDING", "CREATE IN_PROGRESS"):
        assert job_of(slow, job)["status"] == status
        refused = refusal(slow.personalize.update_dataset, datasetArn=dataset, schemaArn=wide)
        assert refused == ("ResourceInUseException", f"Resource {dataset} is in use: dataset-export-job {job}.")
        clock.advance(60)
    clock.advance(600)
    assert job_of(slow, job)["status"] == "ACTIVE"
    slow.personalize.update_dataset(datasetArn=dataset, schemaArn=wide)


def test_deleting_a_dataset_removes_its_export_jobs(given: Given, users: str) -> None:
    """R-DS-23, D-118: what they wrote stays."""
    job = given.export_job(users)
    given.personalize.delete_dataset(datasetArn=users)
    code, _ = refusal(given.personalize.describe_dataset_export_job, datasetExportJobArn=job)
    assert code == "ResourceNotFoundException"
    assert list(given.downloaded("exports/")) == ["exports/export/part-00000.csv"]
    given.export_job(given.dataset(arn("dataset-group", "group"), given.schema(INTERACTIONS_SCHEMA, "new")))
