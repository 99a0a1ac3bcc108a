"""Generates the users of the shop and a year of sessions for each."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import gmtime

import numpy as np

from personalize_emu.demo.dataset import Dataset, Interaction, Shopper
from personalize_emu.demo.shop import (
    CATEGORIES,
    CATEGORY_NUMBER,
    DAY,
    FOLLOW_UPS,
    PERSONAS,
    Catalog,
    generate_catalog,
)

END = 1_699_920_000
"""2023-11-14, midnight UTC: the end of the data."""
DAYS = 365
AGE_GROUPS = ("18-29", "30-49", "50+")
_AGES = {
    "cook": (0.15, 0.45, 0.4),
    "parent": (0.15, 0.8, 0.05),
    "outdoor": (0.5, 0.4, 0.1),
    "office": (0.1, 0.6, 0.3),
    "gadget": (0.7, 0.25, 0.05),
    "pets": (0.1, 0.25, 0.65),
}
_TREND = 28 * DAY
RandomSource = Callable[[], float]


def generate(seed: int = 7, users: int = 600, items: int = 500, end: int = END) -> Dataset:
    """Generate one year of data up to `end` (epoch seconds), about forty events per user; deterministic.

    Raises:
        ValueError: fewer than 1 user, or fewer than 100 items (every category needs a few).
    """
    if users < 1 or items < 100:
        raise ValueError(f"at least 1 user and 100 items are needed, not {users} and {items}")
    rng = np.random.default_rng(seed)
    catalog = generate_catalog(items, end - DAYS * DAY, end, rng)
    sampler = _CatalogSampler(catalog, end)
    draw = _uniforms(rng).__next__
    calendar = _calendar(end)
    states = [_shopper(number, rng) for number in range(users)]
    events: list[Interaction] = []
    for person in states:
        simulation = _Simulation(person, sampler, draw)
        for moment in _sessions(person, calendar, end, rng):
            events.extend(simulation.session(moment))
    events.sort(key=lambda event: (event.timestamp, event.user_id))
    return Dataset(
        interactions=tuple(events),
        items=catalog.items,
        users=tuple(person.row for person in states),
        trending=frozenset(catalog.items[number].item_id for number in catalog.trending),
        personas={person.row.user_id: person.persona for person in states},
        brands={person.row.user_id: person.brand for person in states},
        levels={person.row.user_id: person.level for person in states},
    )


@dataclass
class _UserState:
    """The state of a user during the simulation; purchases change what the user owns and needs."""

    row: Shopper
    persona: str
    session_count: int
    joined: int
    level: int
    brand: str
    phone: float
    owned: set[int] = field(default_factory=set)
    due: dict[int, int] = field(default_factory=dict)
    wanted: list[str] = field(default_factory=list)


class _CatalogSampler:
    """The catalog with the weights for sampling."""

    def __init__(self, catalog: Catalog, end: int) -> None:
        self.catalog = catalog
        self.end = end
        self.arrival = [item.creation_timestamp for item in catalog.items]
        self.brand = [item.brand for item in catalog.items]
        self.shelf_weights = [_running([(rank + 1) ** -0.8 for rank in range(len(s))]) for s in catalog.by_category]
        self.trending = [[number for number in items if number in catalog.trending] for items in catalog.by_category]
        self.category_weights = {
            (persona, device, month): _running(_interest(persona, device, month))
            for persona in PERSONAS
            for device in ("phone", "desktop")
            for month in range(1, 13)
        }

    def category(self, person: _UserState, device: str, moment: int, draw: RandomSource) -> int:
        month = gmtime(moment).tm_mon
        return _pick(self.category_weights[person.persona, device, month], draw())

    def article(self, person: _UserState, place: int, moment: int, draw: RandomSource) -> int | None:
        """The number of an item of that category that fits the user, None if the category is empty."""
        if self.trending[place] and moment > self.end - _TREND and draw() < 0.3:
            return self.trending[place][int(draw() * len(self.trending[place]))]
        category_items, weights = self.catalog.by_category[place], self.shelf_weights[place]
        found = None
        for _ in range(12):
            number = category_items[_pick(weights, draw())]
            if self.arrival[number] > moment:
                continue
            found = number
            if self.catalog.levels[number] != person.level and draw() > 0.12:
                continue
            loyal = person.brand in CATEGORIES[place].brands
            if loyal and self.brand[number] != person.brand and draw() > 0.4:
                continue
            break
        return found


@dataclass(frozen=True)
class _Simulation:
    """The sessions of one user."""

    person: _UserState
    sampler: _CatalogSampler
    draw: RandomSource

    def session(self, moment: int) -> Iterator[Interaction]:
        """One session: reorder consumables that are due, buy what follows from a purchase, or browse."""
        person, draw = self.person, self.draw
        device = "phone" if draw() < person.phone else "desktop"
        empty = [number for number, due in person.due.items() if due <= moment]
        if empty and draw() < (0.8 if device == "phone" else 0.4):
            for number in empty:
                moment += 20 + int(draw() * 60)
                yield self._bought(number, moment, device)
            return
        wanted = bool(person.wanted) and draw() < 0.75
        place = CATEGORY_NUMBER[person.wanted.pop()] if wanted else self.sampler.category(person, device, moment, draw)
        seen: list[int] = []
        while not seen or draw() < 0.68:
            found = self.sampler.article(person, place, moment, draw)
            if found is None:
                return
            moment += 15 + int(draw() * 120)
            seen.append(found)
            yield self._event(found, moment, "View", device)
        choice = seen[int(draw() * len(seen))]
        if choice not in person.owned and draw() < (0.9 if wanted else 0.45):
            yield self._bought(choice, moment + 30 + int(draw() * 200), device)

    def _bought(self, number: int, moment: int, device: str) -> Interaction:
        category = CATEGORIES[number % len(CATEGORIES)]
        if category.again:
            self.person.due[number] = moment + int(category.again * DAY * (0.8 + 0.4 * self.draw()))
        else:
            self.person.owned.add(number)
            if category.name in FOLLOW_UPS:
                self.person.wanted.append(FOLLOW_UPS[category.name])
        return self._event(number, moment, "Purchase", device)

    def _event(self, number: int, moment: int, kind: str, device: str) -> Interaction:
        item = self.sampler.catalog.items[number]
        return Interaction(self.person.row.user_id, item.item_id, moment, kind, device)


def _shopper(number: int, rng: np.random.Generator) -> _UserState:
    persona = tuple(PERSONAS)[int(rng.integers(len(PERSONAS)))]
    session_count = int(np.clip(rng.lognormal(2.5, 0.7), 2, 80))
    makers = [brand for name in PERSONAS[persona] for brand in CATEGORIES[CATEGORY_NUMBER[name]].brands]
    age = AGE_GROUPS[_pick(_running(_AGES[persona]), float(rng.random()))]
    plus = rng.random() < (0.7 if session_count > 15 else 0.2)
    return _UserState(
        row=Shopper(f"user{number:04d}", age, "plus" if plus else "basic"),
        persona=persona,
        session_count=session_count,
        joined=int(rng.integers(DAYS - 20)) if rng.random() < 0.3 else 0,
        level=int(rng.choice(3, p=(0.4, 0.4, 0.2))),
        brand=makers[int(rng.integers(len(makers)))],
        phone=float(rng.beta(2, 2)),
    )


def _sessions(person: _UserState, calendar: list[float], end: int, rng: np.random.Generator) -> Iterator[int]:
    """Start times of the user's sessions, oldest first."""
    floor = calendar[person.joined - 1] if person.joined else 0.0
    days = np.searchsorted(calendar, floor + rng.random(person.session_count) * (calendar[-1] - floor), side="right")
    seconds = np.clip(rng.normal(18.0, 3.5, person.session_count), 0.0, 22.5) * 3600
    starts = end - DAYS * DAY + days * DAY + seconds.astype(np.int64)
    yield from np.sort(starts).tolist()


def _calendar(end: int) -> list[float]:
    """Cumulative share of sessions by day of the year: weekends are busier (effect 8)."""
    first = end // DAY - DAYS
    return _running([1.7 if (first + day + 3) % 7 >= 5 else 1.0 for day in range(DAYS)])


def _interest(persona: str, device: str, month: int) -> list[float]:
    """Weight of each category for a session (effects 1, 8 and 11), not normalised."""
    weights = []
    for category in CATEGORIES:
        weight = 1.0 if category.name in PERSONAS[persona] else 0.095
        weight *= 2.2 if bool(category.again) == (device == "phone") else 1.0
        if category.season:
            distance = abs(category.season - month)
            weight *= 2.5 - 0.4 * min(distance, 12 - distance)
        weights.append(weight)
    return weights


def _running(weights: list[float] | tuple[float, ...]) -> list[float]:
    return list(np.cumsum(np.asarray(weights) / np.sum(weights)))


def _pick(running: list[float], share: float) -> int:
    return min(bisect(running, share), len(running) - 1)


def _uniforms(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(8192).tolist()
