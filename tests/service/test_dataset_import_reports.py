"""What imports leave out, and what is told of it, through boto3 (D-46, D-50, D-58, D-62)."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_emu.edge.application import create_app
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings, settings_from_environment
from personalize_emu.state.clock import ManualClock
from tests.given import BUCKET, POPULARITY, REGION, USERS_SCHEMA, Given, arn, as_csv, avro, field, two_camps

FILMS = avro("Items", field("ITEM_ID"), field("GENRE", categorical=True), field("YEAR", "int"))
NONCONFORMING = "Input csv has rows that do not conform to the dataset schema."


def films(rows: int = 9742, empty: int = 12) -> str:
    """As the file of a proof of concept that the service imported in 2020: empty years, and one that is none."""
    years = ["" if n % 800 == 5 and n < 800 * empty else str(1950 + n % 60) for n in range(rows - 1)]
    lines = [f"{number},Drama|War,{year}" for number, year in enumerate([*years, "2006–2007"])]
    return "\n".join(["ITEM_ID,GENRE,YEAR", *lines, ""])


def job_of(given: Given, name: str = "import") -> dict[str, Any]:
    answer = given.personalize.describe_dataset_import_job(datasetImportJobArn=arn("dataset-import-job", name))
    found: dict[str, Any] = answer["datasetImportJob"]
    return found


def shown(emulator: Emulator) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = create_app(emulator).test_client().get("/_emu/state").json["importJobs"]
    return answer


def items_of(given: Given, schema: str = FILMS) -> str:
    return given.dataset(schema=given.schema(schema), dataset_type="Items")


def parquet(**columns: Sequence[Any] | pa.Array) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize("mode", ["FULL", "INCREMENTAL"])
def test_few_nonconforming_rows_are_left_out(
    given: Given, emulator: Emulator, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """D-58: recorded in 2020 with status ACTIVE."""
    dataset = items_of(given)
    given.import_job(dataset, given.upload("ITEM_ID,GENRE,YEAR\nold,War,1\n", "old.csv"), "old")
    with caplog.at_level(logging.WARNING, "personalize_emu.service.dataset_jobs.imports"):
        job = given.import_job(dataset, given.upload(films(), "item-meta.csv"), importMode=mode)
    assert job_of(given)["status"] == "ACTIVE"
    assert "failureReason" not in job_of(given)
    assert emulator.state.contents(dataset).bulk.num_rows == 9742 - 13 + (mode == "INCREMENTAL")
    (report,) = (entry for entry in shown(emulator) if entry["arn"] == job)
    assert (report["status"], report["rows"], report["rowsLeftOut"]) == ("ACTIVE", 9742, 13)
    assert report["datasetArn"] == dataset
    assert len(report["reasons"]) == 10
    assert report["reasons"][0] == "item-meta.csv, line 7, column YEAR: a value is required"
    assert report["warnings"] == []
    (message,) = (record.getMessage() for record in caplog.records if job in record.getMessage())
    assert "13 of 9742 rows do not conform" in message
    assert report["reasons"][0] in message


def test_a_job_fails_above_5_percent_nonconforming_rows(given: Given, emulator: Emulator) -> None:
    """D-58, R-DIJ-12."""
    dataset = items_of(given)
    job = given.import_job(dataset, given.upload(films(rows=40, empty=1), "40.csv"), "good")
    assert job_of(given, "good")["status"] == "ACTIVE"
    bulk = emulator.state.contents(dataset).bulk
    bad = given.import_job(dataset, given.upload(films(rows=39, empty=1), "39.csv"), "bad")
    assert job_of(given, "bad")["status"] == "CREATE FAILED"
    reason = job_of(given, "bad")["failureReason"]
    assert reason.startswith(NONCONFORMING)
    assert "2 of 39 rows, the first: 39.csv, line 7, column YEAR: a value is required" in reason
    assert emulator.state.contents(dataset).bulk is bulk
    reports = {entry["arn"]: (entry["status"], entry["rowsLeftOut"]) for entry in shown(emulator)}
    assert reports == {job: ("ACTIVE", 2), bad: ("CREATE FAILED", 2)}
    given.personalize.delete_dataset(datasetArn=dataset)
    assert shown(emulator) == []
    assert emulator.state.import_jobs.items() == []


@pytest.mark.parametrize(("share", "status"), [(0.0, "CREATE FAILED"), (0.5, "ACTIVE")])
def test_the_tolerated_share_is_configurable(clock: ManualClock, share: float, status: str) -> None:
    with mock_personalize(clock=clock, nonconforming_rows=share):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        given.import_job(items_of(given), given.upload("ITEM_ID,GENRE,YEAR\na,War,x\nb,War,1\n"))
        assert job_of(given)["status"] == status
    assert settings_from_environment({"PERSONALIZE_EMU_NONCONFORMING_ROWS": "0.2"}).nonconforming_rows == 0.2
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="nonconforming_rows must be between 0 and 1"):
            Settings(nonconforming_rows=wrong)


def test_a_missing_column_fails_a_job_whatever_its_rows(given: Given, emulator: Emulator) -> None:
    """D-51: with what was found instead."""
    dataset = given.dataset(schema=given.schema(USERS_SCHEMA), dataset_type="Users")
    given.import_job(dataset, given.upload("USER_ID;AGE\nu;1\n", "users.csv"))
    assert job_of(given)["failureReason"] == (
        "Input CSV is missing the following columns:[USER_ID, AGE]. (users.csv: the header is 'USER_ID;AGE'; "
        "separate names and values with commas, not with semicolons)"
    )
    assert shown(emulator)[0]["rows"] == 0


def test_nonconforming_interactions_do_not_count_to_the_minimum(given: Given) -> None:
    """D-70, D-74."""
    text = as_csv(two_camps()[:1000]).replace("1600000000", "soon")
    given.import_job(given.dataset(), given.upload(text))
    assert job_of(given)["failureReason"] == (
        "Input data has 999 interactions. A minimum of 1000 interactions is required. "
        "(1 more do not conform to the schema)"
    )


def test_headers_may_be_quoted_and_in_any_case(given: Given, emulator: Emulator) -> None:
    """D-50: two official notebooks write such files."""
    dataset = given.dataset()
    text = as_csv(two_camps()).replace("USER_ID,ITEM_ID,TIMESTAMP", '"user_id","item_id","timestamp"')
    given.import_job(dataset, given.upload(text))
    assert job_of(given)["status"] == "ACTIVE"
    assert emulator.state.contents(dataset).bulk.column_names == ["USER_ID", "ITEM_ID", "TIMESTAMP"]


@pytest.mark.parametrize("name", ["run-1-part-r-{}", "000{}_part_00", "part-0000{}-c000.csv", "{}"])
@pytest.mark.parametrize("beside", [(), ("_SUCCESS", "a.csv.metadata", ".part.crc")])
def test_part_files_of_glue_spark_and_redshift_are_read(
    given: Given, emulator: Emulator, name: str, beside: Sequence[str]
) -> None:
    """D-46: alone and beside a file that ends in .csv."""
    dataset = given.dataset()
    rows = two_camps()
    parts = {name.format(0): rows[:400], name.format(1): rows[400:800], "z.csv": rows[800:]}
    for key, part in parts.items():
        given.upload(as_csv(part), f"out/{key}")
    for key in beside:
        given.upload("marker", f"out/{key}")
    given.import_job(dataset, f"s3://{BUCKET}/out/")
    assert job_of(given)["status"] == "ACTIVE"
    assert emulator.state.contents(dataset).bulk.num_rows == 1200


def test_csv_and_parquet_may_share_a_folder(given: Given) -> None:
    dataset = given.dataset(schema=given.schema(USERS_SCHEMA), dataset_type="Users")
    given.upload("USER_ID,AGE\nu,1\n", "in/part-1")
    given.upload(parquet(USER_ID=["v"], AGE=[2]), "in/part-0")
    given.import_job(dataset, f"s3://{BUCKET}/in/")
    assert "(in/part-0 is Parquet, in/part-1 is CSV: all files" in job_of(given)["failureReason"]


def test_invalid_utf8_in_parquet_is_handled(given: Given, emulator: Emulator) -> None:
    """Rows with it are left out; trainings and filters read the rest."""
    group = given.imported_group()
    items = given.dataset(group, given.schema(FILMS, "films"), "Items")
    genres = pa.array([b"Drama"] * 39 + [b"\xff|War"]).view(pa.string())
    names = [f"i{number:03d}" for number in range(40)]
    given.import_job(items, given.upload(parquet(ITEM_ID=names, GENRE=genres, YEAR=[1999] * 40), "films.parquet"))
    assert job_of(given)["status"] == "ACTIVE"
    (report,) = (entry for entry in shown(emulator) if entry["datasetArn"] == items)
    assert report["reasons"] == ["films.parquet, row 40, column GENRE: the value is not UTF-8 text"]
    campaign = given.campaign(given.version(given.solution(group, POPULARITY)))
    expression = 'INCLUDE ItemID WHERE Items.GENRE IN ("Drama")'
    wanted = given.personalize.create_filter(name="f", datasetGroupArn=group, filterExpression=expression)
    runtime = boto3.client("personalize-runtime", region_name=REGION)
    answer = runtime.get_recommendations(campaignArn=campaign, filterArn=wanted["filterArn"])
    assert len(answer["itemList"]) == 25


@pytest.mark.parametrize("factor", [1, 1000])
def test_timestamps_in_milliseconds_cause_a_warning(
    given: Given, emulator: Emulator, caplog: pytest.LogCaptureFixture, factor: int
) -> None:
    """D-62: read as seconds all the same."""
    rows = [(user, item, time * factor) for user, item, time in two_camps()]
    with caplog.at_level(logging.WARNING, "personalize_emu.service.dataset_jobs.imports"):
        job = given.import_job(given.dataset(), given.upload(as_csv(rows)))
    assert job_of(given)["status"] == "ACTIVE"
    expected = [] if factor == 1 else [
        "TIMESTAMP: 1200 of 1200 values look like milliseconds, the first 1600000000000; they are read as seconds, as "
        "the service does"
    ]  # fmt: skip
    assert shown(emulator)[0]["warnings"] == expected
    assert [record.getMessage() for record in caplog.records] == [f"{job}: {text}" for text in expected]


def test_every_timestamp_column_is_checked(given: Given, emulator: Emulator) -> None:
    """D-62, D-120; CREATION_TIMESTAMP of items in an ECOMMERCE group may be a float (D-35), and null."""
    actions = avro(
        "Actions", field("ACTION_ID"), field("COST", "float"), field("CREATION_TIMESTAMP", "long"),
        field("EXPIRATION_TIMESTAMP", ["long", "null"]),
    )  # fmt: skip
    dataset = given.dataset(schema=given.schema(actions), dataset_type="Actions")
    text = "ACTION_ID,COST,CREATION_TIMESTAMP,EXPIRATION_TIMESTAMP\na,1,1600000000,1700000000000\nb,1,1600000000000,\n"
    given.import_job(dataset, given.upload(text))
    assert [warning.partition(" look like")[0] for warning in shown(emulator)[0]["warnings"]] == [
        "CREATION_TIMESTAMP: 1 of 2 values",
        "EXPIRATION_TIMESTAMP: 1 of 2 values",
    ]
