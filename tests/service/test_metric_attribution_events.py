"""What streamed events add to the metrics in CloudWatch, through boto3 (spec 12 sections 2 to 4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from personalize_emu.aws_services import MetricsRefused
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.attributions import (
    ITEMS_CSV,
    SENT_AT,
    WATCHED,
    WINDOW,
    attribution,
    events_dataset,
    grants,
    measured_group,
    metric,
    published,
    status,
    watched,
)
from tests.clients import client
from tests.given import BUCKET, ROLE, USER_PERSONALIZATION, Given, arn
from tests.refusals import refusal

UNDEFINED = "SOURCE_NAME_UNDEFINED"
TO_S3 = {"roleArn": ROLE, "s3DataDestination": {"path": f"s3://{BUCKET}/reports/"}}
COUNT, SUM = ("watch", "samplecount"), ("watch", "sum")


class Tracker:
    """Puts events of one group."""

    def __init__(self, given: Given, group: str) -> None:
        made = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)
        self._tracking_id = made["trackingId"]
        self.client = client("personalize-events")

    def call(self, *events: dict[str, Any]) -> dict[str, Any]:
        return {"trackingId": self._tracking_id, "sessionId": "s", "userId": "u", "eventList": list(events)}

    def put(self, *events: dict[str, Any]) -> None:
        self.client.put_events(**self.call(*events))


@pytest.fixture
def group(given: Given) -> str:
    return measured_group(given)


@pytest.fixture
def tracker(given: Given, group: str) -> Tracker:
    return Tracker(given, group)


def test_sums_and_counts_reach_cloudwatch(given: Given, group: str, tracker: Tracker) -> None:
    """MA-13, MA-15, MA-32, MA-34: the worked example."""
    metrics = (metric("lengths", "SUM(Items.LENGTH)"), metric("clicks", event_type="click"))
    attribution(given, group, *metrics, metric("values", "sum(interactions.event_value)"))
    tracker.put(
        watched("i1", source="mail", eventValue=1.5),
        watched("i2", source="mail", eventValue=2.0),
        watched("i1", source="mail", eventType="click", eventValue=8),
    )
    assert published("lengths") == [("mail", WINDOW, 120.0, *SUM)]
    assert published("clicks") == [("mail", WINDOW, 1.0, "click", "samplecount")]
    assert published("values") == [("mail", WINDOW, 3.5, *SUM)]


def test_event_types_compare_without_case(given: Given, group: str, tracker: Tracker) -> None:
    """MA-14."""
    attribution(given, group, metric(event_type="Watch"))
    tracker.put(watched(source="a", eventType="WATCH"), watched(source="a"), watched(source="a", eventType="watches"))
    assert published() == [("a", WINDOW, 2.0, "Watch", "samplecount")]


def test_missing_values_add_zero(given: Given, group: str, tracker: Tracker) -> None:
    """MA-12: an item without a row, a null, an event without value."""
    attribution(given, group, metric("p", "SUM(Items.PRICE)"), metric("v", "SUM(Interactions.EVENT_VALUE)"))
    tracker.put(watched("i1", source="a"), watched("i2", source="a"), watched("unknown", source="a"))
    assert published("p") == [("a", WINDOW, 1.5, *SUM)]
    assert published("v") == [("a", WINDOW, 0.0, *SUM)]


def test_sums_over_items_read_their_current_values(given: Given, group: str, tracker: Tracker) -> None:
    """MA-12, EV-63."""
    attribution(given, group, metric("lengths", "SUM(Items.LENGTH)"))
    tracker.client.put_items(
        datasetArn=arn("dataset", "group/ITEMS"),
        items=[{"itemId": "i1", "properties": json.dumps({"length": 7, "genre": "x"})}],
    )
    tracker.put(watched("i1", source="a"))
    assert published("lengths") == [("a", WINDOW, 7.0, *SUM)]


def test_events_are_attributed_to_source_or_recommendation(
    given: Given, group: str, tracker: Tracker, runtime: Any
) -> None:
    """MA-20, EV-52."""
    campaign = given.deployed(USER_PERSONALIZATION, name="films")
    recommendation = runtime.get_recommendations(campaignArn=campaign, userId="u1")["recommendationId"]
    attribution(given, group, metric())
    tracker.put(
        watched(source="mail", recommendationId=recommendation),
        watched(recommendationId=recommendation),
        watched(recommendationId="RID-unknown"),
        watched(),
    )
    assert published() == [
        (UNDEFINED, WINDOW, 2.0, *COUNT),
        (campaign, WINDOW, 1.0, *COUNT),
        ("mail", WINDOW, 1.0, *COUNT),
    ]


def test_sums_are_stamped_with_the_window_of_the_event_time(given: Given, group: str, tracker: Tracker) -> None:
    """MA-30, MA-31: aligned to quarters of an hour; empty ones are not there."""
    attribution(given, group, metric())
    tracker.put(*[watched(source="a", at=WINDOW + second) for second in (-1, 0, 899, 900, 3600)])
    counts = {WINDOW - 900: 1.0, WINDOW: 2.0, WINDOW + 900: 1.0, WINDOW + 3600: 1.0}
    assert published() == [("a", window, count, *COUNT) for window, count in counts.items()]


def test_repeated_events_are_counted_again(given: Given, group: str, tracker: Tracker, emulator: Emulator) -> None:
    """MA-23, EV-40, EV-41: though one is stored."""
    attribution(given, group, metric())
    tracker.put(watched(source="a"), watched(source="a"))
    tracker.put(watched(source="a", eventId="1"), watched(source="a", eventId="1"))
    assert len(emulator.state.contents(events_dataset()).log) == 1
    assert published() == [("a", WINDOW, 4.0, *COUNT)]


def test_old_events_do_not_reach_cloudwatch(given: Given, group: str, tracker: Tracker) -> None:
    """MA-33. Nor what CloudWatch would refuse as being more than two hours ahead."""
    attribution(given, group, metric())
    fortnight = 14 * 24 * 3600
    tracker.put(watched(source="a", at=SENT_AT - fortnight), watched(source="a", at=SENT_AT - fortnight + 1))
    tracker.put(watched(source="b", at=SENT_AT + 7200), watched(source="b", at=SENT_AT + 7201))
    assert [(source, value) for source, _, value, *_ in published()] == [("a", 1.0), ("b", 1.0)]


def test_the_101st_source_is_refused(given: Given, group: str, tracker: Tracker) -> None:
    """EV-52, MA-21, Q-18: of all events of a call none is stored; who is not credited needs no place."""
    tracker.put(watched(source="before"))
    attribution(given, group, metric())
    for tens in range(10):
        tracker.put(*[watched(source=f"s{tens}{ones}") for ones in range(10)])
    refused = refusal(tracker.client.put_events, **tracker.call(watched(source="s00"), watched(source="one more")))
    assert refused == ("InvalidInputException", "More than 100 distinct event attribution sources.")
    tracker.put(watched(source="s99"), watched())
    assert sum(value for _, _, value, *_ in published()) == 102


def test_events_before_and_after_an_attribution_do_not_count(given: Given, group: str, tracker: Tracker) -> None:
    """MA-6, MA-8: what has been sent stays."""
    tracker.put(watched(source="a"))
    made = attribution(given, group, metric())
    tracker.put(watched(source="a", at=SENT_AT + 1))
    given.personalize.delete_metric_attribution(metricAttributionArn=made)
    tracker.put(watched(source="a", at=SENT_AT + 2))
    assert published() == [("a", WINDOW, 1.0, *COUNT)]


def test_updated_metrics_apply_to_later_events(given: Given, group: str, tracker: Tracker) -> None:
    """R-MA-4, MA-6."""
    made = attribution(given, group, metric("old"))
    tracker.put(watched(source="a"))
    given.personalize.update_metric_attribution(
        metricAttributionArn=made, removeMetrics=["old"], addMetrics=[metric("new")]
    )
    tracker.put(watched(source="a", at=SENT_AT + 1))
    assert published("old") == published("new") == [("a", WINDOW, 1.0, *COUNT)]


def test_events_of_other_groups_are_not_counted(given: Given, group: str, tracker: Tracker) -> None:
    """R-DSG-1."""
    attribution(given, measured_group(given, "other"), metric())
    tracker.put(watched(source="a"))
    assert published() == []


def slow_attribution(slow: Given, clock: ManualClock) -> tuple[str, Tracker]:
    group = slow.group()
    clock.advance(60)
    slow.dataset(group, slow.schema(WATCHED))
    clock.advance(60)
    tracker = Tracker(slow, group)
    made = attribution(slow, group, metric())
    clock.advance(60)
    return made, tracker


def samples(clock: ManualClock) -> list[tuple[float, float]]:
    """Number of data and their sum in each window."""
    cloudwatch = client("cloudwatch")
    (shown,) = cloudwatch.list_metrics(Namespace="Personalize", MetricName="watches")["Metrics"]
    points = cloudwatch.get_metric_statistics(
        Namespace="Personalize",
        MetricName="watches",
        Dimensions=shown["Dimensions"],
        StartTime=WINDOW - 86400,
        EndTime=clock.now() + 86400,
        Period=900,
        Statistics=["SampleCount", "Sum"],
    )["Datapoints"]
    return [(point["SampleCount"], point["Sum"]) for point in points]


def test_sums_are_sent_at_the_end_of_the_window(slow: Given, clock: ManualClock) -> None:
    """MA-30, MA-31: as one datum."""
    _, tracker = slow_attribution(slow, clock)
    now = int(clock.now())
    for second in range(3):
        tracker.put(watched(source="a", at=now + second))
    clock.advance(900 - clock.now() % 900 - 1)
    assert published() == []
    clock.advance(1)
    assert samples(clock) == [(1.0, 3.0)]


def test_a_deleted_attribution_publishes_nothing(slow: Given, clock: ManualClock) -> None:
    """MA-6: at once, also what it has counted."""
    made, tracker = slow_attribution(slow, clock)
    tracker.put(watched(source="a", at=int(clock.now())))
    slow.personalize.delete_metric_attribution(metricAttributionArn=made)
    clock.advance(1000)
    assert published() == []


def test_creation_publishes_a_probe_metric(given: Given, group: str) -> None:
    """MA-7."""
    made = attribution(given, group)
    cloudwatch = client("cloudwatch")
    (probe,) = cloudwatch.list_metrics(Namespace="Personalize")["Metrics"]
    assert probe["Dimensions"] == [{"Name": "MetricAttributionArn", "Value": made}]


@pytest.fixture
def checked(clock: ManualClock) -> Iterator[Given]:
    """Roles are checked; the one there is may read the bucket and no more."""
    with mock_personalize(clock=clock, check_roles=True):
        client("iam").create_role(
            RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=trust("sts:AssumeRole")
        )
        checked = Given(client("personalize"), client("s3"))
        checked.upload(ITEMS_CSV)
        allow(checked, "s3:GetObject", "s3:ListBucket")
        yield checked


def trust(*actions: str) -> str:
    policy = json.loads(grants(*actions))
    policy["Statement"][0]["Principal"] = {"Service": "personalize.amazonaws.com"}
    if actions == ("sts:AssumeRole",):
        del policy["Statement"][0]["Resource"]
    return json.dumps(policy)


def allow(given: Given, *actions: str) -> None:
    """To the role, and in the bucket to the service."""
    client("iam").put_role_policy(
        RoleName=ROLE.rpartition("/")[2], PolicyName="p", PolicyDocument=grants(*actions)
    )
    in_s3 = [action for action in actions if action.startswith("s3:")]
    given.s3.put_bucket_policy(Bucket=BUCKET, Policy=trust(*in_s3))


def test_the_role_must_be_allowed_to_publish(checked: Given) -> None:
    """MA-7, MA-5, R-GEN-11."""
    group = measured_group(checked)
    made = attribution(checked, group)
    assert status(checked, made) == "CREATE FAILED"
    shown = checked.personalize.describe_metric_attribution(metricAttributionArn=made)["metricAttribution"]
    assert shown["failureReason"] == f"Role {ROLE} does not allow cloudwatch:PutMetricData."
    checked.personalize.delete_metric_attribution(metricAttributionArn=made)
    allow(checked, "cloudwatch:PutMetricData", "s3:GetObject", "s3:ListBucket")
    assert status(checked, attribution(checked, group)) == "ACTIVE"


def test_the_role_must_be_allowed_to_write_reports(checked: Given) -> None:
    """MA-7, S-1, S-9: at creation and in updates."""
    group = measured_group(checked)
    allow(checked, "cloudwatch:PutMetricData", "s3:GetObject", "s3:ListBucket")
    code, text = refusal(attribution, given=checked, group=group, output=TO_S3)
    assert (code, text.endswith(f"fix bucket policy on {BUCKET}.")) == ("InvalidInputException", True)
    made = attribution(checked, group)
    change: dict[str, Any] = {"metricAttributionArn": made, "metricsOutputConfig": TO_S3}
    assert refusal(checked.personalize.update_metric_attribution, **change)[0] == "InvalidInputException"
    allow(checked, "s3:PutObject")
    checked.personalize.update_metric_attribution(**change)


def test_nothing_is_published_after_the_role_loses_its_rights(checked: Given) -> None:
    """MA-7: events are stored all the same."""
    group = measured_group(checked)
    allow(checked, "cloudwatch:PutMetricData")
    attribution(checked, group, metric())
    allow(checked, "s3:GetObject")
    Tracker(checked, group).put(watched(source="a"))
    assert published() == []


def test_events_are_stored_when_cloudwatch_fails(
    given: Given, group: str, tracker: Tracker, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MA-7, MA-32: a new attribution fails then."""
    made = attribution(given, group, metric())

    def refuse(*_: object) -> None:
        raise MetricsRefused("out of order")

    monkeypatch.setattr(emulator.aws_services, "publish", refuse)
    tracker.put(watched(source="a"))
    assert len(emulator.state.contents(events_dataset()).log) == 1
    given.personalize.delete_metric_attribution(metricAttributionArn=made)
    shown = given.personalize.describe_metric_attribution(metricAttributionArn=attribution(given, group))
    reason = shown["metricAttribution"]["failureReason"]
    assert reason == "Metrics could not be sent to Amazon CloudWatch: out of order"
