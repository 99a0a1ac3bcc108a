"""Every worked example with items, evaluated with a campaign through boto3 (spec 08 section 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.filters.worked_data import ALL_ITEMS
from tests.filters.worked_examples import EXAMPLES, Example
from tests.given import POPULARITY, REGION, SIMS, Given
from tests.refusals import refusal
from tests.runtime.worked_shop_service import Shop, ids, open_shop

OF_ITEMS = [example for example in EXAMPLES if "itemid" in example.expression.lower()]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """Shared: every example removes its filter."""
    with mock_personalize(clock=ManualClock()):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        yield open_shop(given)


@pytest.fixture(scope="module")
def popular(shop: Shop) -> str:
    return shop.deployed(POPULARITY, "popular")


@pytest.fixture(scope="module")
def related(shop: Shop) -> str:
    return shop.deployed(SIMS, "related")


def test_unfiltered_answers(shop: Shop, popular: str, related: str) -> None:
    """Section 5: i1 to i7 in this order; related items leave out their own."""
    assert ids(shop.runtime.get_recommendations(campaignArn=popular)) == ALL_ITEMS
    assert set(ids(shop.runtime.get_recommendations(campaignArn=related, itemId="i3"))) == {*ALL_ITEMS} - {"i3"}


@pytest.mark.parametrize("example", OF_ITEMS, ids=lambda example: example.fact)
def test_worked_example(shop: Shop, popular: str, related: str, example: Example) -> None:
    """F-101 to F-154; F-40, F-45, F-50, F-80, F-94: GetRecommendations."""
    made = shop.filter(example.expression)
    request: dict[str, Any] = {"campaignArn": popular, "filterArn": made, "filterValues": example.values}
    if example.user:
        request["userId"] = example.user
    if example.item:
        request |= {"campaignArn": related, "itemId": example.item}
    try:
        if example.remaining is None:
            code, text = refusal(shop.runtime.get_recommendations, **request)
            assert (code, text) == ("InvalidInputException", "Missing value(s) for filter parameter(s): CAT")
            return
        answered = ids(shop.runtime.get_recommendations(**request))
        assert (sorted(answered) if example.item else answered) == example.remaining.split()
    finally:
        shop.forget_filter(made)
