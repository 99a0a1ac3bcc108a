"""Metric attributions as resources, through boto3 (spec 02 R-MA; spec 12 sections 1 and 2)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.attributions import (
    FILMS,
    ITEMS_CSV,
    OUTPUT,
    REPORTS,
    SENT_AT,
    WATCHED,
    attribution,
    events_dataset,
    measured_group,
    metric,
    metrics_of,
    published,
    status,
    watched,
)
from tests.given import REGION, Given, arn
from tests.refusals import refusal

INVALID = "InvalidInputException"
LENGTHS = metric("lengths", "SUM(Items.LENGTH)")


@pytest.fixture
def group(given: Given) -> str:
    return measured_group(given)


def test_a_metric_attribution_is_described_without_its_metrics(given: Given, group: str) -> None:
    """R-MA-1, R-MA-2, MA-1, MA-2, MA-3, MA-4, R-GEN-12."""
    made = attribution(given, group, metric(), LENGTHS, output=REPORTS)
    assert made == arn("metric-attribution", "attribution")
    shown = given.personalize.describe_metric_attribution(metricAttributionArn=made)["metricAttribution"]
    created, changed = shown.pop("creationDateTime"), shown.pop("lastUpdatedDateTime")
    assert created == changed
    assert shown == {
        "name": "attribution",
        "metricAttributionArn": made,
        "datasetGroupArn": group,
        "metricsOutputConfig": REPORTS,
        "status": "ACTIVE",
    }
    (summary,) = given.personalize.list_metric_attributions()["metricAttributions"]
    assert set(summary) == {"name", "metricAttributionArn", "status", "creationDateTime", "lastUpdatedDateTime"}
    assert metrics_of(given, made) == [metric(), LENGTHS]


def test_a_group_has_one_attribution(given: Given, group: str) -> None:
    """R-MA-3, MA-2, MA-5, Q-16."""
    attribution(given, group)
    assert refusal(attribution, given=given, group=group, name="other") == (
        "LimitExceededException",
        "More than 1 resources in ACTIVE state. Please delete some and try again.",
    )
    assert refusal(attribution, given=given, group=group)[0] == "ResourceAlreadyExistsException"
    other = measured_group(given, "other", items=False)
    assert refusal(attribution, given=given, group=other)[0] == "ResourceAlreadyExistsException"
    attribution(given, other, name="other")


def test_an_attribution_passes_the_documented_states(slow: Given, clock: ManualClock) -> None:
    """R-MA-4, MA-5, R-GEN-14, R-GEN-20, R-GEN-17."""
    group = slow.group()
    refused = "ResourceInUseException"
    assert refusal(attribution, given=slow, group=group)[0] == refused
    clock.advance(60)
    slow.dataset(group, slow.schema(WATCHED))
    clock.advance(60)
    made = attribution(slow, group, metric())
    for seen in ("CREATE PENDING", "CREATE IN_PROGRESS"):
        assert status(slow, made) == seen
        assert refusal(slow.personalize.delete_metric_attribution, metricAttributionArn=made)[0] == refused
        change: dict[str, Any] = {"metricAttributionArn": made, "removeMetrics": ["watches"]}
        assert refusal(slow.personalize.update_metric_attribution, **change)[0] == refused
        clock.advance(6)
    clock.advance(60)
    assert status(slow, made) == "ACTIVE"
    slow.personalize.delete_metric_attribution(metricAttributionArn=made)
    for seen in ("DELETE PENDING", "DELETE IN_PROGRESS"):
        assert status(slow, made) == seen
        clock.advance(11)
    clock.advance(60)
    assert refusal(status, given=slow, made=made)[0] == "ResourceNotFoundException"


def test_updates_take_effect_at_once(slow: Given, clock: ManualClock) -> None:
    """R-MA-4, R-MA-5, R-MA-8, MA-6: removal before addition; the output is replaced as a whole."""
    group = slow.group()
    clock.advance(60)
    slow.dataset(group, slow.schema(WATCHED))
    clock.advance(60)
    made = attribution(slow, group, metric("a"), metric("b"), output=REPORTS)
    clock.advance(60)
    again = metric("a", "SUM(Interactions.EVENT_VALUE)")
    answer = slow.personalize.update_metric_attribution(
        metricAttributionArn=made, removeMetrics=["a"], addMetrics=[again], metricsOutputConfig=OUTPUT
    )
    assert answer["metricAttributionArn"] == made
    assert metrics_of(slow, made) == [metric("b"), again]
    shown = slow.personalize.describe_metric_attribution(metricAttributionArn=made)["metricAttribution"]
    assert (shown["status"], shown["metricsOutputConfig"]) == ("ACTIVE", OUTPUT)
    assert shown["lastUpdatedDateTime"] > shown["creationDateTime"]
    slow.personalize.update_metric_attribution(metricAttributionArn=made, removeMetrics=["a", "b"])
    assert metrics_of(slow, made) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"addMetrics": [metric()]}, "ResourceAlreadyExistsException"),
        ({"removeMetrics": ["unknown"]}, INVALID),
        ({"removeMetrics": ["watches", "Lengths"]}, INVALID),
        ({"addMetrics": [metric("new"), metric("new")]}, INVALID),
        ({"addMetrics": [metric(f"m{n}") for n in range(9)]}, INVALID),
        ({"addMetrics": [metric(f"m{n}") for n in range(11)]}, "ValidationException"),
        ({"addMetrics": [metric("new", "SUM(Items.NONE)")]}, INVALID),
        ({"metricsOutputConfig": {**REPORTS, "s3DataDestination": {"path": "s3://"}}}, "ValidationException"),
        ({}, INVALID),
        ({"metricAttributionArn": arn("metric-attribution", "none"), "addMetrics": []}, "ResourceNotFoundException"),
        ({"metricAttributionArn": arn("filter", "attribution"), "addMetrics": []}, INVALID),
    ],
)
def test_refused_updates_change_nothing(given: Given, group: str, change: dict[str, Any], code: str) -> None:
    """R-MA-5, R-MA-8, MA-6, Q-17, R-GEN-6, R-GEN-7."""
    made = attribution(given, group, metric(), LENGTHS)
    request = {"metricAttributionArn": made, **change}
    assert refusal(given.personalize.update_metric_attribution, **request)[0] == code
    assert metrics_of(given, made) == [metric(), LENGTHS]


def test_an_update_needs_an_arn(given: Given, group: str) -> None:
    """R-MA-8."""
    refused = refusal(given.personalize.update_metric_attribution, addMetrics=[metric()])
    assert refused == (INVALID, "metricAttributionArn is required.")


def test_ten_metrics_at_most(given: Given, group: str) -> None:
    """Q-17, MA-3, R-MA-1."""
    eleven = [metric(f"m{n}") for n in range(11)]
    refused = refusal(
        given.personalize.create_metric_attribution,
        name="a",
        datasetGroupArn=group,
        metrics=eleven,
        metricsOutputConfig=OUTPUT,
    )
    assert refused[0] == "ValidationException"
    made = attribution(given, group, *eleven[:10])
    request = {"metricAttributionArn": made, "removeMetrics": ["m0"], "addMetrics": eleven[10:]}
    given.personalize.update_metric_attribution(**request)
    assert [one["metricName"] for one in metrics_of(given, made)] == [f"m{n}" for n in range(1, 11)]


def test_names_of_metrics_are_unique(given: Given, group: str) -> None:
    """MA-3: letter case counts."""
    with pytest.raises(given.personalize.exceptions.InvalidInputException):
        attribution(given, group, metric(), metric())
    attribution(given, group, metric(), metric("Watches"))


def test_metrics_are_listed_page_by_page(given: Given, group: str) -> None:
    """P-73, P-74, MA-6, P-44."""
    made = attribution(given, group, *(metric(f"m{n}") for n in (3, 1, 2)))
    other = attribution(given, measured_group(given, "other"), metric("x"), name="other")
    client = given.personalize
    first = client.list_metric_attribution_metrics(metricAttributionArn=made, maxResults=2)
    assert [one["metricName"] for one in first["metrics"]] == ["m3", "m1"]
    rest = client.list_metric_attribution_metrics(
        metricAttributionArn=made, maxResults=2, nextToken=first["nextToken"]
    )
    assert [one["metricName"] for one in rest["metrics"]] == ["m2"]
    assert "nextToken" not in rest
    everything = client.list_metric_attribution_metrics()["metrics"]
    assert [one["metricName"] for one in everything] == ["m3", "m1", "m2", "x"]
    assert metrics_of(given, arn("metric-attribution", "none")) == []
    listed = client.list_metric_attributions()["metricAttributions"]
    assert [one["metricAttributionArn"] for one in listed] == [other, made]
    (of_group,) = client.list_metric_attributions(datasetGroupArn=group)["metricAttributions"]
    assert of_group["metricAttributionArn"] == made


@pytest.mark.parametrize(
    "expression",
    ["SAMPLECOUNT()", " samplecount ( ) ", "sum(items.length)", "SUM( Items .PRICE)", "Sum(interactions.EVENT_value)"],
)
def test_expressions_ignore_case_and_blanks(given: Given, group: str, expression: str) -> None:
    """MA-10, MA-11, MA-12."""
    made = attribution(given, group, metric("m", expression))
    assert metrics_of(given, made) == [metric("m", expression)]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "SAMPLECOUNT",
        "SAMPLECOUNT(Items.LENGTH)",
        "SUM()",
        "SUM(LENGTH)",
        "SUM(Users.AGE)",
        "SUM(Items.LENGTH) + 1",
        "SUM(Items.LENGTH, Items.PRICE)",
        "MAX(Items.LENGTH)",
        "SAMPLE COUNT()",
        "SUM(Items.GENRE)",
        "SUM(Items.UNKNOWN)",
        "SUM(Items.ITEM_ID)",
        "SUM(Interactions.EVENT_TYPE)",
        "SUM(Interactions.LENGTH)",
    ],
)
def test_other_expressions_are_refused(given: Given, group: str, expression: str) -> None:
    """MA-10, MA-11, MA-12."""
    with pytest.raises(given.personalize.exceptions.InvalidInputException):
        attribution(given, group, metric("m", expression))


def test_summed_columns_must_exist(given: Given) -> None:
    """MA-7, MA-12, R-MA-6: event types, and the column; the items themselves may come later."""
    group = given.group()
    with pytest.raises(given.personalize.exceptions.InvalidInputException):
        attribution(given, group)
    plain = given.group("plain")
    given.dataset(plain, given.schema())
    with pytest.raises(given.personalize.exceptions.InvalidInputException):
        attribution(given, plain)
    given.dataset(group, given.schema(WATCHED, "watched"))
    with pytest.raises(given.personalize.exceptions.InvalidInputException):
        attribution(given, group, LENGTHS)
    given.dataset(group, given.schema(FILMS, "films"), "Items")
    attribution(given, group, LENGTHS)


def test_items_that_are_imported_later_are_summed_over(given: Given, events: Any) -> None:
    """MA-12, MA-15: until then they add 0."""
    group = measured_group(given, items=False)
    films = given.dataset(group, given.schema(FILMS, "films"), "Items")
    attribution(given, group, LENGTHS)
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    send = partial(events.put_events, trackingId=tracker, userId="u", sessionId="s")
    send(eventList=[watched()])
    given.import_job(films, given.upload(ITEMS_CSV, "films.csv"))
    send(eventList=[watched(at=SENT_AT + 1)])
    assert sum(total for _, _, total, _, _ in published("lengths")) == 90


def test_attributions_have_no_tags(given: Given, group: str) -> None:
    """R-MA-7."""
    made = attribution(given, group)
    assert refusal(given.personalize.list_tags_for_resource, resourceArn=made)[0] == INVALID


def test_group_and_datasets_of_an_attribution_cannot_be_deleted(given: Given, group: str) -> None:
    """R-DSG-13, R-DS-18, R-GEN-16: items only while a metric sums over them."""
    made = attribution(given, group, metric(), LENGTHS)
    films = arn("dataset", "group/ITEMS")
    expected = f"in use: metric-attribution {made}."
    for dataset in (films, events_dataset()):
        code, text = refusal(given.personalize.delete_dataset, datasetArn=dataset)
        assert code == "ResourceInUseException"
        assert text.endswith(expected)
    given.personalize.update_metric_attribution(metricAttributionArn=made, removeMetrics=["lengths"])
    given.personalize.delete_dataset(datasetArn=films)
    assert refusal(given.personalize.delete_dataset, datasetArn=events_dataset())[0] == "ResourceInUseException"
    assert refusal(given.personalize.delete_dataset_group, datasetGroupArn=group)[0] == "ResourceInUseException"
    given.personalize.delete_metric_attribution(metricAttributionArn=made)
    given.personalize.delete_dataset(datasetArn=events_dataset())
    given.personalize.delete_dataset_group(datasetGroupArn=group)


@pytest.mark.parametrize("path", ["http://bucket/x", "s3:///x"])
def test_a_destination_of_another_form_is_refused(given: Given, group: str, path: str) -> None:
    """MA-4, D-109."""
    output = {"roleArn": OUTPUT["roleArn"], "s3DataDestination": {"path": path}}
    refused = refusal(attribution, given=given, group=group, output=output)
    assert refused == (INVALID, "Invalid S3 output path")


def test_attributions_of_other_regions_are_invisible(given: Given, group: str) -> None:
    """P-20, R-GEN-6."""
    made = attribution(given, group).replace(REGION, "eu-west-1")
    assert refusal(status, given=given, made=made)[0] == "ResourceNotFoundException"
