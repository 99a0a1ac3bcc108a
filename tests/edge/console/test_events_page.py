"""Events of a group: metric attributions as time series (MA-30 to MA-34), click-through rates and their comparison."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from personalize_emu.edge.console.charts import HEIGHT, MARGIN, WIDTH, curves
from personalize_emu.edge.console.click_rates import Interval, click_rates, difference, wilson
from personalize_emu.edge.console.events_page import MOST_POINTS, MOST_SOURCES, events_page
from personalize_emu.emulator import Emulator
from personalize_emu.service.state import attribution_ledger
from personalize_emu.service.state.attribution_ledger import Ledger, Metric, SumKey
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.served_recommendations import ServedRecommendations
from tests.attributions import attribution, measured_group, metric
from tests.edge.console.shop_state import CLICKS_EVERY, SESSIONS, ShopState
from tests.given import POPULARITY, Given

EVENTS = "/_emu/console/events"
HOUR = 3600
VIEWS = Metric("View", "views", "SAMPLECOUNT()")


def text_of(client: FlaskClient, **query: str) -> str:
    answer = client.get(EVENTS, query_string=query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text)


def watched(events: Any, tracker: str, item: str, moment: float, source: str | None = None) -> None:
    named = {} if source is None else {"metricAttribution": {"eventAttributionSource": source}}
    event = {"eventType": "watch", "itemId": item, "sentAt": moment, **named}
    events.put_events(trackingId=tracker, userId="u", sessionId="s", eventList=[event])


def test_sums_are_shown_by_source_and_hour(emulator: Emulator, given: Given, events: Any, clock: ManualClock) -> None:
    """MA-15, MA-20: lengths of films that were watched, by the source that is credited."""
    group = measured_group(given)
    attribution(given, group, metric("minutes", "SUM(Items.LENGTH)"), metric("clicks", event_type="click"))
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    now = clock.now() // HOUR * HOUR
    for item, ago, source in (("i1", 0, "search"), ("i2", 10, "search"), ("i1", -2 * HOUR, "mail"), ("i2", 5, None)):
        watched(events, tracker, item, now + ago, source)
    page = events_page(emulator, {"group": group})
    assert page is not None
    ((minutes, clicks),) = (shown.metrics for shown in page.attributions)
    assert page.period == "hour"
    assert {source.name: source.values for source in minutes.sources} == {
        "search": (0, 0, 120),
        "mail": (90, 0, 0),
        "SOURCE_NAME_UNDEFINED": (0, 0, 30),
    }
    assert minutes.total == 240
    assert len(minutes.times) == 3
    assert (clicks.sources, clicks.total) == ((), 0)
    text = text_of(create_app(emulator).test_client(), group=group)
    assert "SUM(Items.LENGTH) of watch: 240" in text
    assert "No click event yet" in text
    days = text_of(create_app(emulator).test_client(), group=group, per="day")
    assert "<strong>day</strong>" in days


def test_sums_stay_shown_when_they_have_been_sent(
    emulator: Emulator, given: Given, events: Any, clock: ManualClock
) -> None:
    """MA-30: they are sent at the end of the window."""
    group = measured_group(given)
    made = attribution(given, group, metric())
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    for _ in range(2):
        watched(events, tracker, "i1", clock.now())
        emulator.advance(2 * HOUR)
    ledger = emulator.state.attributions[made].ledger
    assert ledger is not None
    assert ledger.take() == {}
    page = events_page(emulator, {"group": group})
    assert page is not None
    assert page.attributions[0].metrics[0].sources[0].values == (1, 0, 1)


def test_removed_metrics_keep_their_values_on_the_page(
    emulator: Emulator, given: Given, events: Any, clock: ManualClock
) -> None:
    group = measured_group(given)
    made = attribution(given, group, metric())
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    watched(events, tracker, "i1", clock.now())
    given.personalize.update_metric_attribution(
        metricAttributionArn=made, removeMetrics=["watches"], addMetrics=[metric("others")]
    )
    page = events_page(emulator, {"group": group})
    assert page is not None
    assert [(each.name, each.total) for each in page.attributions[0].metrics] == [("others", 0), ("watches", 1)]


def test_small_sources_are_summed_up_and_old_points_left_out(emulator: Emulator, given: Given) -> None:
    group = measured_group(given)
    made = attribution(given, group, metric())
    ledger = emulator.state.attributions[made].ledger
    assert ledger is not None
    watches = Metric("watch", "watches", "SAMPLECOUNT()")
    for number in range(MOST_SOURCES + 3):
        ledger.add({SumKey(watches, f"s{number}", 100 * 86_400): 10.0 - number})
    ledger.add({SumKey(watches, "s0", 0): 1.0})
    page = events_page(emulator, {"group": group})
    assert page is not None
    (shown,) = page.attributions[0].metrics
    assert page.period == "day"
    assert [source.name for source in shown.sources] == ["s0", "s1", "s2", "s3", "all others (3)"]
    assert [source.values[-1] for source in shown.sources] == [10, 9, 8, 7, 6 + 5 + 4]
    assert len(shown.times) == MOST_POINTS
    assert shown.older == 101 - MOST_POINTS


def test_a_ledger_keeps_the_newest_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution_ledger, "MOST_SENT_SUMS", 10)
    ledger = Ledger("attribution", "group")
    for window in range(25):
        ledger.add({SumKey(VIEWS, "a", window): 1.0})
    kept = {key.window for key in ledger.history()}
    assert len(kept) <= 10
    assert kept == set(range(25 - len(kept), 25))
    assert len(ledger.take()) == 25, "sums that are to be sent are all there"


def test_without_anything_the_page_says_what_to_do(emulator: Emulator, given: Given) -> None:
    text = text_of(create_app(emulator).test_client(), group=given.group())
    assert "create-metric-attribution" in text
    assert "No campaign or recommender of this dataset group has answered yet" in text
    assert create_app(emulator).test_client().get(EVENTS, query_string={"group": "none"}).status_code == 404


def test_answers_without_events_have_a_rate_of_zero(emulator: Emulator, given: Given, runtime: Any) -> None:
    campaign = given.deployed(POPULARITY)
    runtime.get_recommendations(campaignArn=campaign, userId="u2")
    (group,) = given.personalize.list_dataset_groups()["datasetGroups"]
    text = text_of(create_app(emulator).test_client(), group=group["datasetGroupArn"])
    assert "No event has named an answer yet" in text
    assert "0.0 % to 79.3 %" in text


def test_rates_count_answers_with_an_event(pages: FlaskClient, shop: ShopState) -> None:
    found = click_rates(shop.emulator.state, shop.group, "View", "", "")
    counts = {rate.name: (rate.answers, rate.clicked_answers, rate.clicked_items) for rate in found.rates}
    for name, every in CLICKS_EVERY.items():
        answered = [call for call in shop.emulator.calls("GetRecommendations") if call.status == 200]
        own = [call for call in answered if call.params["campaignArn"] == shop.campaigns[name]]
        assert counts[name] == (len(own), SESSIONS // every, SESSIONS // every)
        assert len(own) >= SESSIONS
    assert found.event_types == ("Purchase", "View")
    bought = click_rates(shop.emulator.state, shop.group, "Purchase", "", "")
    assert {rate.name: rate.clicked_answers for rate in bought.rates}["for-you"] == 8
    text = text_of(pages, group=shop.group)
    answers, clicked, _ = counts["for-you"]
    points = 100 * (clicked / answers - counts["popular"][1] / counts["popular"][0])
    assert f"<strong>for-you</strong> has {points:+.1f} percentage points over <strong>popular</strong>" in text
    rate = wilson(clicked, answers)
    assert f"{100 * rate.low:.1f} % to {100 * rate.high:.1f} %" in text


def test_the_comparison_can_be_turned_round(shop: ShopState) -> None:
    one, other = shop.campaigns["for-you"], shop.campaigns["popular"]
    turned = click_rates(shop.emulator.state, shop.group, "", one, other).comparison
    usual = click_rates(shop.emulator.state, shop.group, "", other, one).comparison
    assert turned is not None
    assert usual is not None
    assert (turned.first.arn, turned.second.arn) == (one, other)
    assert (turned.difference.low, turned.difference.high) == pytest.approx(
        (-usual.difference.high, -usual.difference.low)
    )
    same = click_rates(shop.emulator.state, shop.group, "", one, one).comparison
    assert same is not None
    assert same.second.arn == other


def test_only_events_on_items_of_the_answer_count() -> None:
    answers = ServedRecommendations(most_items=6)
    answers.remember("r1", "a", "u", ["i1", "i2"])
    for recommendation, kind, item in (
        ("r1", "click", "i1"),
        ("r1", "click", "i1"),
        ("r1", "buy", "i2"),
        ("r1", "click", "other"),
        ("r1", "click", None),
        ("none", "click", "i1"),
    ):
        answers.note_event(recommendation, kind, item)
    ((_, events),) = answers.with_events()
    assert events == {"click": {"i1"}, "buy": {"i2"}}
    for number in range(3):
        answers.remember(f"later{number}", "a", "u", ["i3", "i4"])
    answers.note_event("r1", "click", "i2")
    assert [dict(each) for _, each in answers.with_events()] == [{}, {}, {}], "dropped with the answer"


def test_a_campaign_that_is_created_again_begins_anew(
    emulator: Emulator, given: Given, runtime: Any, events: Any
) -> None:
    """Also when the earlier one had the same name and answered more often."""
    group = given.imported_group()
    version = given.version(given.solution(group, POPULARITY))
    campaign = given.campaign(version)
    answers = [runtime.get_recommendations(campaignArn=campaign, userId="u2") for _ in range(3)]
    given.personalize.delete_campaign(campaignArn=campaign)
    assert given.campaign(version) == campaign
    runtime.get_recommendations(campaignArn=campaign, userId="u2")
    (rate,) = click_rates(emulator.state, group, "", "", "").rates
    assert rate.answers == 1
    assert emulator.state.answers.find(answers[0]["recommendationId"]) is not None


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_the_literature(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    turned = wilson(trials - successes, trials)
    assert (turned.low, turned.high) == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize(
    ("second", "first", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_differences_are_those_of_the_literature(
    second: tuple[int, int], first: tuple[int, int], low: float, high: float
) -> None:
    found = difference(wilson(*first), wilson(*second))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert not found.has_zero
    assert Interval(0.1, -0.1, 0.3).has_zero


def test_curves_share_a_scale_that_includes_zero() -> None:
    one, other = curves([[0, 4, 2], [2, 2, 2]])
    points = [tuple(map(float, point.split())) for point in one.removeprefix("M").split("L")]
    assert [x for x, _ in points] == pytest.approx([WIDTH / 6, WIDTH / 2, 5 * WIDTH / 6], abs=0.01)
    assert [y for _, y in points] == [HEIGHT - MARGIN, MARGIN, HEIGHT / 2]
    assert {point.split()[1] for point in other.split("L")} == {f"{HEIGHT / 2:.2f}"}
    assert curves([[5]]) == (f"M{WIDTH / 2:.2f} {MARGIN:.2f}h0",)
    assert curves([[-2, 0]])[0].startswith(f"M{WIDTH / 4:.2f} {HEIGHT - MARGIN:.2f}")
