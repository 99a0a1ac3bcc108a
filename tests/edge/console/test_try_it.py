"""Try it: lists with names, clicks that move them, invented users, filters and promotions, errors at their fields."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from personalize_emu.edge.console.trying import deployment
from personalize_emu.edge.operation_calls import call_operation
from personalize_emu.emulator import Emulator
from tests.domain_groups import recommender
from tests.domain_groups import shop as ecommerce_group
from tests.edge.console.shop_state import ShopState
from tests.given import ACCOUNT, REGION, Given
from tests.runtime.action_group import open_group

TRY = "/_emu/console/try"
EVENT = {"event_type": "View", "properties": '{"device": "phone"}'}


def send(client: FlaskClient, arn: str, **fields: str) -> Any:
    return client.post(TRY, query_string={"arn": arn}, data=fields)


def listed(answer: Any) -> list[str]:
    """Ids of the list, best first."""
    assert answer.status_code == 200, re.findall(r'class="error"[^>]*>([^<]*)', answer.text)
    return re.findall(r'name="click" value="([^"]*)"', answer.text)


def asked(shop: ShopState, operation: str, **params: Any) -> list[str]:
    """The same list, from the service."""
    answer = call_operation(shop.emulator, operation, params, region=REGION, account=ACCOUNT)
    return [item["itemId"] for item in answer.get("itemList") or answer["personalizedRanking"]]


def wrong_field(answer: Any) -> str:
    """The field that has an error beside it, which the focus is on."""
    assert answer.status_code == 400
    assert len(re.findall(r"autofocus", answer.text)) <= 1
    (name,) = re.findall(r'class="error" id="(\w+)-error"', answer.text)
    return str(name)


def test_the_list_is_that_of_get_recommendations_with_names(pages: FlaskClient, shop: ShopState) -> None:
    answer = send(pages, shop.campaigns["for-you"], user=shop.user_id, count="7")
    expected = asked(
        shop, "GetRecommendations", campaignArn=shop.campaigns["for-you"], userId=shop.user_id, numResults=7
    )
    assert listed(answer) == expected
    chosen = deployment(shop.emulator, shop.campaigns["for-you"])
    assert chosen is not None
    for item in expected:
        named = chosen.named(item)
        assert named.name != item
        assert f"<strong>{named.name}</strong>" in answer.text
        assert " · ".join(named.details) in answer.text


def test_the_page_before_the_first_request_sends_none(pages: FlaskClient, shop: ShopState) -> None:
    before = len(shop.emulator.calls())
    page = pages.get(TRY, query_string={"arn": shop.campaigns["for-you"], "user": shop.user_id})
    assert f"What {shop.user_id} did" in page.text
    assert len(shop.emulator.calls()) == before


def test_without_a_choice_the_newest_deployment_is_offered(pages: FlaskClient) -> None:
    page = pages.get(TRY).text
    assert "selected>ranked (aws-personalized-ranking)" in page
    assert "aria-invalid" not in page


def test_similar_items_and_rankings(pages: FlaskClient, shop: ShopState) -> None:
    item, *others = shop.item_ids[:4]
    related = listed(send(pages, shop.campaigns["related"], item=item, count="5"))
    assert related == asked(
        shop, "GetRecommendations", campaignArn=shop.campaigns["related"], itemId=item, numResults=5
    )
    ranked = listed(send(pages, shop.campaigns["ranked"], user=shop.user_id, items="\n".join(others)))
    params = {"campaignArn": shop.campaigns["ranked"], "userId": shop.user_id, "inputList": others}
    assert ranked == asked(shop, "GetPersonalizedRanking", **params)


def test_a_click_is_an_event_that_moves_the_list(pages: FlaskClient, shop: ShopState) -> None:
    campaign, user = shop.campaigns["for-you"], "clicker"
    first = send(pages, campaign, user=user)
    before = re.search(r"name=\"before\" value='([^']*)'", first.text)
    assert before is not None
    clicked = shop.item_ids[200]
    second = send(pages, campaign, user=user, click=clicked, before=before.group(1), **EVENT)
    assert listed(second) != listed(first)
    assert "Sent a View of" in second.text
    assert "▲" in second.text or ">new<" in second.text
    put = shop.emulator.calls("PutEvents")[-1]
    assert put.params["userId"] == user
    assert [event["itemId"] for event in put.params["eventList"]] == [clicked]
    assert "What clicker did" in second.text


def test_a_user_is_invented_from_a_few_items(pages: FlaskClient, shop: ShopState) -> None:
    chosen = shop.item_ids[10:13]
    first = send(pages, shop.campaigns["for-you"], invented=", ".join(chosen), **EVENT)
    assert "Invented the user invented-1 with 3 interactions" in first.text
    assert len(listed(first)) == 10
    second = send(pages, shop.campaigns["for-you"], invented=chosen[0], **EVENT)
    assert "Invented the user invented-2" in second.text


def test_filters_take_values_without_quotes(pages: FlaskClient, shop: ShopState) -> None:
    chosen = deployment(shop.emulator, shop.campaigns["for-you"])
    assert chosen is not None
    brand = chosen.named(shop.item_ids[0]).details[-1]
    fields = {"user": shop.user_id, "filter": shop.filter, "filter_values": f"BRAND={brand}"}
    items = listed(send(pages, shop.campaigns["for-you"], **fields))
    assert items
    assert {chosen.named(item).details[-1] for item in items} == {brand}


def test_promoted_items_are_marked(pages: FlaskClient, shop: ShopState) -> None:
    chosen = deployment(shop.emulator, shop.campaigns["for-you"])
    assert chosen is not None
    brand = chosen.named(shop.item_ids[0]).details[-1]
    fields = {"promotion": shop.filter, "promotion_percent": "50", "promotion_values": f"BRAND={brand}"}
    answer = send(pages, shop.campaigns["for-you"], user=shop.user_id, **fields)
    assert len(listed(answer)) == 10
    assert 0 < answer.text.count(">promoted<") <= 5


@pytest.mark.parametrize(
    ("campaign", "fields", "name"),
    [
        ("for-you", {"user": ""}, "user"),
        ("for-you", {"user": "u" * 300}, "user"),
        ("for-you", {"user": "u", "count": "many"}, "count"),
        ("for-you", {"user": "u", "count": "501"}, "count"),
        ("for-you", {"user": "u", "count": "-1"}, "count"),
        ("for-you", {"user": "u", "filter": "arn:nothing"}, "filter"),
        ("for-you", {"user": "u", "filter": "FILTER"}, "filter_values"),
        ("for-you", {"user": "u", "filter": "FILTER", "filter_values": "no equals sign"}, "filter_values"),
        ("for-you", {"user": "u", "promotion": "arn:nothing"}, "promotion"),
        ("for-you", {"user": "u", "promotion": "FILTER"}, "promotion_values"),
        ("for-you", {"user": "u", "promotion": "FILTER", "promotion_percent": "x"}, "promotion_percent"),
        (
            "for-you",
            {"user": "u", "promotion": "FILTER", "promotion_values": "BRAND=a", "promotion_percent": "101"},
            "promotion_percent",
        ),
        ("for-you", {"click": "item0001"}, "user"),
        ("for-you", {"user": "u", "click": "i", "properties": "{"}, "properties"),
        ("for-you", {"user": "u", "click": "i", "properties": "[1]"}, "properties"),
        ("for-you", {"user": "u", "click": "i", "properties": "[" * 100_000}, "properties"),
        ("for-you", {"user": "u", "click": "i", "event_type": "x" * 300}, "event_type"),
        ("for-you", {"invented": ",".join("abcdefghijkl")}, "invented"),
        ("related", {"item": ""}, "item"),
        ("ranked", {"user": "u", "items": ""}, "items"),
    ],
)
def test_errors_are_shown_at_the_field(
    pages: FlaskClient, shop: ShopState, campaign: str, fields: dict[str, str], name: str
) -> None:
    given = {key: shop.filter if value == "FILTER" else value for key, value in fields.items()}
    assert wrong_field(send(pages, shop.campaigns[campaign], **given)) == name


@pytest.mark.parametrize("before", ["", "{", "7", '"a"', '[{"a": 1}, null]', "[" * 100_000])
def test_a_broken_list_before_is_no_list(pages: FlaskClient, shop: ShopState, before: str) -> None:
    assert len(listed(send(pages, shop.campaigns["for-you"], user="u", before=before))) == 10


@pytest.mark.parametrize("arn", ["", "nothing", "arn:aws:personalize:us-east-1:123456789012:campaign/none", "é"])
def test_unknown_deployments_give_a_page_that_leads_back(pages: FlaskClient, arn: str) -> None:
    for answer in (pages.get(TRY, query_string={"arn": arn}), send(pages, arn, user="u")):
        assert answer.status_code == 404
        assert "To the overview" in answer.text


def test_without_a_deployment_the_page_says_how_to_get_one(emulator: Emulator) -> None:
    client = create_app(emulator).test_client()
    assert "There is no campaign or recommender" in client.get(TRY).text
    assert client.post(TRY).status_code == 404


def test_recommenders_can_be_tried(emulator: Emulator, given: Given) -> None:
    arn = recommender(given, ecommerce_group(given), "ecomm-recommended-for-you")
    user = emulator.state.recommenders[arn].served.data.user_ids[0]
    answer = send(create_app(emulator).test_client(), arn, user=user)
    assert listed(answer)
    assert emulator.calls("GetRecommendations")[-1].params["recommenderArn"] == arn


def test_actions_have_names_and_take_no_clicks(given: Given, emulator: Emulator) -> None:
    actions = open_group(given)
    campaign = actions.deployed()
    answer = send(create_app(emulator).test_client(), campaign, user="u000", count="2")
    assert answer.status_code == 200
    expected = list(actions.listed(campaign, "u000", numResults=2))
    assert re.findall(r"<strong>([^<]*)</strong>", answer.text) == expected
    assert 'name="click"' not in answer.text


def test_datasets_of_actions_have_pages(given: Given, emulator: Emulator) -> None:
    client = create_app(emulator).test_client()
    for dataset in open_group(given).datasets.values():
        answer = client.get("/_emu/console/dataset", query_string={"arn": dataset})
        assert answer.status_code == 200
        assert "The first imported rows" in answer.text


def test_a_declared_fault_is_shown_like_any_error(emulator: Emulator, given: Given) -> None:
    campaign = given.campaign()
    emulator.fail("GetRecommendations", "ThrottlingException", times=1)
    answer = send(create_app(emulator).test_client(), campaign, user="u1")
    assert wrong_field(answer) == "form"
    assert "ThrottlingException" in answer.text
