"""What imported interactions add to metrics: reports in S3 and data in CloudWatch (spec 12 section 4)."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.service.attribution.attribution_sums import CreditedEvent, CreditedRows, event_sums
from personalize_emu.service.attribution.event_attribution import report_text
from personalize_emu.service.state.attribution_ledger import UNDEFINED_SOURCE, Metric
from personalize_emu.state.clock import ManualClock
from tests.attributions import (
    OUTPUT,
    REPORTS,
    SENT_AT,
    WATCHED,
    WINDOW,
    attribution,
    events_dataset,
    interactions_csv,
    measured_group,
    metric,
    published,
)
from tests.given import BUCKET, REGION, ROLE, USER_PERSONALIZATION, Given, arn
from tests.refusals import refusal

HEADER = "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP"
NAME = "AggregatedAttributionMetrics - {} - 20231114T2213{}Z.csv"
ROWS = [
    ("u1", "i1", SENT_AT, "watch", 2.5, "", "mail"),
    ("u1", "i1", SENT_AT, "watch", 2.5, "", "mail"),
    ("u2", "i2", SENT_AT + 900, "Watch", "", "", ""),
    ("u2", "i2", SENT_AT, "click", 1, "", "mail"),
]


@pytest.fixture
def group(given: Given) -> str:
    return measured_group(given)


def run(given: Given, *rows: tuple[Any, ...], name: str = "import", **extra: Any) -> tuple[str, str]:
    """Import rows; status and failure reason of the job."""
    location = given.upload(interactions_csv(*rows), f"{name}.csv")
    job = given.import_job(events_dataset(), location, name, **extra)
    shown = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    return shown["status"], shown.get("failureReason", "")


def reports(given: Given) -> dict[str, list[str]]:
    """Lines of every report, by the name of its file."""
    return {key.removeprefix("reports/"): text.splitlines() for key, text in given.downloaded("reports/").items()}


def test_an_import_writes_a_report_to_s3(given: Given, group: str) -> None:
    """MA-22, MA-23, MA-32, MA-40, MA-41, MA-42, R-DIJ-13: newest first, and equal rows count twice."""
    attribution(given, group, metric(), metric("lengths", "SUM(Items.LENGTH)"), output=REPORTS)
    assert run(given, *ROWS, publishAttributionMetricsToS3=True) == ("ACTIVE", "")
    assert reports(given) == {
        NAME.format("FULL", 20): [
            HEADER,
            f"LENGTHS,WATCH,30.0,sum,{UNDEFINED_SOURCE},{WINDOW + 900}",
            f"WATCHES,WATCH,1.0,samplecount,{UNDEFINED_SOURCE},{WINDOW + 900}",
            f"LENGTHS,WATCH,180.0,sum,mail,{WINDOW}",
            f"WATCHES,WATCH,2.0,samplecount,mail,{WINDOW}",
        ]
    }
    assert published() == []


def test_each_import_writes_its_own_report(given: Given, group: str) -> None:
    """MA-32, MA-40: also without anything to tell, and within one second."""
    attribution(given, group, metric("clicks", event_type="click"), output=REPORTS)
    for number, mode in enumerate(("FULL", "FULL", "INCREMENTAL")):
        extra = {"importMode": mode, "publishAttributionMetricsToS3": True}
        run(given, *ROWS[: 4 * (number % 2)], name=f"import-{number}", **extra)
    empty, clicked = [HEADER], [HEADER, f"CLICKS,CLICK,1.0,samplecount,mail,{WINDOW}"]
    assert reports(given) == {
        NAME.format("FULL", 20): empty,
        NAME.format("FULL", 21): clicked,
        NAME.format("INCREMENTAL", 22): empty,
    }


def test_incremental_imports_are_published_to_cloudwatch(given: Given, group: str) -> None:
    """MA-32, MA-33, MA-34: without being asked to, and full ones do not."""
    attribution(given, group, metric(), metric("v", "SUM(Interactions.EVENT_VALUE)"), output=REPORTS)
    run(given, *ROWS)
    assert published() == []
    old = ("u3", "i1", SENT_AT - 14 * 24 * 3600, "watch", 9, "", "mail")
    run(given, *ROWS, old, name="more", importMode="INCREMENTAL")
    assert published() == [
        (UNDEFINED_SOURCE, WINDOW + 900, 1.0, "watch", "samplecount"),
        ("mail", WINDOW, 2.0, "watch", "samplecount"),
    ]
    assert published("v")[-1] == ("mail", WINDOW, 5.0, "watch", "sum")
    assert reports(given) == {}


def test_events_older_than_14_days_are_in_reports(given: Given, group: str) -> None:
    """MA-33: only CloudWatch leaves them out."""
    attribution(given, group, metric(), output=REPORTS)
    run(given, ("u", "i1", 900, "watch", "", "", "mail"), publishAttributionMetricsToS3=True)
    (lines,) = reports(given).values()
    assert lines[1:] == ["WATCHES,WATCH,1.0,samplecount,mail,900"]


def test_rows_are_attributed_to_source_recommendation_or_undefined(given: Given, group: str, runtime: Any) -> None:
    """MA-20, MA-22."""
    campaign = given.deployed(USER_PERSONALIZATION, name="films")
    known = runtime.get_recommendations(campaignArn=campaign, userId="u1")["recommendationId"]
    attribution(given, group, metric(), output=REPORTS)
    credits = ((known, "mail"), (known, ""), ("RID-unknown", ""), ("", ""))
    rows = [("u", "i1", SENT_AT, "watch", "", recommendation, source) for recommendation, source in credits]
    run(given, *rows, publishAttributionMetricsToS3=True)
    (lines,) = reports(given).values()
    counts = [line.split(",")[2:5:2] for line in lines[1:]]
    assert counts == [["2.0", UNDEFINED_SOURCE], ["1.0", campaign], ["1.0", "mail"]]


def test_earlier_imports_are_not_reported(slow: Given, clock: ManualClock) -> None:
    """MA-8: an import that began before the attribution was there."""
    group = slow.group()
    clock.advance(60)
    slow.dataset(group, slow.schema(WATCHED))
    clock.advance(60)
    run(slow, *ROWS)
    clock.advance(1000)
    job = slow.import_job(events_dataset(), f"s3://{BUCKET}/import.csv", "more", importMode="INCREMENTAL")
    attribution(slow, group, metric(), output=REPORTS)
    clock.advance(2000)
    shown = slow.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    assert shown["status"] == "ACTIVE"
    assert published() == []


def test_without_a_destination_nothing_is_published(given: Given, group: str) -> None:
    """MA-32, MA-4, R-DIJ-13: the model says "if you created a metric attribution"; without one the flag is kept."""
    assert run(given, *ROWS, publishAttributionMetricsToS3=True) == ("ACTIVE", "")
    shown = given.personalize.describe_dataset_import_job(datasetImportJobArn=arn("dataset-import-job", "import"))
    assert shown["datasetImportJob"]["publishAttributionMetricsToS3"] is True
    made = attribution(given, group, output=OUTPUT)
    assert run(given, *ROWS, name="second", publishAttributionMetricsToS3=True) == ("ACTIVE", "")
    assert reports(given) == {}
    given.personalize.update_metric_attribution(metricAttributionArn=made, metricsOutputConfig=REPORTS)
    assert run(given, *ROWS, name="third", publishAttributionMetricsToS3=True) == ("ACTIVE", "")
    assert len(reports(given)) == 1


def test_a_report_that_cannot_be_written_fails_the_import(given: Given, group: str) -> None:
    """MA-7, R-DIJ-12: nothing has changed then."""
    nowhere = {"roleArn": ROLE, "s3DataDestination": {"path": "s3://no-such-bucket/x"}}
    attribution(given, group, metric(), output=nowhere)
    failed = (
        "CREATE FAILED",
        "Insufficient privileges for accessing data in S3. (there is no bucket no-such-bucket)",
    )
    assert run(given, *ROWS, publishAttributionMetricsToS3=True) == failed
    incremental: dict[str, Any] = {"dataset": events_dataset(), "location": f"s3://{BUCKET}/import.csv", "name": "more"}
    assert "INCREMENTAL" in refusal(given.import_job, importMode="INCREMENTAL", **incremental)[1]


def test_too_many_sources_fail_an_import(given: Given, group: str) -> None:
    """MA-21, Q-18."""
    attribution(given, group, metric())
    rows = [("u", "i1", SENT_AT + n, "watch", "", "", f"s{n}") for n in range(101)]
    assert run(given, *rows) == ("CREATE FAILED", "More than 100 distinct event attribution sources.")
    assert run(given, *rows[:100], name="fewer") == ("ACTIVE", "")


def test_items_are_imported_without_report(given: Given, group: str) -> None:
    """MA-40: they are no events."""
    attribution(given, group, metric(), output=REPORTS)
    given.import_job(arn("dataset", "group/ITEMS"), f"s3://{BUCKET}/films.csv", "x", publishAttributionMetricsToS3=True)
    assert reports(given) == {}


def test_reports_are_encrypted_with_the_key_of_the_destination(given: Given, group: str) -> None:
    """S-17, MA-4."""
    key = f"arn:aws:kms:{REGION}:123456789012:key/1"
    output = {"roleArn": ROLE, "s3DataDestination": {"path": f"s3://{BUCKET}/reports/", "kmsKeyArn": key}}
    attribution(given, group, metric(), output=output)
    run(given, *ROWS, publishAttributionMetricsToS3=True)
    (name,) = reports(given)
    assert given.s3.head_object(Bucket=BUCKET, Key=f"reports/{name}")["SSEKMSKeyId"] == key


TEXTS = st.sampled_from(["watch", "Watch", "click", 'a,"b"', "straße", "STRASSE"])
ITEMS = {"i1": 2.0, "i2": None, "i3": -1.5}
INTERACTIONS = st.lists(
    st.fixed_dictionaries(
        {
            "USER_ID": st.just("u"),
            "ITEM_ID": st.sampled_from(["i1", "i2", "i3", "i4"]),
            "TIMESTAMP": st.integers(0, 5000),
            "EVENT_TYPE": TEXTS,
        },
        optional={
            "EVENT_VALUE": st.integers(-100, 100).map(lambda number: number / 4),
            "RECOMMENDATION_ID": st.sampled_from(["r1", "r2", "unknown"]),
            "EVENT_ATTRIBUTION_SOURCE": st.sampled_from(["mail", "two, of them", "campaign"]),
        },
    ),
    max_size=30,
)
METRICS = [
    Metric(event_type, f"{event_type} {expression}", expression)
    for event_type in ("WATCH", 'a,"b"', "strasse")
    for expression in ("SAMPLECOUNT()", "SUM(Items.X)", "SUM(Interactions.EVENT_VALUE)")
]
ANSWERS = {"r1": "campaign", "r2": "recommender"}


def source_of(row: dict[str, Any]) -> str:
    answered = ANSWERS.get(row.get("RECOMMENDATION_ID", ""), UNDEFINED_SOURCE)
    source: str = row.get("EVENT_ATTRIBUTION_SOURCE", answered)
    return source


def value_of(item_id: str, _: str) -> float | None:
    return ITEMS.get(item_id)


@drawn(rows=INTERACTIONS, parts=st.integers(1, 3))
def test_files_and_events_have_equal_sums(rows: list[dict[str, Any]], parts: int) -> None:
    """MA-12, MA-13, MA-14, MA-20, MA-22, MA-30, MA-31: whatever pieces a file is read in."""
    schema = parse_schema(WATCHED)
    table = pa.concat_tables([rows_table(schema, rows[part::parts]) for part in range(parts)])
    credited = CreditedRows.of(table, ANSWERS.get)
    expected = event_sums(METRICS, [CreditedEvent(row, source_of(row)) for row in rows], value_of)
    assert credited.sums(METRICS, value_of) == expected
    assert credited.credited == {source_of(row) for row in rows}
    events = [CreditedEvent(row, source_of(row)) for row in rows if 2000 < row["TIMESTAMP"] <= 4000]
    assert credited.between(2000, 4000).sums(METRICS, value_of) == event_sums(METRICS, events, value_of)


@drawn(rows=INTERACTIONS)
def test_reports_can_be_read_back(rows: list[dict[str, Any]]) -> None:
    """MA-41, MA-42, MA-43."""
    sums = event_sums(METRICS, [CreditedEvent(row, source_of(row)) for row in rows], value_of)
    header, *lines = csv.reader(io.StringIO(report_text(sums)))
    assert ",".join(header) == HEADER
    assert sorted(lines) == sorted(
        [
            share.metric.name.upper(),
            share.metric.event_type.upper(),
            str(float(value)),
            "samplecount" if "SAMPLECOUNT" in share.metric.expression else "sum",
            share.source,
            str(share.window),
        ]
        for share, value in sums.items()
    )
    assert [-int(line[5]) for line in lines] == sorted(-share.window for share in sums)
    assert all("." in line[2] for line in lines)
