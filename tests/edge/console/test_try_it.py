"""Try it: lists with names, clicks that move them, invented users, filters and promotions, errors at their fields."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from personalize_emu.edge.console.expression_errors import caret_of
from personalize_emu.edge.console.trying import deployment
from personalize_emu.edge.operation_calls import call_operation
from personalize_emu.emulator import Emulator
from tests.domain_groups import recommender
from tests.domain_groups import shop as ecommerce_group
from tests.edge.console.shop_state import ShopState
from tests.given import ACCOUNT, ITEMS_SCHEMA, POPULARITY, REGION, Given, as_csv, two_camps
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


def test_actions_have_names_and_clicks_take_them(given: Given, emulator: Emulator) -> None:
    actions = open_group(given)
    campaign = actions.deployed()
    answer = send(create_app(emulator).test_client(), campaign, user="u000", count="2")
    assert answer.status_code == 200
    expected = list(actions.listed(campaign, "u000", numResults=2))
    assert re.findall(r"<strong>([^<]*)</strong>", answer.text) == expected == listed(answer)
    client = create_app(emulator).test_client()
    assert f"Sent a Taken of {expected[0]} by u000." in send(client, campaign, user="u000", click=expected[0]).text
    (put,) = emulator.calls("PutActionInteractions")
    (interaction,) = put.params["actionInteractions"]
    assert (interaction["actionId"], interaction["userId"], interaction["eventType"]) == (expected[0], "u000", "Taken")
    wrong = send(client, campaign, user="u000", click=expected[0], event_type="click")
    assert wrong_field(wrong) == "event_type"
    assert "Viewed, Taken, Not Taken" in wrong.text


def test_filters_and_promotions_can_be_written(pages: FlaskClient, shop: ShopState) -> None:
    """A filter is created once for each expression, and takes values like any other."""
    chosen = deployment(shop.emulator, shop.campaigns["for-you"])
    assert chosen is not None
    campaign, brand = shop.campaigns["for-you"], chosen.named(shop.item_ids[0]).details[-1]
    expression = "INCLUDE ItemID\r\nWHERE Items.BRAND IN ($MINE)"
    for _ in range(2):
        fields = {"filter_expression": expression, "filter_values": f"MINE={brand}"}
        items = listed(send(pages, campaign, user=shop.user_id, **fields))
        assert {chosen.named(item).details[-1] for item in items} == {brand}
    made = [each for each in chosen.filters if each.name.startswith("console-")]
    assert [each.expression for each in made] == [expression.replace("\r\n", "\n")]
    fields = {"promotion_expression": expression, "promotion_values": f"MINE={brand}", "promotion_percent": "50"}
    promoted = send(pages, campaign, user=shop.user_id, **fields)
    assert len(listed(promoted)) == 10
    assert 0 < promoted.text.count(">promoted<") <= 5


@pytest.mark.parametrize("name", ["filter_expression", "promotion_expression"])
@pytest.mark.parametrize(
    ("expression", "rest"),
    [
        ("INCLUDE ItemID WERE Items.BRAND IN ($B)", "WERE Items"),
        ("INCLUDE ItemID WHERE Items.BRAND IN ($B", ""),
        ("INCLUDE ItemID WHERE Items.BRAND IN\n  (@)", "@)"),
        ("INCLUDE ItemID WHERE Films.BRAND IN ($B)", "Films.BRAND"),
        ('INCLUDE ItemID WHERE Items.PRICE > 1 AND item.colour IN ("a")', "item.colour"),
        ("EXCLUDE ItemID WHERE Items.BRAND NOT IN ($B)", "$B)"),
        ('INCLUDE ItemID WHERE Items.PRICE IN ("x")', "Items.PRICE"),
    ],
)
def test_a_caret_shows_where_an_expression_is_wrong(
    pages: FlaskClient, shop: ShopState, name: str, expression: str, rest: str
) -> None:
    answer = send(pages, shop.campaigns["for-you"], user="u", **{name: expression})
    assert wrong_field(answer) == name
    (position,) = re.findall(r'data-caret="(\d+)"', answer.text)
    assert expression[int(position) :].startswith(rest)
    assert bool(rest) == (int(position) < len(expression))
    (pointed,) = re.findall(r'<pre class="pointed"[^>]*>([^<]*)</pre>', answer.text)
    line, caret = unescape(pointed).split("\n")
    wanted = expression[int(position) : int(position) + 5].partition("\n")[0]
    assert line[caret.index("^") :].startswith(wanted)


def test_long_expressions_are_shown_around_the_place() -> None:
    expression = "INCLUDE ItemID WHERE " + " AND ".join(f"Items.C{number} > 1" for number in range(50))
    wrong = expression.replace("C25 >", "C25 ?")
    caret = caret_of(wrong, "")
    assert caret is not None
    assert wrong[caret.position] == "?" == caret.line[len(caret.blanks)]
    assert (caret.line[:2], caret.line[-2:]) == ("… ", " …")
    assert len(caret.line) < 70
    assert caret_of(expression, "More than 10 filters.") is None


def test_a_filter_that_is_being_created_can_be_sent_again(slow_emulator: Emulator, slow: Given) -> None:
    group = slow.group()
    slow_emulator.advance("1h")
    dataset = slow.dataset(group)
    slow.dataset(group, slow.schema(ITEMS_SCHEMA, "films"), "Items")
    slow_emulator.advance("1h")
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    slow_emulator.advance("5h")
    solution = slow.solution(group, POPULARITY)
    slow_emulator.advance("1h")
    version = slow.version(solution)
    slow_emulator.advance("9h")
    campaign = slow.campaign(version)
    slow_emulator.advance("9h")
    fields = {"user": "u000", "filter_expression": 'EXCLUDE ItemID WHERE Items.GENRE IN ("a")'}
    client = create_app(slow_emulator).test_client()
    first = send(client, campaign, **fields)
    assert wrong_field(first) == "filter_expression"
    assert "The filter is being created" in first.text
    slow_emulator.advance("1h")
    assert send(client, campaign, **fields).status_code == 200


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
