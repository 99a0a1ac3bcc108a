"""Item metadata in responses (spec 09 section 6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.filters.worked_data import ITEMS
from tests.given import POPULARITY, RANKING, Given, arn
from tests.refusals import refusal
from tests.runtime.worked_shop_service import V2, Shop, ids, open_shop

INVALID = "InvalidInputException"
ENABLED = {"enableMetadataWithRecommendations": True}


@pytest.fixture
def shop(given: Given) -> Shop:
    return open_shop(given)


def test_items_carry_the_columns_asked_for(shop: Shop) -> None:
    """RT-65, RT-67: sorted lower-case keys, floats with a decimal point, categories joined, null omitted."""
    campaign = shop.deployed(POPULARITY, "popular", ENABLED)
    columns = ["GENRES", "PRICE", "STOCK", "IS_NEW", "DESCRIPTION", "CREATION_TIMESTAMP"]
    answer = shop.runtime.get_recommendations(campaignArn=campaign, metadataColumns={"ITEMS": columns})
    shown = {item["itemId"]: item["metadata"] for item in answer["itemList"]}
    assert shown["i1"] == {
        "creation_timestamp": "1000",
        "description": "about i1",
        "genres": "Comedy|Drama",
        "is_new": "false",
        "price": "10.0",
        "stock": "5",
    }
    assert list(shown["i1"]) == sorted(shown["i1"])
    assert set(shown["i5"]) == {column.lower() for column in columns} - {"genres"}
    assert shown["i7"] == {}
    plain = shop.runtime.get_recommendations(campaignArn=campaign)["itemList"]
    assert all("metadata" not in item for item in plain)


def test_rankings_have_metadata(shop: Shop) -> None:
    """RT-80, RT-65."""
    campaign = shop.deployed(RANKING, "ranking", ENABLED)
    request = {"campaignArn": campaign, "userId": "u1", "metadataColumns": {"items": ["CATEGORY"]}}
    answer = shop.runtime.get_personalized_ranking(inputList=["i6", "i1", "new"], **request)
    assert {item["itemId"]: item["metadata"] for item in answer["personalizedRanking"]} == {
        "i6": {"category": "watch"},
        "i1": {"category": "shoe"},
        "new": {},
    }
    many = [f"x{number}" for number in range(51)]
    assert refusal(shop.runtime.get_personalized_ranking, inputList=many, **request) == (
        INVALID,
        "inputList must contain between 1 and 50 items",
    )


def test_v2_always_has_metadata(shop: Shop) -> None:
    """R-73b, RT-65."""
    campaign = shop.deployed(V2, "v2")
    answer = shop.runtime.get_recommendations(
        campaignArn=campaign, userId="u1", numResults=2, metadataColumns={"ITEMS": ["STOCK"]}
    )
    stock = {item["ITEM_ID"]: str(item["STOCK"]) for item in ITEMS}
    assert [item["metadata"].get("stock") for item in answer["itemList"]] == [stock.get(i) for i in ids(answer)]


def test_columns_are_named_in_any_case(shop: Shop) -> None:
    """RT-68: a repeated column is returned once."""
    campaign = shop.deployed(POPULARITY, "popular", ENABLED)
    for names in (["creation_timestamp"], ["Creation_Timestamp"], ["CREATION_TIMESTAMP", "creation_timestamp"]):
        answer = shop.runtime.get_recommendations(
            campaignArn=campaign, numResults=1, metadataColumns={"Items": names}
        )
        assert answer["itemList"][0]["metadata"] == {"creation_timestamp": "1000"}


def test_floats_have_a_decimal_point_and_their_shortest_form(given: Given) -> None:
    """RT-67."""
    prices = {"i1": 0.1, "i2": 19.99, "i3": 1e-05, "i4": 16777216.0}
    items = [item | {"PRICE": prices.get(str(item["ITEM_ID"]), 1.0)} for item in ITEMS]
    shop = open_shop(given, items=items)
    campaign = shop.deployed(POPULARITY, "popular", ENABLED)
    answer = shop.runtime.get_recommendations(
        campaignArn=campaign, numResults=5, metadataColumns={"ITEMS": ["PRICE"]}
    )
    shown = [item["metadata"]["price"] for item in answer["itemList"]]
    assert shown == ["0.1", "19.99", "0.00001", "16777216.0", "1.0"]


def test_invalid_metadata_requests_are_refused(shop: Shop) -> None:
    """RT-18, RT-66, RT-68, Q-50, Q-51, Q-52."""
    campaign = shop.deployed(POPULARITY, "popular", ENABLED)
    plain = shop.deployed(POPULARITY, "plain")
    call = shop.runtime.get_recommendations
    requests: list[dict[str, Any]] = [
        {"campaignArn": plain, "metadataColumns": {"ITEMS": ["STOCK"]}},
        {"campaignArn": campaign, "metadataColumns": {"USERS": ["AGE"]}},
        {"campaignArn": campaign, "metadataColumns": {"ITEMS": ["COLOR"]}},
        {"campaignArn": campaign, "metadataColumns": {"ITEMS": [f"C{n}" for n in range(11)]}},
        {"campaignArn": campaign, "metadataColumns": {"ITEMS": ["STOCK"]}, "numResults": 51},
    ]
    for request in requests:
        assert refusal(call, **request)[0] == INVALID, request
    call(campaignArn=campaign, metadataColumns={"ITEMS": ["STOCK"]}, numResults=50)


def test_metadata_follow_the_dataset(shop: Shop) -> None:
    """F-53: imports have effect immediately."""
    campaign = shop.deployed(POPULARITY, "popular", ENABLED)
    header = "ITEM_ID,CATEGORY,STOCK,IN_STOCK,CREATION_TIMESTAMP,IS_NEW,GENRES,PRICE,DESCRIPTION"
    text = f"{header}\ni1,hat,1,True,1,true,,,\n"
    shop.given.import_job(arn("dataset", "shop/ITEMS"), shop.given.upload(text, "m.csv"), "m", importMode="INCREMENTAL")
    answer = shop.runtime.get_recommendations(
        campaignArn=campaign, numResults=1, metadataColumns={"ITEMS": ["CATEGORY", "GENRES"]}
    )
    assert answer["itemList"] == [{"itemId": "i1", "metadata": {"category": "hat"}}]
