"""The products, and the logic of the shop's pages without HTTP, for browsers and simulated shoppers alike.

Visitors of the group `personalisation` get personal recommendations, similar items and a search in the order of their
interest. Those of the group `popularity` get as many items in the same places: popular ones, popular ones of the
category, and a search in the order of popularity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from personalize_emu.demo import Item
from personalize_emu.shop.event_sinks import EventSink, ShopEvent
from personalize_emu.shop.recommendations import MOST_RANKED, Recommendations, Recommended
from personalize_emu.shop.shop_log import Group, Session, ShopLog

ROW = 6
"""Items in a row."""
FOUND = 24
"""Items of a search that are shown."""
VIEW, PURCHASE = "View", "Purchase"


class UnknownProduct(Exception):
    """There is no such item."""


@dataclass(frozen=True)
class Product:
    """price: in euros, as in the column PRICE of the Items dataset."""

    item_id: str
    title: str
    category: str
    brand: str
    price: float


@dataclass(frozen=True)
class Catalog:
    """products: by item id. categories: names, sorted."""

    products: Mapping[str, Product]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, items: Iterable[Item]) -> Catalog:
        products = {
            item.item_id: Product(item.item_id, item.title, item.category_l1, item.brand, item.price) for item in items
        }
        return cls(products, tuple(sorted({product.category for product in products.values()})))

    def search(self, text: str) -> list[str]:
        """Ids of all products that have every word in title, brand or category; none for a text without words."""
        words = text.casefold().split()
        if not words:
            return []
        return [
            item_id
            for item_id, product in self.products.items()
            if all(word in f"{product.title} {product.brand} {product.category}".casefold() for word in words)
        ]


@dataclass(frozen=True)
class Row:
    """A list on a page. list_id: names it in clicks."""

    title: str
    list_id: str
    products: tuple[Product, ...]


@dataclass(frozen=True)
class HomePage:
    rows: tuple[Row, ...]
    category: str


@dataclass(frozen=True)
class ProductPage:
    product: Product
    similar: Row


@dataclass(frozen=True)
class SearchPage:
    """count: of all products that were found, of which `row` has the first."""

    row: Row
    count: int


class Storefront:
    def __init__(self, catalog: Catalog, recommendations: Recommendations, sink: EventSink, log: ShopLog) -> None:
        self.catalog = catalog
        self.log = log
        self.sink = sink
        self._recommendations = recommendations
        # The order of searches without personalisation. Popularity changes with trainings only.
        popular = recommendations.popular("shop", len(catalog.products)).items
        self._popularity_rank = {item_id: rank for rank, item_id in enumerate(popular)}

    def home(self, session: Session, category: str | None = None) -> HomePage:
        """Two rows, and one of a category: by default that of the first item. Raises UnknownProduct."""
        if category is not None and category not in self.catalog.categories:
            raise UnknownProduct(category)
        ask, user_id = self._recommendations, session.visitor_id
        if session.group is Group.PERSONALISATION:
            first, second = ask.for_user(user_id, ROW), ask.popular(user_id, ROW)
            titles = "For you", "Popular"
        else:
            popular = ask.popular(user_id, 2 * ROW)
            first, second = (
                Recommended(items, popular.recommendation_id) for items in (popular.items[:ROW], popular.items[ROW:])
            )
            titles = "Popular", "Also popular"
        chosen = category or self.catalog.products[first.items[0]].category
        personal = session.group is Group.PERSONALISATION
        third = ask.for_user(user_id, ROW, chosen) if personal else ask.popular(user_id, ROW, chosen)
        rows = zip((*titles, chosen), (first, second, third), strict=True)
        return HomePage(tuple(self._row(session, title, shown) for title, shown in rows), chosen)

    def product(self, session: Session, item_id: str, list_id: str, now: float, device: str) -> ProductPage:
        """The page of an item. Sends a View, as a click on the list `list_id` if the visitor was shown it.

        Raises:
            UnknownProduct: there is no such item.
        """
        product = self._product(item_id)
        shown = self.log.click(session, list_id, item_id)
        # A View that follows no list is not counted for the experiment.
        source = session.group if shown is not None else None
        self._send(session, VIEW, item_id, now, device, source, shown.recommended if shown else None)
        return ProductPage(product, self._row(session, *self._similar(session, product)))

    def search(self, session: Session, text: str) -> SearchPage:
        found = self.catalog.search(text)
        last = len(self._popularity_rank)
        found.sort(key=lambda item_id: self._popularity_rank.get(item_id, last))
        ordered = Recommended(tuple(found))
        if found and session.group is Group.PERSONALISATION:
            ordered = self._recommendations.ranked(session.visitor_id, found[:MOST_RANKED])
        first = Recommended(ordered.items[:FOUND], ordered.recommendation_id)
        return SearchPage(self._row(session, f"Results for “{text}”", first), len(found))

    def buy(self, session: Session, item_id: str, now: float, device: str) -> Product:
        """Send a Purchase, credited to the list that led to the item. Raises UnknownProduct."""
        product = self._product(item_id)
        shown = session.opened.get(item_id)
        self._send(session, PURCHASE, item_id, now, device, session.group, shown.recommended if shown else None)
        self.log.buy(session, product.price)
        return product

    def _similar(self, session: Session, product: Product) -> tuple[str, Recommended]:
        if session.group is Group.PERSONALISATION:
            return "Similar items", self._recommendations.similar(product.item_id, session.visitor_id, ROW)
        popular = self._recommendations.popular(session.visitor_id, ROW + 1, product.category)
        others = tuple(item_id for item_id in popular.items if item_id != product.item_id)[:ROW]
        return f"Popular in {product.category}", Recommended(others, popular.recommendation_id)

    def _row(self, session: Session, title: str, recommended: Recommended) -> Row:
        shown = self.log.show(session, recommended)
        return Row(title, shown.list_id, tuple(self._product(item_id) for item_id in recommended.items))

    def _product(self, item_id: str) -> Product:
        product = self.catalog.products.get(item_id)
        if product is None:
            raise UnknownProduct(item_id)
        return product

    def _send(
        self,
        session: Session,
        event_type: str,
        item_id: str,
        now: float,
        device: str,
        source: Group | None,
        recommended: Recommended | None,
    ) -> None:
        self.sink.send(
            ShopEvent(
                user_id=session.visitor_id,
                session_id=session.session_id,
                event_type=event_type,
                item_id=item_id,
                sent_at=int(now),
                device=device,
                source=source,
                recommendation_id=recommended.recommendation_id if recommended else None,
                impression=recommended.items if recommended else (),
            )
        )
