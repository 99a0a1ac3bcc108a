"""Simulated shoppers: they repeat themselves, and recommendations fit them better than what is popular."""

from __future__ import annotations

from statistics import fmean

from personalize_emu.shop.run import OpenShop
from personalize_emu.shop.shop_log import Group
from personalize_emu.shop.shoppers import Shopper, shoppers
from tests.shop.open_shop import CUSTOMERS, open_shop

VISITORS = 12


def sessions(shop: OpenShop) -> list[tuple[object, ...]]:
    return [
        (each.session_id, each.group, each.shown, each.clicks, each.purchases, each.revenue, sorted(each.opened))
        for each in shop.store.log.sessions()
    ]


def first_row_fit(shop: OpenShop, shopper: Shopper, group: Group) -> float:
    """Mean fit of the first row of the home page, as if the shopper were in that group."""
    session = shop.store.log.session(shopper.visitor_id, shop.today)
    session.group = group
    return fmean(shopper.taste.fit(product) for product in shop.store.home(session).rows[0].products)


def test_the_same_seed_gives_the_same_sessions_and_recommendations_fit_the_tastes() -> None:
    with open_shop(VISITORS) as served:
        first = sessions(served.shop)
    with open_shop(VISITORS) as served:
        assert sessions(served.shop) == first
        people = [each for each in shoppers(served.shop.data, CUSTOMERS, 1) if each.visitor_id.startswith("user")]
        fits = {group: fmean(first_row_fit(served.shop, each, group) for each in people) for group in Group}
    assert len(first) >= VISITORS
    assert fits[Group.PERSONALISATION] > 1.2 * fits[Group.POPULARITY]
