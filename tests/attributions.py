"""Helpers for tests of metric attributions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3

from tests.given import BUCKET, REGION, ROLE, Given, arn, avro, field

SENT_AT = 1_700_000_000
WINDOW = SENT_AT // 900 * 900
OUTPUT = {"roleArn": ROLE}
REPORTS = {"roleArn": ROLE, "s3DataDestination": {"path": f"s3://{BUCKET}/reports"}}
ITEMS_CSV = "ITEM_ID,LENGTH,PRICE,GENRE\ni1,90,1.5,a\ni2,30,,b\n"
WATCHED = avro(
    "Interactions",
    field("USER_ID"),
    field("ITEM_ID"),
    field("TIMESTAMP", "long"),
    field("EVENT_TYPE"),
    field("EVENT_VALUE", ["float", "null"]),
    field("RECOMMENDATION_ID", ["string", "null"]),
    field("EVENT_ATTRIBUTION_SOURCE", ["string", "null"]),
)
FILMS = avro(
    "Items",
    field("ITEM_ID"),
    field("LENGTH", "int"),
    field("PRICE", ["null", "double"]),
    field("GENRE", "string", categorical=True),
)


def metric(name: str = "watches", expression: str = "SAMPLECOUNT()", event_type: str = "watch") -> dict[str, str]:
    return {"metricName": name, "expression": expression, "eventType": event_type}


def measured_group(given: Given, name: str = "group", *, items: bool = True) -> str:
    """A group with empty interactions and two films."""
    group = given.group(name)
    given.dataset(group, given.schema(WATCHED, f"{name}-events"))
    if items:
        films = given.dataset(group, given.schema(FILMS, f"{name}-films"), "Items")
        given.import_job(films, given.upload(ITEMS_CSV, "films.csv"), f"{name}-films")
    return group


def attribution(
    given: Given, group: str, *metrics: dict[str, str], name: str = "attribution", output: Any = OUTPUT
) -> str:
    answer = given.personalize.create_metric_attribution(
        name=name, datasetGroupArn=group, metrics=list(metrics), metricsOutputConfig=output
    )
    made: str = answer["metricAttributionArn"]
    return made


def metrics_of(given: Given, made: str) -> list[dict[str, str]]:
    answer = given.personalize.list_metric_attribution_metrics(metricAttributionArn=made)
    found: list[dict[str, str]] = answer["metrics"]
    return found


def status(given: Given, made: str) -> str:
    shown = given.personalize.describe_metric_attribution(metricAttributionArn=made)["metricAttribution"]
    text: str = shown["status"]
    return text


def interactions_csv(*rows: tuple[Any, ...]) -> str:
    """Rows of user, item, time, type, value, recommendation id, source, and a thousand rows of another type."""
    header = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,RECOMMENDATION_ID,EVENT_ATTRIBUTION_SOURCE\n"
    fill = "".join(f"u{n % 30},i1,{SENT_AT + n},other,,,\n" for n in range(1000))
    return header + "".join(",".join(map(str, row)) + "\n" for row in rows) + fill


def events_dataset(name: str = "group") -> str:
    return arn("dataset", f"{name}/INTERACTIONS")


def watched(item: str = "i1", at: int = SENT_AT, source: str | None = None, **extra: Any) -> dict[str, Any]:
    made = {"eventType": "watch", "sentAt": at, "itemId": item, **extra}
    return made if source is None else {**made, "metricAttribution": {"eventAttributionSource": source}}


def published(name: str = "watches") -> list[tuple[str, int, float, str, str]]:
    """Data of a metric in CloudWatch: source, time, sum over 15 minutes, event type, function; oldest first."""
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)
    listed = cloudwatch.list_metrics(Namespace="Personalize", MetricName=name)["Metrics"]
    # moto lists a metric once for every call that sent it.
    found = []
    for pairs in {tuple((one["Name"], one["Value"]) for one in shown["Dimensions"]) for shown in listed}:
        dimensions = dict(pairs)
        points = cloudwatch.get_metric_statistics(
            Namespace="Personalize",
            MetricName=name,
            Dimensions=[{"Name": key, "Value": text} for key, text in pairs],
            StartTime=datetime.fromtimestamp(WINDOW - 30 * 86400, UTC),
            EndTime=datetime.fromtimestamp(WINDOW + 30 * 86400, UTC),
            Period=900,
            Statistics=["Sum"],
        )["Datapoints"]
        for point in points:
            moment = int(point["Timestamp"].timestamp())
            kind = dimensions["EventType"], dimensions["MathFunction"]
            found.append((dimensions["EventAttributionSource"], moment, point["Sum"], *kind))
    return sorted(found)


def grants(*actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
