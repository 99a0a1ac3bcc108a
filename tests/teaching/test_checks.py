"""Typical wrong answers of the exercises are told what is wrong with them (issue 17 E)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def room(new_classroom: Any) -> Iterator[Any]:
    """Shared by tests that stream no events."""
    made = new_classroom()
    yield made
    made.close()


def feedback(verdict: Any) -> str:
    """The text of a verdict on a wrong answer."""
    assert not verdict.is_right, verdict
    return str(verdict.text)


def view(room: Any, user: str) -> None:
    for item in [item.item_id for item in room.shop.items if item.category_l1 == "Tents"][:3]:
        event = {"eventType": "View", "itemId": item, "sentAt": int(time.time()), "properties": '{"device": "phone"}'}
        room.events.put_events(trackingId=room.tracking_id, userId=user, sessionId="s", eventList=[event])


def test_lists_of_others_titles_and_wrong_lengths_are_explained(room: Any, checks: ModuleType) -> None:
    right = room.listed("newcomer", 10)
    assert checks.newcomer_list(room, right).is_right
    assert "userId='newcomer'" in feedback(checks.newcomer_list(room, room.listed("user0001", 10)))
    assert "numResults" in feedback(checks.newcomer_list(room, right[:5]))
    assert "not titles" in feedback(checks.newcomer_list(room, room.titles(right)))
    assert "itemId of each entry" in feedback(checks.newcomer_list(room, [{"itemId": item} for item in right]))
    assert "itemId of each entry" in feedback(checks.newcomer_list(room, "item0001"))


def test_cold_start_tells_of_events_and_items_that_have_not_arrived(new_classroom: Any, checks: ModuleType) -> None:
    room = new_classroom()
    try:
        before = room.listed("newcomer", 10)
        assert "no events of 'newcomer'" in feedback(checks.newcomer_after_views(room, before))
        view(room, "somebody-else")
        assert "no events of 'newcomer'" in feedback(
            checks.newcomer_after_views(room, room.listed("somebody-else", 10))
        )
        view(room, "newcomer")
        assert "from before" in feedback(checks.newcomer_after_views(room, before))
        assert checks.newcomer_after_views(room, room.listed("newcomer", 10)).is_right
        assert "has a history already" in feedback(checks.newcomer_list(room, room.listed("newcomer", 10)))

        put = {"datasetArn": room.datasets["items"], "items": [{"itemId": "samovar", "properties": "{}"}]}
        room.events.put_items(**put)
        old = room.listed("user0001", 500)
        assert "advance('2h')" in feedback(checks.new_item(room, old))
        room.emulator.advance("2h")
        assert "the very last" in feedback(checks.new_item(room, room.listed("user0001", 500)))
        newest = max(interaction.timestamp for interaction in room.shop.interactions)
        about = {"categoryL1": "Tea", "brand": "Aldea", "price": 70, "creationTimestamp": newest}
        put["items"][0]["properties"] = json.dumps(about)
        room.events.put_items(**put)
        room.emulator.advance("2h")
        assert "from before" in feedback(checks.new_item(room, old))
        assert checks.new_item(room, room.listed("user0001", 500)).is_right
    finally:
        room.close()


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Tea", "Coffee")', "through. AND binds"),
        (
            'INCLUDE ItemID WHERE Items.CATEGORY_L1 = "Coffee" OR Items.CATEGORY_L1 = "Tea" AND Items.PRICE < 10',
            "AND binds",
        ),
        ("INCLUDE ItemID WHERE Items.PRICE < 10", "which is in"),
        ('INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Tea") AND Items.PRICE < 10', "nothing of Coffee"),
        ('INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("tea", "coffee") AND Items.PRICE < 10', "as in the data"),
        ('INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Tea", "Coffee") AND Items.PRICE < 5', "are missing"),
        ('EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("Tea", "Coffee")', "which is in"),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("Tea")', "the service refused it: Invalid Expression"),
        ("tea", "the service refused it"),
        (["Tea"], "is a text"),
    ],
)
def test_expressions_for_cheap_drinks(room: Any, checks: ModuleType, expression: Any, message: str) -> None:
    assert message in feedback(checks.cheap_drinks(room, expression))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', "hides too much"),
        ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("View")', "Only a Purchase counts"),
        ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Purchase")', "has bought"),
        ('EXCLUDE ItemID WHERE Interactions.EVENT IN ("Purchase")', "the service refused it"),
    ],
)
def test_expressions_for_nothing_twice(room: Any, checks: ModuleType, expression: str, message: str) -> None:
    assert message in feedback(checks.nothing_bought(room, expression))


def test_promotions_that_are_none_or_of_the_wrong_share(room: Any, checks: ModuleType) -> None:
    def filtered(name: str, category: str) -> str:
        expression = f'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("{category}")'
        made = room.personalize.create_filter(name=name, datasetGroupArn=room.group, filterExpression=expression)
        return str(made["filterArn"])

    def answer(count: int = 10, **options: Any) -> Any:
        return room.runtime.get_recommendations(
            campaignArn=room.campaign, userId="user0001", numResults=count, **options
        )

    def promoted(percent: int, arn: str) -> list[dict[str, Any]]:
        return [{"name": "week", "percentPromotedItems": percent, "filterArn": arn}]

    tea, ink = filtered("tea", "Tea"), filtered("ink", "Ink")
    assert "all ten are tea" in feedback(checks.tea_week(room, answer(filterArn=tea)))
    assert "no item is marked" in feedback(checks.tea_week(room, answer()))
    assert "three of ten" in feedback(checks.tea_week(room, answer(promotions=promoted(50, tea))))
    assert "is no tea" in feedback(checks.tea_week(room, answer(promotions=promoted(30, ink))))
    assert "numResults" in feedback(checks.tea_week(room, answer(20, promotions=promoted(30, tea))))
    assert "whole response" in feedback(checks.tea_week(room, answer()["itemList"]))
    assert checks.tea_week(room, answer(promotions=promoted(30, tea))).is_right


def test_campaigns_that_explore_otherwise(room: Any, checks: ModuleType) -> None:
    def deployed(name: str, **config: str) -> str:
        made = room.personalize.create_campaign(
            name=name, solutionVersionArn=room.version, campaignConfig={"itemExplorationConfig": config}
        )
        return str(made["campaignArn"])

    none = deployed("none", explorationWeight="0", explorationItemAgeCutOff="60")
    young = deployed("young", explorationWeight="1")
    most = deployed("most", explorationWeight="1", explorationItemAgeCutOff="60")
    assert "has 0" in feedback(checks.two_campaigns(room, {"0": none, "1": none}))
    assert "last 30 days" in feedback(checks.two_campaigns(room, {"0": none, "1": young}))
    assert "a dict of two ARNs" in feedback(checks.two_campaigns(room, [none, most]))
    assert "the service refused it" in feedback(checks.two_campaigns(room, {"0": none, "1": f"{most}-not"}))
    assert checks.two_campaigns(room, {"0": none, "1": most}).is_right


def test_shares_that_are_counts_or_of_other_lists(room: Any, checks: ModuleType) -> None:
    assert "divide by the 25 places" in feedback(checks.rarely_seen(room, {"0": 0, "1": 3}))
    assert "for weight 1 is another one" in feedback(checks.rarely_seen(room, {"0": 0, "1": 0}))
    assert "a dict of two shares" in feedback(checks.rarely_seen(room, 0.2))
    assert "is to be a number" in feedback(checks.rarely_seen(room, {"0": "none", "1": 0.1}))
    assert "is another one" in feedback(checks.kept(room, 1.0))
    assert "divide by" in feedback(checks.kept(room, 12))
