"""The shop over HTTP: what its pages show, which events they send, and what the dashboard makes of them."""

from __future__ import annotations

import re
from contextlib import closing

import boto3
import pytest
from flask.testing import FlaskClient

from personalize_emu.cli import main
from personalize_emu.doubles.recorded_calls import RecordedCall
from personalize_emu.shop.event_sinks import KinesisSink, ShopEvent
from personalize_emu.shop.metrics import CLICKS, PURCHASES, REVENUE, read_attribution
from personalize_emu.shop.report import report
from personalize_emu.shop.run import OpenShop
from personalize_emu.shop.shop_log import Group
from personalize_emu.shop.shoppers import shoppers
from personalize_emu.shop.storefront import ROW
from personalize_emu.shop.web import create_shop
from tests.shop.open_shop import CUSTOMERS, SIMULATED, ServedShop

KEYS = {"aws_access_key_id": "shop", "aws_secret_access_key": "shop"}
LARGEST_PAGE = 300_000
LINK = re.compile(r'href="(/item/(item\d+)\?list=(l\d+))"')


@pytest.fixture
def browser(shop: OpenShop) -> FlaskClient:
    return create_shop(shop.store, shop.shown).test_client()


def shop_as(browser: FlaskClient, shop: OpenShop, group: Group) -> str:
    """Become a known customer of a group; returns the id."""
    user_id = next(user_id for user_id, label in shop.shown.visitors.items() if label.endswith(f", {group}"))
    assert browser.post("/switch", data={"visitor": user_id}).status_code == 303
    return user_id


def page(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def totals(shop: OpenShop, group: Group) -> tuple[float, float, float]:
    """Clicks, purchases and revenue in CloudWatch."""
    found = read_attribution(shop.shown.cloudwatch, shop.shown.clock())
    return found.total(CLICKS, group), found.total(PURCHASES, group), found.total(REVENUE, group)


def test_groups_see_as_many_items_of_different_lists(browser: FlaskClient, shop: OpenShop) -> None:
    pages = {}
    for group in Group:
        shop_as(browser, shop, group)
        pages[group] = page(browser, "/")
    assert "For you" in pages[Group.PERSONALISATION]
    assert "For you" not in pages[Group.POPULARITY]
    assert [len(LINK.findall(text)) for text in pages.values()] == [18, 18]


def test_a_category_is_filtered(browser: FlaskClient, shop: OpenShop) -> None:
    for group in Group:
        shop_as(browser, shop, group)
        found = LINK.findall(page(browser, "/?category=Tents"))[12:]
        assert {shop.store.catalog.products[item_id].category for _, item_id, _ in found} == {"Tents"}
    assert browser.get("/?category=Nothing").status_code == 404


@pytest.mark.parametrize("group", Group)
def test_clicks_and_purchases_are_counted_for_the_group(browser: FlaskClient, shop: OpenShop, group: Group) -> None:
    """MA-20: the event attribution source takes precedence; a View that follows no list has none."""
    shop_as(browser, shop, group)
    link, item_id, _ = LINK.findall(page(browser, "/"))[3]
    before = totals(shop, group)
    page(browser, f"/item/{item_id}")
    page(browser, f"/item/{item_id}?list=l0")
    assert totals(shop, group) == before
    page(browser, link)
    page(browser, link)
    assert browser.post(f"/item/{item_id}/buy").status_code == 200
    price = shop.store.catalog.products[item_id].price
    gained = tuple(now - was for now, was in zip(totals(shop, group), before, strict=True))
    assert gained == pytest.approx((1, 1, price), rel=1e-5)


def test_events_name_the_list_they_follow(browser: FlaskClient, served: ServedShop) -> None:
    user_id = shop_as(browser, served.shop, Group.PERSONALISATION)
    link, item_id, _ = LINK.findall(page(browser, "/"))[2]
    page(browser, link)
    lists = served.server.emulator.calls("GetRecommendations")
    sent = served.server.emulator.calls("PutEvents")[-1].params
    answer = next(each.answer for each in reversed(lists) if _is_row_with(each, item_id))
    assert answer is not None
    (event,) = sent["eventList"]
    assert (sent["userId"], event["itemId"], event["eventType"]) == (user_id, item_id, "View")
    assert event["recommendationId"] == answer["recommendationId"]
    assert event["impression"] == [each["itemId"] for each in answer["itemList"]]
    assert event["metricAttribution"] == {"eventAttributionSource": "personalisation"}


def _is_row_with(call: RecordedCall, item_id: str) -> bool:
    """A row of a home page without a filter, whose third item that is."""
    if call.answer is None or call.params["numResults"] != ROW or {"itemId", "filterArn"} & call.params.keys():
        return False
    return bool(call.answer["itemList"][2]["itemId"] == item_id)


def test_views_change_what_is_recommended(browser: FlaskClient, shop: OpenShop) -> None:
    user_id = shop_as(browser, shop, Group.PERSONALISATION)
    before = [item_id for _, item_id, _ in LINK.findall(page(browser, "/"))][:6]
    for item_id, product in shop.store.catalog.products.items():
        if product.category == "Bicycles":
            page(browser, f"/item/{item_id}")
    after = [item_id for _, item_id, _ in LINK.findall(page(browser, "/"))][:6]
    assert user_id
    assert before != after


def test_searches_are_ranked_for_one_group_and_by_popularity_for_the_other(
    browser: FlaskClient, shop: OpenShop
) -> None:
    found = {}
    for group in Group:
        shop_as(browser, shop, group)
        found[group] = [item_id for _, item_id, _ in LINK.findall(page(browser, "/search?q=coffee"))]
    assert len(found[Group.POPULARITY]) == len(found[Group.PERSONALISATION]) == 24
    assert found[Group.POPULARITY] != found[Group.PERSONALISATION]
    assert "0 products" in page(browser, "/search?q=<script>")
    assert "<script>" not in page(browser, "/search?q=<script>")


def test_new_visitors_get_a_cookie_and_a_page(browser: FlaskClient) -> None:
    answer = browser.get("/")
    assert answer.status_code == 303
    assert re.match(r"visitor=visitor-[0-9a-f]{8}; HttpOnly; Path=/; SameSite=Lax", answer.headers["Set-Cookie"])
    assert LINK.findall(page(browser, "/"))


def test_foreign_pages_and_unknown_things_are_refused(browser: FlaskClient, shop: OpenShop) -> None:
    shop_as(browser, shop, Group.POPULARITY)
    buy = "/item/item0001/buy"
    assert browser.post(buy, headers={"Origin": "http://evil.test"}).status_code == 403
    assert browser.post(buy, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.get("/", headers={"Host": "rebound.example.com"}).status_code == 403
    assert browser.post("/switch", data={"visitor": "somebody"}).status_code == 400
    assert browser.get("/item/none").status_code == 404
    assert browser.post("/item/none/buy").status_code == 404


def test_pages_are_light_and_strict(browser: FlaskClient, shop: OpenShop) -> None:
    shop_as(browser, shop, Group.PERSONALISATION)
    static = 0
    for name in ("shop.css", "products.svg", "icon.svg"):
        with browser.get(f"/static/{name}") as answer:
            static += len(answer.data)
    for path in ("/", "/item/item0007", "/search?q=lamp", "/dashboard"):
        answer = browser.get(path)
        assert len(answer.data) + static < LARGEST_PAGE
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert re.findall(r"<script|style=|https?://(?!127\.0\.0\.1)", answer.text) == []


def test_the_dashboard_has_what_metric_attribution_and_the_log_agree_on(browser: FlaskClient, shop: OpenShop) -> None:
    now = shop.shown.clock()
    found = report(shop.store.log, read_attribution(shop.shown.cloudwatch, now), 1)
    visitors = shop.store.log.visitors()
    for group in Group:
        mine = [each for each in visitors if each.group is group]
        assert found.totals[group].clicks == sum(each.clicks for each in mine) > 0
        assert found.totals[group].purchases == sum(each.purchases for each in mine)
        assert found.totals[group].revenue == pytest.approx(sum(each.revenue for each in mine), rel=1e-5)
    assert found.missing == 0
    shop_as(browser, shop, Group.POPULARITY)
    text = page(browser, "/dashboard")
    for each in found.comparisons:
        for group in Group:
            assert each.measure.text(each.groups[group].value) in text


def test_what_the_simulation_printed_is_a_table(served: ServedShop) -> None:
    printed = served.printed.getvalue()
    assert f"Let {SIMULATED} simulated visitors shop" in printed
    assert re.search(r"Click-through rate +\d+\.\d\d % \(\d", printed)


def test_shoppers_are_keyed_by_seed_and_have_the_tastes_of_their_histories(shop: OpenShop) -> None:
    first, second = (shoppers(shop.data, CUSTOMERS * 2, 3) for _ in range(2))
    assert [(each.visitor_id, each.taste) for each in first] == [(each.visitor_id, each.taste) for each in second]
    known = [each for each in first if each.visitor_id in shop.data.personas]
    assert len(known) == CUSTOMERS
    assert all(each.taste.persona == shop.data.personas[each.visitor_id] for each in known)
    assert len({each.visitor_id for each in first}) == len(first)


def test_events_reach_personalize_through_a_stream(served: ServedShop) -> None:
    kinesis, events = (
        boto3.client(service, endpoint_url=served.server.url, region_name="us-east-1", **KEYS)
        for service in ("kinesis", "personalize-events")
    )
    (tracker,) = {call.params["trackingId"] for call in served.server.emulator.calls("PutEvents")}
    event = ShopEvent("u", "s", "View", "item0003", 1_700_000_000, "phone", "popularity", impression=("item0003",))
    sink = KinesisSink({"kinesis": kinesis, "personalize-events": events}, tracker, "shop-clicks")
    with closing(sink):
        sink.send(event)
        sink.flush()
        arrived = served.server.emulator.calls("PutEvents")[-1].params
    (entry,) = arrived["eventList"]
    assert entry.pop("eventId")
    assert arrived == {**event.request(tracker), "eventList": [entry]}
    assert entry == event.request(tracker)["eventList"][0]


def test_a_second_shop_on_the_same_server_is_refused_with_advice(
    served: ServedShop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shop", "--endpoint", served.server.url, "--users", str(CUSTOMERS)]) == 1
    assert "personalize-emu reset" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--exit"], ["--users", "10"], ["--visitors", "-1"]])
def test_options_without_meaning_are_wrong_use(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shop", *options]) == 2
    assert options[0] in capsys.readouterr().err
