"""Many histories at once are the same as one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.numerics.logits import with_returns
from personalize_emu.recipes.scorers.histories import Kernel, newest, weighted_rows
from personalize_emu.recipes.wrappers.repeats import (
    LEVELS,
    TIME_EDGES,
    VISIT_EDGES,
    Repeats,
    chances_of_many,
    with_returns_of_many,
)

ITEMS = 9


@st.composite
def histories(draw: st.DrawFn) -> list[History]:
    made = []
    for items in draw(st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), max_size=6)):
        gaps = draw(st.lists(st.integers(0, 10**6), min_size=len(items), max_size=len(items)))
        made.append(History(np.array(items, np.int32), np.cumsum(np.array(gaps, np.int64))))
    return made


def made_repeats(in_time: bool, seed: int) -> Repeats:
    rng = np.random.default_rng(seed)
    buckets = len(TIME_EDGES if in_time else VISIT_EDGES)
    return Repeats(in_time, rng.uniform(1e-4, 0.3, (LEVELS, buckets)), rng.uniform(0.5, 2, (LEVELS, ITEMS)))


@given(histories(), st.booleans(), st.integers(0, 5))
def test_returns_of_many_users(found: list[History], in_time: bool, seed: int) -> None:
    """R-72, R-72c: the chances of all items a user had, and the probabilities with them."""
    repeats = made_repeats(in_time, seed)
    logits = np.random.default_rng(seed).normal(size=(len(found), ITEMS)).astype(np.float32)
    had = chances_of_many(repeats, found, ITEMS)
    many = with_returns_of_many(logits.copy(), had)
    for row, history in enumerate(found):
        items, chances = repeats.chances(history)
        mine = had.rows == row
        assert had.items[mine].tolist() == items.tolist()
        assert had.chances[mine].tolist() == chances.tolist()
        assert many[row] == pytest.approx(with_returns(logits[row], items, chances), abs=1e-5)


@given(histories(), st.booleans(), st.integers(1, 14))
def test_bags_of_many_users(found: list[History], recency: bool, reach: int) -> None:
    """R-72b."""
    kernel = Kernel(reach=reach, decay=3.0, harmonic=0.5, recency=recency)
    bags = weighted_rows(found, kernel, item_count=ITEMS).toarray()
    assert bags.shape == (len(found), ITEMS)
    for row, history in zip(bags, found, strict=True):
        items, weights = newest(history, kernel)
        assert row == pytest.approx(np.bincount(items, weights, minlength=ITEMS), abs=1e-6)
