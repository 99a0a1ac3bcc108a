"""Effects of filters on responses, besides the worked examples (spec 08 section 3, 09 section 9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.filters.worked_data import ITEMS, SCHEMA_TEXTS
from tests.given import POPULARITY, RANKING, SIMS, USER_PERSONALIZATION, Given, arn
from tests.refusals import refusal
from tests.runtime.worked_shop_service import Shop, csv_text, ids, interactions, open_shop

SHOES_OUT = 'EXCLUDE ItemID WHERE Items.CATEGORY IN ("shoe")'
CLICKED_OUT = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")'
INVALID = "InvalidInputException"


@pytest.fixture
def shop(given: Given) -> Shop:
    return open_shop(given)


@pytest.fixture
def popular(shop: Shop) -> str:
    return shop.deployed(POPULARITY, "popular")


def test_scores_stay_those_of_the_whole_catalog(shop: Shop) -> None:
    """F-44, F-45."""
    campaign = shop.deployed(USER_PERSONALIZATION, "personal")
    everything = shop.runtime.get_recommendations(campaignArn=campaign, userId="u2")["itemList"]
    made = shop.filter(SHOES_OUT)
    left = shop.runtime.get_recommendations(campaignArn=campaign, userId="u2", filterArn=made)["itemList"]
    assert left == [item for item in everything if item["itemId"] not in ("i1", "i2")]


def test_ranking_omits_excluded_items(shop: Shop) -> None:
    """F-208, F-82, RT-84: softmax over the remaining items. Unknown items are filtered too."""
    campaign = shop.deployed(RANKING, "ranking")
    made = shop.filter(SHOES_OUT)
    request = {"campaignArn": campaign, "userId": "u1", "filterArn": made}
    answer = shop.runtime.get_personalized_ranking(inputList=["i1", "i3", "i5", "new"], **request)
    assert sorted(ids(answer)) == ["i3", "i5", "new"]
    assert sum(item.get("score", 0) for item in answer["personalizedRanking"]) == pytest.approx(1, abs=1e-6)
    only = shop.filter('INCLUDE ItemID WHERE Items.ITEM_ID IN ($IDS)', "only")
    values = {"IDS": '"new","i5"'}
    answer = shop.runtime.get_personalized_ranking(
        inputList=["i1", "new", "i5"], **request | {"filterArn": only, "filterValues": values}
    )
    assert ids(answer) == ["i5", "new"]


def test_events_are_seen_at_once(shop: Shop, popular: str) -> None:
    """F-207, F-53."""
    made = shop.filter('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")')
    request = {"campaignArn": popular, "userId": "u1", "filterArn": made}
    assert "i3" in ids(shop.runtime.get_recommendations(**request))
    shop.record_event(shop.tracker(), "u1", "i3", "purchase")
    assert ids(shop.runtime.get_recommendations(**request)) == ["i1", "i4", "i5", "i6", "i7"]


def test_old_imports_lapse(shop: Shop, popular: str, clock: ManualClock) -> None:
    """F-52: from three months after the last import, except for users with newer events."""
    made = shop.filter(CLICKED_OUT)
    request = {"campaignArn": popular, "userId": "u1", "filterArn": made}
    clock.advance(89 * 24 * 3600)
    assert "i1" not in ids(shop.runtime.get_recommendations(**request))
    clock.advance(2 * 24 * 3600)
    assert "i1" in ids(shop.runtime.get_recommendations(**request))
    shop.record_event(shop.tracker(), "u1", "i7", "click", when=int(clock.now()))
    assert {"i1", "i7"}.isdisjoint(ids(shop.runtime.get_recommendations(**request)))
    location = shop.given.upload(csv_text("INTERACTIONS", interactions()), "again.csv")
    shop.given.import_job(arn("dataset", "shop/INTERACTIONS"), location, name="again")
    answer = shop.runtime.get_recommendations(**request | {"userId": "u4"})
    assert "i5" not in ids(answer)


def test_sessions_have_a_history(shop: Shop, popular: str) -> None:
    """F-57: events without a user count for their session."""
    made = shop.filter(CLICKED_OUT)
    event = {"eventType": "Click", "itemId": "i7", "sentAt": 1_700_000_000}
    shop.events.put_events(trackingId=shop.tracker(), sessionId="s1", eventList=[event])
    answer = shop.runtime.get_recommendations(campaignArn=popular, userId="s1", filterArn=made)
    assert ids(answer) == ["i1", "i2", "i3", "i4", "i5", "i6"]


def test_unknown_event_types_match_nothing(shop: Shop, popular: str) -> None:
    """F-54."""
    made = shop.filter('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("never-seen")')
    assert ids(shop.runtime.get_recommendations(campaignArn=popular, userId="u1", filterArn=made)) == []


def long_history() -> list[dict[str, Any]]:
    """`busy` clicks on 150 items in turn, then buys 20 others (F-204, F-205)."""
    clicks = [(f"c{number:03d}", "click", 1_600_100_000 + number) for number in range(150)]
    purchases = [(f"p{number:02d}", "purchase", 1_600_200_000 + number) for number in range(20)]
    return [
        {"USER_ID": "busy", "ITEM_ID": item, "TIMESTAMP": when, "EVENT_TYPE": kind}
        for item, kind, when in clicks + purchases
    ]


def test_a_filter_considers_the_newest_of_each_type(given: Given) -> None:
    """F-204 to F-206, F-51, Q-53."""
    shop = open_shop(given, events=[*interactions(), *long_history()])
    campaign = shop.deployed(POPULARITY, "popular")
    oldest = {f"c{number:03d}" for number in range(50)}
    bought = {f"p{number:02d}" for number in range(20)}
    for number, (values, left) in enumerate(
        (('"click"', oldest | bought), ('"click","purchase"', oldest), ('"*"', oldest))
    ):
        made = shop.filter(f"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ({values})", f"f{number}")
        answer = shop.runtime.get_recommendations(
            campaignArn=campaign, userId="busy", filterArn=made, numResults=500
        )
        assert {item for item in ids(answer) if item[0] != "i"} == left, values
    shop.record_event(shop.tracker(), "busy", "c000", "click", when=1_699_999_999)
    answer = shop.runtime.get_recommendations(
        campaignArn=campaign, userId="busy", filterArn=arn("filter", "f0"), numResults=500
    )
    assert {item for item in ids(answer) if item[0] == "c"} == {*oldest, "c050"} - {"c000"}


def test_new_data_count_at_once(shop: Shop, popular: str) -> None:
    """F-53: a bulk import of items."""
    made = shop.filter('INCLUDE ItemID WHERE Items.CATEGORY IN ("hat")')
    request = {"campaignArn": popular, "userId": "u1", "filterArn": made}
    assert ids(shop.runtime.get_recommendations(**request)) == []
    text = (
        "ITEM_ID,CATEGORY,GENRES,PRICE,STOCK,IN_STOCK,CREATION_TIMESTAMP,DESCRIPTION,IS_NEW\n"
        "i7,hat,,,1,True,1,,true\n"
    )
    shop.given.import_job(
        arn("dataset", "shop/ITEMS"), shop.given.upload(text, "more.csv"), name="more", importMode="INCREMENTAL"
    )
    assert ids(shop.runtime.get_recommendations(**request)) == ["i7"]


def test_put_items_affect_filters_immediately(shop: Shop, popular: str) -> None:
    """F-53, EV-50: after each put, and after an import of the same items."""
    made = shop.filter('INCLUDE ItemID WHERE Items.CATEGORY IN ("hat")')
    request = {"campaignArn": popular, "userId": "u1", "filterArn": made}
    dataset = arn("dataset", "shop/ITEMS")
    for item, left in (("i3", ["i3"]), ("i7", ["i3", "i7"]), ("i1", ["i1", "i3", "i7"])):
        known = {"category": "hat", "stock": 1, "inStock": "True", "creationTimestamp": 1, "isNew": True}
        shop.events.put_items(datasetArn=dataset, items=[{"itemId": item, "properties": json.dumps(known)}])
        assert ids(shop.runtime.get_recommendations(**request)) == left
    shop.given.import_job(dataset, shop.given.upload(csv_text("ITEMS", ITEMS), "again.csv"), name="again")
    assert ids(shop.runtime.get_recommendations(**request)) == ["i7"]


@pytest.mark.parametrize("expression", [CLICKED_OUT, SHOES_OUT + " IF CurrentUser.AGE < 18"])
def test_filters_that_need_a_user(shop: Shop, popular: str, expression: str) -> None:
    """F-83."""
    made = shop.filter(expression)
    call = shop.runtime.get_recommendations
    assert refusal(call, campaignArn=popular, filterArn=made) == (INVALID, "userId is required")
    call(campaignArn=popular, filterArn=shop.filter(SHOES_OUT, "other"))


def test_filters_that_need_an_item(shop: Shop, popular: str) -> None:
    """F-14."""
    made = shop.filter("EXCLUDE ItemID WHERE Items.PRICE > CurrentItem.PRICE")
    call = shop.runtime.get_recommendations
    assert refusal(call, campaignArn=popular, filterArn=made) == (INVALID, "itemId is required")
    related = shop.deployed(SIMS, "related")
    assert "i1" in ids(call(campaignArn=related, itemId="i2", filterArn=made))


@pytest.mark.parametrize(
    "expression",
    ['INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")', 'EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("click")'],
)
def test_filters_of_users_are_not_for_items(shop: Shop, popular: str, expression: str) -> None:
    """F-81."""
    made = shop.filter(expression)
    code, _ = refusal(shop.runtime.get_recommendations, campaignArn=popular, userId="u1", filterArn=made)
    assert code == INVALID


def test_filters_that_cannot_be_used(shop: Shop, popular: str) -> None:
    """F-8, F-76, F-96, F-97, P-38, RT-16, RT-23."""
    call = shop.runtime.get_recommendations
    unknown = arn("filter", "none")
    assert refusal(call, status=404, campaignArn=popular, filterArn=unknown) == (
        "ResourceNotFoundException",
        f"The given filter ARN could not be found: {unknown}",
    )
    assert refusal(call, campaignArn=popular, filterArn=popular)[0] == INVALID
    plain = call(campaignArn=popular)["itemList"]
    for values in ({"A": "1"}, {"A": '"'}, {}):
        assert call(campaignArn=popular, filterValues=values)["itemList"] == plain
    stranger = open_shop(shop.given, name="other").filter(SHOES_OUT, "stranger")
    assert refusal(call, campaignArn=popular, filterArn=stranger)[0] == INVALID


def test_malformed_parameter_values(shop: Shop, popular: str) -> None:
    """F-70 to F-75, F-95."""
    made = shop.filter("INCLUDE ItemID WHERE Items.PRICE < $PRICE")
    for text in ('"30', '"10","20"', "cheap"):
        assert refusal(
            shop.runtime.get_recommendations, campaignArn=popular, filterArn=made, filterValues={"PRICE": text}
        ) == (INVALID, "Invalid filter values for parameter PRICE")
    for values in ({}, {"price": "30"}, {"PRICE": ""}):
        code, text = refusal(
            shop.runtime.get_recommendations, campaignArn=popular, filterArn=made, filterValues=values
        )
        assert (code, text) == (INVALID, "Missing value(s) for filter parameter(s): PRICE")
    answer = shop.runtime.get_recommendations(
        campaignArn=popular, filterArn=made, filterValues={"PRICE": "30", "UNUSED": '"'}
    )
    assert ids(answer) == ["i1", "i2"]


def test_filter_requests_have_limits(shop: Shop, popular: str) -> None:
    """F-7."""
    made = shop.filter("EXCLUDE ItemID WHERE Items.PRICE < $PRICE")
    call = shop.runtime.get_recommendations
    for values in ({"A-B": "1"}, {"A" * 51: "1"}, {"A": "1" * 1001}, {f"K{n}": "1" for n in range(26)}):
        assert refusal(call, campaignArn=popular, filterArn=made, filterValues=values)[0] == "ValidationException"


def test_a_filter_that_is_not_active(slow: Given, clock: ManualClock) -> None:
    """F-8, F-96."""
    shop = Shop(slow, slow.group())
    clock.advance(60)
    for kind, rows in (("INTERACTIONS", interactions()), ("ITEMS", ITEMS)):
        dataset = slow.dataset(shop.group, slow.schema(SCHEMA_TEXTS[kind], name=kind), kind, name=kind)
        clock.advance(60)
        slow.import_job(dataset, slow.upload(csv_text(kind, rows), kind + ".csv"), name=kind)
        clock.advance(1000)
    version = slow.version(slow.solution(shop.group, POPULARITY))
    clock.advance(3600)
    campaign = slow.campaign(version)
    clock.advance(3600)
    made = shop.filter(SHOES_OUT)
    call = shop.runtime.get_recommendations
    assert refusal(call, campaignArn=campaign, filterArn=made) == (INVALID, f"Filter {made} is not ACTIVE")
    clock.advance(60)
    assert ids(call(campaignArn=campaign, filterArn=made))[0] == "i3"
    shop.forget_filter(made)
    assert refusal(call, campaignArn=campaign, filterArn=made)[0] == INVALID
