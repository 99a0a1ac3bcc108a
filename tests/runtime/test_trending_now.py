"""Trending items through boto3, and their updates with events (R-76a, R-98, R-110 to R-114)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.domain_groups import cinema, recommender
from tests.given import Given, arn, as_csv, two_camps
from tests.refusals import refusal

TRENDING = "arn:aws:personalize:::recipe/aws-trending-now"
HOUR = 3600
LATER = 1_700_000_000
FREQUENCY = "trend_discovery_frequency"


def rows() -> list[tuple[str, str, int]]:
    """i003 has twice as many interactions in one hour as in the hour before, long after all other events."""
    end = 1_600_000_000 + 100 * HOUR
    burst = [(f"t{number}", "i003", end + number) for number in range(20)]
    before = [(f"t{number}", "i003", end - HOUR + number) for number in range(10)]
    return [*two_camps(), *before, *burst]


class Trends:
    """A campaign of trending items with an event tracker."""

    def __init__(self, given: Given, runtime: Any, events: Any, frequency: str = "1 hour") -> None:
        self.given, self.runtime, self.events = given, runtime, events
        group = given.imported_group(rows())
        config = {"featureTransformationParameters": {FREQUENCY: frequency}}
        self.version = given.version(given.solution(group, TRENDING, solutionConfig=config))
        self.campaign = given.campaign(self.version)
        made = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)
        self.tracker, self.tracking = made["eventTrackerArn"], made["trackingId"]

    def top(self, count: int = 1, **params: Any) -> list[str]:
        answer = self.runtime.get_recommendations(campaignArn=self.campaign, numResults=count, **params)
        return [item["itemId"] for item in answer["itemList"]]

    def stream(self, item: str, count: int = 12, start: int = LATER) -> None:
        for first in range(start, start + count, 10):
            several = range(first, min(first + 10, start + count))
            chosen = [{"eventType": "x", "itemId": item, "sentAt": time} for time in several]
            self.events.put_events(trackingId=self.tracking, sessionId="s", userId="u", eventList=chosen)


@pytest.fixture
def trends(given: Given, runtime: Any, events: Any) -> Trends:
    return Trends(given, runtime, events)


def test_no_user_is_needed(trends: Trends) -> None:
    """R-4, RT-19, RT-31: no user, no scores, the same for all."""
    answer = trends.runtime.get_recommendations(campaignArn=trends.campaign)
    assert answer["itemList"][0] == {"itemId": "i003"}
    assert all(set(item) == {"itemId"} for item in answer["itemList"])
    assert trends.top(25) == trends.top(25, userId="u1") == [item["itemId"] for item in answer["itemList"]]


def test_m3_trend_metric(trends: Trends) -> None:
    """M-3, M-29."""
    metrics = trends.given.personalize.get_solution_metrics(solutionVersionArn=trends.version)["metrics"]
    assert len(metrics) == 9
    assert metrics["trend_prediction_accuracy"] == 1.0


def test_events_count_at_the_next_evaluation(trends: Trends, clock: ManualClock) -> None:
    """R-76a, R-76c, R-110, R-111, EV-48: a known and a new item, after one interval; later events do not count."""
    trends.stream("i007")
    clock.advance(HOUR - 1)
    assert trends.top() == ["i003"]
    clock.advance(1)
    trends.stream("i-new", 24)
    assert trends.top() == ["i007"]
    clock.advance(HOUR)
    assert trends.top(2) == ["i-new", "i007"]


def test_another_evaluation_without_new_data_changes_nothing(
    trends: Trends, emulator: Emulator, clock: ManualClock
) -> None:
    """R-76: the intervals end with the latest interaction, not with the evaluation."""
    trends.stream("i007")
    clock.advance(HOUR)
    served = emulator.state.trained(trends.version)
    clock.advance(48 * HOUR)
    assert emulator.state.trained(trends.version) is served
    assert trends.top() == ["i007"]


def test_daily_trends_are_updated_every_two_hours(
    given: Given, runtime: Any, events: Any, clock: ManualClock
) -> None:
    """R-76a: updated every two hours with daily trend discovery."""
    trends = Trends(given, runtime, events, "1 day")
    trends.stream("i-new", 30)
    clock.advance(2 * HOUR - 1)
    assert trends.top() != ["i-new"]
    clock.advance(1)
    assert trends.top() == ["i-new"]


def test_imports_are_refreshed(trends: Trends, clock: ManualClock) -> None:
    """R-114."""
    more = [*rows(), *[(f"v{number}", "i-imported", LATER + number) for number in range(5)]]
    trends.given.import_job(arn("dataset", "group/INTERACTIONS"), trends.given.upload(as_csv(more)), "more")
    assert trends.top() == ["i003"]
    clock.advance(HOUR)
    assert trends.top() == ["i-imported"]


def test_evaluations_end_with_the_dataset(trends: Trends, emulator: Emulator, clock: ManualClock) -> None:
    """R-DS-19, R-76a: a new dataset with the name of a deleted one is another dataset."""
    given, dataset = trends.given, arn("dataset", "group/INTERACTIONS")
    clock.advance(HOUR)
    served = emulator.state.trained(trends.version)
    given.personalize.delete_campaign(campaignArn=trends.campaign)
    given.personalize.delete_event_tracker(eventTrackerArn=trends.tracker)
    given.personalize.delete_dataset(datasetArn=dataset)
    assert given.dataset(arn("dataset-group", "group"), arn("schema", "group-schema")) == dataset
    given.import_job(dataset, given.upload(as_csv(two_camps())), "others")
    clock.advance(5 * HOUR)
    assert emulator.state.trained(trends.version) is served


def test_users_with_one_event_are_enough(given: Given) -> None:
    """T-80, spec 06 section 1.1: only interactions are counted, not users with two of them."""
    once = [(f"u{number}", f"i{number % 9}", 1_600_000_000 + number) for number in range(1000)]
    version = given.version(given.solution(given.imported_group(once), TRENDING))
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert shown["status"] == "ACTIVE", shown


def test_the_use_case_of_trending_films(given: Given, runtime: Any, events: Any, clock: ManualClock) -> None:
    """R-98, R-103, M-41, RT-53: no user, no scores, evaluated every two hours, no promotions."""
    group = cinema(given, films=False)
    made = recommender(given, group, "vod-trending-now")
    shown = given.personalize.describe_recommender(recommenderArn=made)["recommender"]["modelMetrics"]
    assert len(shown) == 9
    assert 0 <= shown["trend_prediction_accuracy"] <= 1
    tracking = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]

    def first() -> dict[str, Any]:
        item: dict[str, Any] = runtime.get_recommendations(recommenderArn=made, numResults=1)["itemList"][0]
        return item

    def stream(item: str, times: range) -> None:
        for time in times:
            event = {"eventType": "Click", "itemId": item, "sentAt": time}
            events.put_events(trackingId=tracking, userId="u0", sessionId="s", eventList=[event])

    stream("i-hit", range(LATER, LATER + 3))
    clock.advance(2 * HOUR - 1)
    assert first() != {"itemId": "i-hit"}
    clock.advance(1)
    assert first() == {"itemId": "i-hit"}
    given.personalize.stop_recommender(recommenderArn=made)
    stream("i-next", range(LATER, LATER + 9))
    clock.advance(2 * HOUR)
    given.personalize.start_recommender(recommenderArn=made)
    assert first() == {"itemId": "i-hit"}, "R-REC-11: what is stopped keeps its model"
    clock.advance(2 * HOUR)
    assert first() == {"itemId": "i-next"}
    promotion = {"name": "p", "percentPromotedItems": 10, "filterArn": arn("filter", "f")}
    code, _ = refusal(runtime.get_recommendations, recommenderArn=made, promotions=[promotion])
    assert code == "InvalidInputException"
