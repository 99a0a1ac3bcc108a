"""Simulated shoppers, who follow tastes; nothing but the lists they are shown differs between the groups.

About two thirds of the shoppers are known customers of the generated data (demo/), with the persona, brand and price
level that their history was generated from; the others are new. A shopper reads a list from the top and goes on to the
next item with a fixed probability, as in the user model of rank-biased precision (Moffat and Zobel, 2008, "Rank-biased
precision for measurement of retrieval effectiveness"). An item that is read is opened with a probability proportional
to how well it fits the taste, and an item that is opened is bought likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from personalize_emu.demo import Dataset
from personalize_emu.demo.shop import CATEGORIES, CATEGORY_NUMBER, PERSONAS, PRICE_FACTORS
from personalize_emu.shop.shop_log import Session
from personalize_emu.shop.storefront import Product, Row, Storefront

READS_ON = 0.87
"""Probability of going on to the next item of a list."""
NEXT_ROW = 0.75
OPENS, BUYS = 0.25, 0.15
"""Probabilities for an item that fits entirely."""
CHEAP, ELASTICITY = 10.0, 0.3
"""Purchases become rarer with this power of the price, above so many euros."""
OTHER_CATEGORY, OTHER_LEVEL, OTHER_BRAND = 0.1, 0.45, 0.7
"""Factors of the fit of an item."""
SEARCHES = 0.3
COMES_BACK = 0.4
MOST_VIEWS = 8
"""Of one session."""
NEW = 0.3
"""Share of shoppers without a history."""
DEVICES = ("phone", "desktop")


@dataclass(frozen=True)
class Taste:
    """level: preferred price level, 0 to 2."""

    persona: str
    brand: str
    level: int

    def fit(self, product: Product) -> float:
        """How well a product fits, above 0 and at most 1."""
        category = CATEGORIES[CATEGORY_NUMBER[product.category]]
        share = 1.0 if product.category in PERSONAS[self.persona] else OTHER_CATEGORY
        if price_level(product.price / category.price) != self.level:
            share *= OTHER_LEVEL
        if self.brand in category.brands and product.brand != self.brand:
            share *= OTHER_BRAND
        return share


def price_level(ratio: float) -> int:
    """The level whose factor is nearest to price over typical price, on the scale of logarithms."""
    return int(np.argmin(np.abs(np.log(np.asarray(PRICE_FACTORS)) - np.log(ratio))))


@dataclass
class Shopper:
    """owned: items of which nobody needs a second one."""

    visitor_id: str
    taste: Taste
    draws: np.random.Generator
    owned: set[str] = field(default_factory=set)

    def happens(self, probability: float) -> bool:
        return bool(self.draws.random() < probability)


def shoppers(data: Dataset, count: int, seed: int) -> list[Shopper]:
    """`count` shoppers, each with random draws of their own, keyed by the seed and their number."""
    known = [str(user_id) for user_id in np.random.default_rng((seed, 0)).permutation(sorted(data.personas))]
    people = []
    for number in range(1, count + 1):
        draws = np.random.default_rng((seed, number))
        if known and draws.random() >= NEW:
            user_id = known.pop()
            taste = Taste(data.personas[user_id], data.brands[user_id], data.levels[user_id])
        else:
            user_id, taste = f"simulated-{number}", _new_taste(draws)
        people.append(Shopper(user_id, taste, draws))
    return people


def _new_taste(draws: np.random.Generator) -> Taste:
    persona = tuple(PERSONAS)[int(draws.integers(len(PERSONAS)))]
    brands = [brand for name in PERSONAS[persona] for brand in CATEGORIES[CATEGORY_NUMBER[name]].brands]
    return Taste(persona, brands[int(draws.integers(len(brands)))], int(draws.integers(len(PRICE_FACTORS))))


def calendar(people: Sequence[Shopper], start: float, end: float) -> list[tuple[float, Shopper]]:
    """All sessions of the shoppers in order: epoch seconds between `start` and `end` at which each begins."""
    sessions = [
        (float(shopper.draws.uniform(start, end)), number)
        for number, shopper in enumerate(people)
        for _ in range(int(shopper.draws.geometric(1 - COMES_BACK)))
    ]
    return [(moment, people[number]) for moment, number in sorted(sessions)]


def run_session(store: Storefront, shopper: Shopper, moment: float) -> None:
    """One session; returns when its events have reached Personalize, so that the next one sees them."""
    _Session(store, shopper, moment).run()
    store.sink.flush()


class _Session:
    """One session of a shopper. now: epoch seconds, which pass from page to page."""

    def __init__(self, store: Storefront, shopper: Shopper, now: float) -> None:
        self._store = store
        self._shopper = shopper
        self._now = now
        self._views = 0
        self._device = DEVICES[int(shopper.draws.integers(2))]

    def run(self) -> None:
        rows = self._store.home(self._session()).rows
        for row in rows:
            self._read(row)
            if not self._shopper.happens(NEXT_ROW):
                break
        if self._shopper.happens(SEARCHES):
            self._read(self._store.search(self._session(), self._query()).row)

    def _read(self, row: Row) -> None:
        for product in row.products:
            fit = self._shopper.taste.fit(product)
            if self._views < MOST_VIEWS and self._shopper.happens(OPENS * fit):
                self._open(product, row.list_id, fit)
            if not self._shopper.happens(READS_ON):
                return

    def _open(self, product: Product, list_id: str, fit: float) -> None:
        self._views += 1
        page = self._store.product(self._session(), product.item_id, list_id, self._now, self._device)
        chance = BUYS * fit * min(1.0, CHEAP / product.price) ** ELASTICITY
        if product.item_id not in self._shopper.owned and self._shopper.happens(chance):
            self._store.buy(self._session(), product.item_id, self._now, self._device)
            if not CATEGORIES[CATEGORY_NUMBER[product.category]].again:
                self._shopper.owned.add(product.item_id)
        self._read(page.similar)

    def _query(self) -> str:
        """The name of a thing, or a brand, that the shopper likes."""
        liked = PERSONAS[self._shopper.taste.persona]
        category = CATEGORIES[CATEGORY_NUMBER[liked[int(self._shopper.draws.integers(len(liked)))]]]
        words = (*category.things, category.name)
        return words[int(self._shopper.draws.integers(len(words)))]

    def _session(self) -> Session:
        self._now += 5 + float(self._shopper.draws.integers(40))
        return self._store.log.session(self._shopper.visitor_id, self._now)
