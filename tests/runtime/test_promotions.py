"""Promotions (spec 09 section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.filters.worked_data import ITEMS
from tests.given import POPULARITY, REGION, USER_PERSONALIZATION, Given
from tests.refusals import refusal
from tests.runtime.worked_shop_service import V2, Shop, ids, open_shop

INVALID = "InvalidInputException"
FILTERS = {
    "comedy": 'INCLUDE ItemID WHERE Items.GENRES IN ("Comedy")',
    "no-shoes": 'EXCLUDE ItemID WHERE Items.CATEGORY IN ("shoe")',
    "category": "INCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)",
    "nothing": 'INCLUDE ItemID WHERE Items.CATEGORY IN ("none")',
    "old": "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP < 7000",
    "new": "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP >= 7000",
    "boots": 'INCLUDE ItemID WHERE Items.CATEGORY IN ("boot")',
}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """Shared, not changed by tests. The boot i8 has no interactions."""
    cold = ITEMS[0] | {"ITEM_ID": "i8", "CATEGORY": "boot", "GENRES": None, "CREATION_TIMESTAMP": 8000}
    with mock_personalize(clock=ManualClock()):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        opened = open_shop(given, items=[*ITEMS, cold])
        for name, expression in FILTERS.items():
            opened.filter(expression, name)
        yield opened


@pytest.fixture(scope="module")
def popular(shop: Shop) -> str:
    return shop.deployed(POPULARITY, "popular")


@pytest.fixture(scope="module")
def version_two(shop: Shop) -> str:
    return shop.deployed(V2, "v2")


def filter_arn(shop: Shop, name: str) -> str:
    return shop.group.replace("dataset-group/shop", f"filter/{name}")


def promotion(shop: Shop, name: str, percent: int, **extra: Any) -> list[dict[str, Any]]:
    return [{"name": "p", "percentPromotedItems": percent, "filterArn": filter_arn(shop, name), **extra}]


def parts(answer: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Promoted and other items, each in their order."""
    listed = answer["itemList"]
    promoted = [item["itemId"] for item in listed if "promotionName" in item]
    return promoted, [item["itemId"] for item in listed if "promotionName" not in item]


def test_the_worked_promotion(shop: Shop, popular: str) -> None:
    """F-209, F-85, RT-56, RT-57: each filter applies to its part, no item appears twice."""
    answer = shop.runtime.get_recommendations(
        campaignArn=popular,
        numResults=4,
        filterArn=filter_arn(shop, "no-shoes"),
        promotions=promotion(shop, "comedy", 50),
    )
    assert parts(answer) == (["i1", "i3"], ["i4", "i5"])
    assert {item.get("promotionName") for item in answer["itemList"]} == {"p", None}


@pytest.mark.parametrize(
    ("percent", "results", "promoted"), [(50, 5, 2), (100, 3, 3), (1, 5, 1), (40, 5, 2), (99, 4, 3), (100, 7, 6)]
)
def test_the_share_of_promoted_items(shop: Shop, popular: str, percent: int, results: int, promoted: int) -> None:
    """RT-54: rounded down, at least one, filled up with other items."""
    answer = shop.runtime.get_recommendations(
        campaignArn=popular, numResults=results, promotions=promotion(shop, "old", percent)
    )
    assert len(parts(answer)[0]) == promoted
    assert len(set(ids(answer))) == results


def test_nothing_to_promote(shop: Shop, popular: str) -> None:
    """RT-54."""
    answer = shop.runtime.get_recommendations(
        campaignArn=popular, numResults=3, promotions=promotion(shop, "nothing", 100)
    )
    assert parts(answer) == ([], ["i1", "i2", "i3"])


def test_promotion_has_its_own_filter_values(shop: Shop, popular: str) -> None:
    """RT-17, F-70."""
    wanted = promotion(shop, "category", 50, filterValues={"CAT": '"watch"'})
    request = {"campaignArn": popular, "numResults": 4, "filterArn": filter_arn(shop, "category")}
    answer = shop.runtime.get_recommendations(**request, filterValues={"CAT": '"shoe"'}, promotions=wanted)
    assert parts(answer) == (["i5", "i6"], ["i1", "i2"])
    assert refusal(
        shop.runtime.get_recommendations,
        **request,
        filterValues={"CAT": '"shoe"'},
        promotions=promotion(shop, "category", 50),
    ) == (INVALID, "Missing value(s) for filter parameter(s): CAT")


def test_promoted_items_have_random_positions_in_order(shop: Shop) -> None:
    """RT-55, RT-35: random, but the same for equal requests."""
    campaign = shop.deployed(USER_PERSONALIZATION, "personal")
    places = set()
    for user in range(30):
        request = {"campaignArn": campaign, "userId": f"crowd{user}", "numResults": 6}
        promoting = request | {"promotions": promotion(shop, "comedy", 34)}
        answer = shop.runtime.get_recommendations(**promoting)
        assert shop.runtime.get_recommendations(**promoting)["itemList"] == answer["itemList"]
        plain = ids(shop.runtime.get_recommendations(**request | {"numResults": 8}))
        promoted, others = parts(answer)
        assert promoted == [item for item in plain if item in ("i1", "i3")]
        assert others == [item for item in plain if item in others]
        places.add(tuple("promotionName" in item for item in answer["itemList"]))
    assert len(places) > 5


def test_a_promotion_without_a_name(shop: Shop, popular: str) -> None:
    """RT-58."""
    wanted = promotion(shop, "boots", 50)
    del wanted[0]["name"]
    answer = shop.runtime.get_recommendations(campaignArn=popular, numResults=4, promotions=wanted)
    assert {"i3", "i4"} <= set(ids(answer))
    assert all("promotionName" not in item for item in answer["itemList"])


def test_incomplete_promotions(shop: Shop, popular: str) -> None:
    """RT-58, F-97, RT-17."""
    call = shop.runtime.get_recommendations
    for missing in ("percentPromotedItems", "filterArn"):
        wanted = promotion(shop, "boots", 50)
        del wanted[0][missing]
        assert refusal(call, campaignArn=popular, promotions=wanted)[0] == INVALID
    assert refusal(call, status=404, campaignArn=popular, promotions=promotion(shop, "unknown", 50))[0] == (
        "ResourceNotFoundException"
    )
    two = promotion(shop, "boots", 50) * 2
    assert refusal(call, campaignArn=popular, promotions=two)[0] == "ValidationException"


def test_v2_reasons_name_promoted_items(shop: Shop, version_two: str) -> None:
    """RT-56, RT-75, R-73a: an item that is new to the model appears only if promoted."""
    request = {"campaignArn": version_two, "userId": "u1", "numResults": 6}
    plain = shop.runtime.get_recommendations(**request)
    assert "i8" not in ids(plain)
    answer = shop.runtime.get_recommendations(**request, promotions=promotion(shop, "new", 20))
    (new,) = [item for item in answer["itemList"] if "promotionName" in item]
    assert (new["itemId"], new["reason"]) == ("i8", ["Promoted item"])
    assert all(item["reason"] == [] and 0 < item["score"] < 1 for item in answer["itemList"] if item is not new)


def test_v2_fills_up_with_popular_items(shop: Shop, version_two: str) -> None:
    """R-73, RT-31, RT-75, F-45: with a filter that removes many items."""
    answer = shop.runtime.get_recommendations(
        campaignArn=version_two, userId="u1", filterArn=filter_arn(shop, "boots")
    )["itemList"]
    assert sorted(item["itemId"] for item in answer[:2]) == ["i3", "i4"]
    assert all(item["reason"] == [] and item["score"] > 0 for item in answer[:2])
    assert answer[2:] == [{"itemId": "i8", "reason": ["Popular item"]}]
