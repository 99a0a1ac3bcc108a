"""Why an item is recommended: the parts of its score and the effects of the history, as bars."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.console.trying import Named
from personalize_emu.edge.console.why_page import signed_bars, zero_of
from tests.edge.console.shop_state import ShopState

WHY = "/_emu/console/why"


def test_the_page_shows_what_explain_says(pages: FlaskClient, shop: ShopState) -> None:
    arn, item = shop.campaigns["for-you"], shop.item_ids[0]
    found = shop.emulator.explain(arn, shop.user_id, item)
    page = pages.get(WHY, query_string={"arn": arn, "user": shop.user_id, "item": item}).text
    shown = [float(value) for value in re.findall(r'<td class="number">([-+][^<]*)</td>', page)]
    expected = [*(part.value for part in found.parts), found.utility, *(each.effect for each in found.history)]
    assert shown == [pytest.approx(value, abs=0.001) for value in expected]
    assert f"place {found.rank} without filters" in page
    for part in found.parts:
        assert part.source in page


def test_lists_for_users_link_to_the_explanation(pages: FlaskClient, shop: ShopState) -> None:
    arn = shop.campaigns["for-you"]
    page = pages.post("/_emu/console/try", query_string={"arn": arn}, data={"user": shop.user_id}).text
    links = re.findall(r'href="(/_emu/console/why[^"]*)"', page)
    assert len(links) == 10
    assert pages.get(links[0].replace("&amp;", "&")).status_code == 200


def test_related_items_have_no_explanation(pages: FlaskClient, shop: ShopState) -> None:
    arn, item = shop.campaigns["related"], shop.item_ids[0]
    data = {"user": shop.user_id, "item": item}
    page = pages.post("/_emu/console/try", query_string={"arn": arn}, data=data).text
    assert "console/why" not in page
    assert pages.get(WHY, query_string={"arn": arn, **data}).status_code == 400


@pytest.mark.parametrize("changed", [{"arn": "nothing"}, {"arn": ""}, {"item": "nothing"}, {"item": ""}])
def test_unknown_arns_and_items_give_a_page_that_leads_back(
    pages: FlaskClient, shop: ShopState, changed: dict[str, str]
) -> None:
    query = {"arn": shop.campaigns["for-you"], "user": shop.user_id, "item": shop.item_ids[0], **changed}
    answer = pages.get(WHY, query_string=query)
    assert answer.status_code == 404
    assert "To the overview" in answer.text


def test_a_user_without_history_is_explained(pages: FlaskClient, shop: ShopState) -> None:
    query = {"arn": shop.campaigns["for-you"], "user": "", "item": shop.item_ids[0]}
    assert "has no history" in pages.get(WHY, query_string=query).text


def test_bars_of_both_signs_meet_at_the_zero() -> None:
    bars = signed_bars([(Named(text, text, ()), value) for text, value in (("a", 3.0), ("b", -1.0), ("c", 0.0))])
    assert zero_of([3.0, -1.0, 0.0]) == 25
    assert [(bar.x, bar.width) for bar in bars] == [(25, 75), (0, 25), (25, 0)]
    assert signed_bars([]) == ()
    assert zero_of([]) == 0
