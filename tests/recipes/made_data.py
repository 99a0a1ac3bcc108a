"""Small training data whose right answers are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from personalize_emu.recipes.contract.base import History, TrainingData

DAY = 86_400
Row = tuple[str, str, int]


def training_data(
    rows: Iterable[Row], extra_items: Sequence[str] = (), weights: Sequence[float] | None = None
) -> TrainingData:
    """TrainingData of (user, item, timestamp) rows in order of arrival."""
    rows = list(rows)
    users = sorted({user for user, _, _ in rows})
    catalog = sorted({item for _, item, _ in rows} | set(extra_items))
    user_numbers = {user: number for number, user in enumerate(users)}
    item_numbers = {item: number for number, item in enumerate(catalog)}
    user_column = np.array([user_numbers[user] for user, _, _ in rows], np.int32)
    item_column = np.array([item_numbers[item] for _, item, _ in rows], np.int32)
    times = np.array([time for _, _, time in rows], np.int64)
    order = np.lexsort((np.arange(len(rows)), times, user_column))
    return TrainingData(
        tuple(catalog),
        tuple(users),
        user_column[order],
        item_column[order],
        times[order],
        None if weights is None else np.array(weights, np.float32)[order],
    )


def history(data: TrainingData, *items: str, start: int = 1_000_000, step: int = DAY) -> History:
    """A history of these items, oldest first, one every `step` seconds."""
    numbers = [data.catalog.index(item) for item in items]
    times = start + step * np.arange(len(items))
    return History(np.array(numbers, np.int32), times.astype(np.int64))


def checkerboard(users: int = 40, items: int = 20, interactions: int = 6, seed: int = 3) -> TrainingData:
    """Even users interaction even items only, odd users odd ones, in random order, each item once."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        for time, item in enumerate(rng.permutation(np.arange(user % 2, items, 2))[:interactions]):
            rows.append((f"u{user:03}", f"i{item:02}", 1_000 + 60 * time))
    return training_data(rows)


def chains(users: int = 60, items: int = 30, interactions: int = 9, seed: int = 4) -> TrainingData:
    """Everybody starts somewhere and walks on: after item n comes item n + 1, around a ring."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        start = int(rng.integers(items))
        rows += [(f"u{user:03}", f"i{(start + step) % items:02}", 1_000 + DAY * step) for step in range(interactions)]
    return training_data(rows)


def soap_shop(
    users: int = 80, months: int = 8, goods: int = 60, seed: int = 5, ends_with_soap: bool = False
) -> TrainingData:
    """Soap is bought every 30 days; other goods are bought once each, three a month, on days between."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for user in range(users):
        first = int(rng.integers(30))
        order = iter(rng.permutation(goods))
        for month in range(months):
            day = first + 30 * month
            rows.append((f"u{user:03}", "soap", DAY * day))
            rows += [(f"u{user:03}", f"good{next(order):02}", DAY * (day + later)) for later in (7, 14, 21)]
        if ends_with_soap:
            rows.append((f"u{user:03}", "soap", DAY * (first + 30 * months)))
    return training_data(rows)


def fashions() -> TrainingData:
    """One half of the items was in fashion for thirty busy days, the other half is since; nobody has a factors."""
    rng = np.random.default_rng(8)
    rows: list[Row] = []
    for day in range(100):
        for place in range(80 if day < 30 else 16):
            item = rng.integers(60) if place % 8 == 0 else rng.integers(30) + (30 if day >= 30 else 0)
            rows.append((f"u{rng.integers(200):03}", f"i{item:03}", day * DAY + 60 * place))
    return training_data(rows)


def random_data(users: int, items: int, rows: int, seed: int) -> TrainingData:
    """Random rows with popular and rare items, several at one time."""
    rng = np.random.default_rng(seed)
    picked = np.minimum((items * rng.random(rows) ** 2).astype(int), items - 1)
    return training_data(
        (f"u{user}", f"i{item:05}", int(time))
        for user, item, time in zip(rng.integers(users, size=rows), picked, rng.integers(500, size=rows), strict=True)
    )
