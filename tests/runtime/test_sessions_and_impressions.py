"""Sessions, impressions and sources of events (spec 10 sections 2.2 and 2.4)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.state.served_recommendations import ServedRecommendations
from tests.given import RANKING, USER_PERSONALIZATION, Given, arn, avro, field
from tests.runtime.test_events import SENT_AT, Tracker, event, ids, share_odd

SHOWN = avro(
    "Interactions",
    field("USER_ID"),
    field("ITEM_ID"),
    field("TIMESTAMP", "long"),
    field("IMPRESSION", ["string", "null"]),
    field("RECOMMENDATION_ID", ["string", "null"]),
    field("EVENT_ATTRIBUTION_SOURCE", ["string", "null"]),
)

UNEXPLORED = {"campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0"}}}
"""A model that scores by the user's own history only."""


@pytest.fixture
def films(given: Given, events: Any, emulator: Emulator) -> Tracker:
    solution = given.solution(given.imported_group(name="films"), USER_PERSONALIZATION, name="films")
    given.campaign(given.version(solution), "films", **UNEXPLORED)
    return Tracker(given, events, emulator, arn("dataset-group", "films"))


@pytest.fixture
def shown(given: Given, events: Any, emulator: Emulator) -> Tracker:
    group = given.group("shown")
    given.dataset(group, given.schema(SHOWN, name="shown"))
    return Tracker(given, events, emulator, group)


def retrained(given: Given) -> str:
    return given.campaign(given.version(arn("solution", "films")), name="again", **UNEXPLORED)


def odd_items(tracker: Tracker, session: str, **extra: Any) -> None:
    for number in range(8):
        tracker.put(event(f"i{2 * number + 1:03d}", sentAt=SENT_AT + number), sessionId=session, **extra)


def test_session_is_assigned_to_its_user_at_full_training(films: Tracker, given: Given, runtime: Any) -> None:
    """EV-42: until the next full training they are separate; events with the user make no difference."""
    odd_items(films, "visit")
    films.put(event("i000", sentAt=SENT_AT + 100), sessionId="visit", userId="known")
    first = arn("campaign", "films")
    assert share_odd(ids(runtime, first, "visit")) == 1
    assert share_odd(ids(runtime, first, "known")) < 0.5
    again = retrained(given)
    assert share_odd(ids(runtime, again, "known")) > 0.5
    trained = given.personalize.describe_campaign(campaignArn=again)["campaign"]["solutionVersionArn"]
    assert "visit" not in films.emulator.state.trained(trained).data.user_ids


def test_the_first_user_of_a_session_has_it(films: Tracker, given: Given, runtime: Any) -> None:
    """EV-43. A user keeps events recorded under the session."""
    films.put(event("i000"), sessionId="shared", userId="first")
    films.put(event("i002"), sessionId="shared", userId="second")
    odd_items(films, "shared")
    again = retrained(given)
    assert share_odd(ids(runtime, again, "first")) > 0.5
    assert share_odd(ids(runtime, again, "second")) == 0


def test_session_without_user_remains_a_session(films: Tracker, given: Given, runtime: Any) -> None:
    """EV-42, RT-43: also if another user has the session id as user id."""
    odd_items(films, "alone")
    films.put(event("i000", sentAt=SENT_AT + 50), sessionId="other", userId="alone")
    films.put(event("i002", sentAt=SENT_AT + 51), sessionId="alone", userId="somebody")
    again = retrained(given)
    streamed = films.emulator.state.contents(arn("dataset", "films/INTERACTIONS")).streamed(10**6)
    assert streamed.column("USER_ID").to_pylist() == ["somebody"] * 8 + ["alone", "somebody"]
    assert share_odd(ids(runtime, again, "somebody")) > 0.5


def test_removed_user_loses_sessions(films: Tracker) -> None:
    """EV-42, D-117."""
    odd_items(films, "visit")
    films.put(event("i000"), sessionId="visit", userId="gone")
    contents = films.emulator.state.contents(arn("dataset", "films/INTERACTIONS"))
    contents.remove_users(contents.prepare_removal(frozenset({"gone"})))
    assert set(contents.streamed(10**6).column("USER_ID").to_pylist()) == {"visit"}


def test_events_are_ordered_by_time_not_arrival(films: Tracker, runtime: Any) -> None:
    """EV-13, EV-25."""
    happenings = [event(f"i{number:03d}", sentAt=SENT_AT + number) for number in range(6)]
    films.put(*happenings, userId="forward")
    films.put(*reversed(happenings), userId="backward")
    first = arn("campaign", "films")
    forward, backward = (
        runtime.get_recommendations(campaignArn=first, userId=user)["itemList"] for user in ("forward", "backward")
    )
    assert forward == backward


def test_recommended_items_are_impressions(shown: Tracker, given: Given, runtime: Any) -> None:
    """EV-45, RT-5, EV-20: recommendations and rankings alike."""
    campaign = given.deployed(USER_PERSONALIZATION, name="films")
    ranking = given.deployed(RANKING, name="rank")
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=3)
    ranked = runtime.get_personalized_ranking(campaignArn=ranking, userId="u1", inputList=["i003", "i001"])
    for number, given_answer in enumerate((answer, ranked)):
        shown.put(event(sentAt=SENT_AT + number, recommendationId=given_answer["recommendationId"]))
    listed = ["|".join(item["itemId"] for item in answer["itemList"])]
    listed += ["|".join(item["itemId"] for item in ranked["personalizedRanking"])]
    assert [row["IMPRESSION"] for row in shown.rows] == listed


def test_explicit_impressions_win(shown: Tracker, given: Given, runtime: Any) -> None:
    """EV-44, EV-45, EV-46: unknown ids show no items, long lists are cut between items."""
    campaign = given.deployed(USER_PERSONALIZATION, name="films")
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=500)
    shown.put(
        event("a", recommendationId=answer["recommendationId"], impression=["x", "y"]),
        event("b", recommendationId="RID-unknown"),
        event("c", recommendationId=answer["recommendationId"]),
        event("d", impression=["z" * 200] * 6),
    )
    given_by, unknown, implicit, long = (row.get("IMPRESSION") for row in shown.rows)
    assert given_by == "x|y"
    assert unknown is None
    assert implicit == "|".join(item["itemId"] for item in answer["itemList"])
    assert long == "|".join(["z" * 200] * 4)


def test_without_a_column_impressions_are_left_out(films: Tracker, runtime: Any) -> None:
    """EV-21, EV-45."""
    answer = runtime.get_recommendations(campaignArn=arn("campaign", "films"), userId="u1")
    films.put(event(recommendationId=answer["recommendationId"]))
    assert set(films.rows[0]) == {"USER_ID", "ITEM_ID", "TIMESTAMP"}


def test_sources_are_stored(shown: Tracker, given: Given, runtime: Any) -> None:
    """EV-22, EV-52, MA-20: not checked without a metric attribution, even beyond a hundred sources."""
    campaign = given.deployed(USER_PERSONALIZATION, name="films")
    recommendation = runtime.get_recommendations(campaignArn=campaign, userId="u1")["recommendationId"]
    named = {"metricAttribution": {"eventAttributionSource": "letter"}}
    shown.put(
        event("a", recommendationId=recommendation, **named),
        event("b", recommendationId=recommendation),
        event("c", recommendationId="RID-unknown"),
        userId="u",
    )
    assert [row.get("EVENT_ATTRIBUTION_SOURCE") for row in shown.rows] == ["letter", None, None]
    assert [row["RECOMMENDATION_ID"] for row in shown.rows] == [recommendation, recommendation, "RID-unknown"]
    for number in range(11):
        sources = [{"eventAttributionSource": f"source {number} {place}"} for place in range(10)]
        shown.put(*[event(sentAt=SENT_AT + number, metricAttribution=source) for source in sources], userId="v")
    assert len({row.get("EVENT_ATTRIBUTION_SOURCE") for row in shown.rows if row["USER_ID"] == "v"}) == 110


def test_events_have_a_greatest_size(shown: Tracker) -> None:
    """EV-23, Q-47: 10 KB as UTF-8, of which about 90 bytes are not impressions here."""
    code, text = shown.refused(event("good"), event(impression=["é" * 210] * 24 + ["é" * 200]))
    assert code == "InvalidInputException"
    assert text.endswith(" bytes. A maximum of 10240 bytes is allowed.")
    assert shown.rows == []
    shown.put(event(impression=["é" * 200] * 25))


def test_old_answers_are_forgotten_first() -> None:
    """RT-5: bounded by the number of items, and the newest is never dropped."""
    answers = ServedRecommendations(most_items=5)
    for name, items in (("a", "xy"), ("b", ""), ("c", "xy")):
        answers.remember(name, "arn", None, items)
    assert answers.find("a") is not None
    answers.remember("d", "arn", "u", "z")
    assert [name for name in "abcd" if answers.find(name)] == ["b", "c", "d"]
    answers.remember("e", "arn", "u", "uvwxyz")
    found = answers.find("e")
    assert [name for name in "abcde" if answers.find(name)] == ["e"]
    assert found is not None
    assert (found.deployment_arn, found.user_id, found.items) == ("arn", "u", tuple("uvwxyz"))
