"""The catalog of the generated shop: categories, brands, prices and items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.demo.dataset import Item

DAY = 86_400


@dataclass(frozen=True)
class Category:
    """A category of items.

    name: as in CATEGORY_L1. things: nouns for titles. price: typical price. brands: brands in the category.
    again: days after which a user buys the same item again, 0 for durables.
    season: month (1 to 12) of the peak, 0 for none.
    """

    name: str
    things: tuple[str, ...]
    price: float
    brands: tuple[str, ...]
    again: int = 0
    season: int = 0


CATEGORIES = (
    Category("Coffee", ("Espresso Beans", "Filter Coffee", "Decaf Beans"), 9, ("Morgenrot", "Aldea"), 12),
    Category("Tea", ("Green Tea", "Earl Grey", "Herbal Tea"), 6, ("Aldea", "Silverleaf"), 20, 1),
    Category("Spices", ("Smoked Paprika", "Curry Powder", "Sea Salt"), 5, ("Silverleaf", "Morgenrot"), 35),
    Category("Soap", ("Hand Soap", "Shower Gel", "Laundry Soap"), 4, ("Puro", "Silverleaf"), 25),
    Category("Snacks", ("Oat Bars", "Trail Mix", "Rice Crackers"), 5, ("Aldea", "Hilltop"), 14),
    Category("Pet Food", ("Dry Dog Food", "Cat Pouches", "Bird Seed"), 18, ("Fellfreund", "Hilltop"), 21),
    Category("Ink", ("Black Ink", "Colour Ink", "Photo Ink"), 24, ("Vektor", "Papyra"), 45),
    Category("Paper", ("Copy Paper", "Photo Paper", "Notebooks"), 8, ("Papyra", "Vektor"), 30),
    Category("Batteries", ("AA Batteries", "Button Cells", "Charger Pack"), 11, ("Voltan", "Lumio"), 40),
    Category("Coffee Machines", ("Espresso Machine", "Filter Machine"), 180, ("Morgenrot", "Lumio")),
    Category("Cookware", ("Frying Pan", "Stock Pot", "Chef's Knife"), 55, ("Ferrum", "Morgenrot")),
    Category("Printers", ("Laser Printer", "Photo Printer"), 160, ("Vektor", "Papyra")),
    Category("Laptops", ("Ultrabook", "Workstation", "Tablet"), 900, ("Vektor", "Lumio")),
    Category("Headphones", ("Over-Ear Headphones", "Earbuds"), 120, ("Lumio", "Voltan")),
    Category("Cameras", ("Compact Camera", "Action Camera"), 420, ("Lumio", "Voltan")),
    Category("Memory Cards", ("Memory Card", "Card Reader"), 28, ("Voltan", "Lumio")),
    Category("Tents", ("Dome Tent", "Trekking Tent"), 230, ("Hilltop", "Nordpass"), 0, 7),
    Category("Sleeping Bags", ("Down Sleeping Bag", "Light Sleeping Bag"), 90, ("Nordpass", "Hilltop"), 0, 7),
    Category("Bicycles", ("City Bike", "Gravel Bike", "Kids' Bike"), 640, ("Nordpass", "Ferrum"), 0, 5),
    Category("Toys", ("Building Blocks", "Wooden Train", "Board Game"), 35, ("Kiebitz", "Ferrum"), 0, 12),
    Category("Pet Toys", ("Chew Rope", "Scratching Post"), 16, ("Fellfreund", "Kiebitz")),
    Category("Lamps", ("Desk Lamp", "Night Light", "Floor Lamp"), 60, ("Lumio", "Ferrum"), 0, 12),
)

FOLLOW_UPS = {
    "Printers": "Ink",
    "Tents": "Sleeping Bags",
    "Cameras": "Memory Cards",
    "Coffee Machines": "Coffee",
}
"""Buyers of the first category soon buy from the second (effect 3)."""

PERSONAS = {
    "cook": ("Coffee", "Tea", "Spices", "Cookware", "Coffee Machines"),
    "parent": ("Soap", "Snacks", "Toys", "Batteries", "Lamps"),
    "outdoor": ("Snacks", "Tents", "Sleeping Bags", "Bicycles", "Batteries"),
    "office": ("Printers", "Ink", "Paper", "Laptops", "Coffee"),
    "gadget": ("Laptops", "Headphones", "Cameras", "Memory Cards", "Batteries"),
    "pets": ("Pet Food", "Pet Toys", "Soap", "Tea"),
}

PRICE_FACTORS = (0.6, 1.0, 1.8)
"""Of the typical price of a category, by price level."""
CATEGORY_NUMBER = {category.name: number for number, category in enumerate(CATEGORIES)}
_KINDS = ("Classic", "Compact", "Family", "Select", "Plus", "Original", "Light", "Studio", "Travel", "Prime")


@dataclass(frozen=True)
class Catalog:
    """The items and their numbers by category.

    shelves: item numbers of each category, best seller first.
    levels: price level 0, 1 or 2 of each item. trending: item numbers of effect 9.
    """

    items: tuple[Item, ...]
    by_category: tuple[tuple[int, ...], ...]
    levels: tuple[int, ...]
    trending: frozenset[int]


def generate_catalog(count: int, start: int, end: int, rng: np.random.Generator) -> Catalog:
    """Generate `count` items; one in ten is added in the last twelve weeks before `end` (epoch seconds)."""
    items: list[Item] = []
    by_category: list[list[int]] = [[] for _ in CATEGORIES]
    levels: list[int] = []
    creation_times = _arrivals(count, start, end, rng)
    spread = np.exp(rng.normal(0.0, 0.12, count))
    for number in range(count):
        place = number % len(CATEGORIES)
        category, rank = CATEGORIES[place], number // len(CATEGORIES)
        level = rank % 3
        price = category.price * PRICE_FACTORS[level] * float(spread[number])
        items.append(
            Item(
                item_id=f"item{number:04d}",
                title=_title(category, rank, category.brands[rank % len(category.brands)]),
                category_l1=category.name,
                brand=category.brands[rank % len(category.brands)],
                price=round(price, 2),
                creation_timestamp=int(creation_times[number]),
            )
        )
        by_category[place].append(number)
        levels.append(level)
    return Catalog(tuple(items), tuple(map(tuple, by_category)), tuple(levels), _trending(creation_times, start, rng))


def _arrivals(count: int, start: int, end: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """int64[count] epoch seconds: most long before `start`, one in ten new, a few at the very end."""
    creation_times = start - rng.integers(1, 700, count) * DAY
    new_items = rng.choice(count, size=count // 10, replace=False)
    creation_times[new_items] = end - (rng.random(len(new_items)) * 84 * DAY).astype(np.int64)
    creation_times[new_items[: max(1, count // 100)]] = end - 60
    return creation_times


def _trending(creation_times: NDArray[np.int64], start: int, rng: np.random.Generator) -> frozenset[int]:
    old = np.flatnonzero(creation_times < start)
    tail = old[old >= len(creation_times) // 3]
    chosen = rng.choice(tail, size=max(1, len(creation_times) // 60), replace=False)
    return frozenset(int(number) for number in chosen)


def _title(category: Category, rank: int, brand: str) -> str:
    thing = category.things[rank % len(category.things)]
    kind = _KINDS[rank % len(_KINDS)]
    generation = rank // len(_KINDS)
    return f"{brand} {thing} {kind}" + (f" {generation + 1}" if generation else "")
