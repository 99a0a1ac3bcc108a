"""Histories as weighted bags of items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.scorers.histories import Kernel, weighted_rows

ITEMS = 9


@st.composite
def histories(draw: st.DrawFn) -> list[History]:
    made = []
    for items in draw(st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), max_size=6)):
        gaps = draw(st.lists(st.integers(0, 10**6), min_size=len(items), max_size=len(items)))
        made.append(History(np.array(items, np.int32), np.cumsum(np.array(gaps, np.int64))))
    return made


@given(histories(), st.booleans(), st.integers(1, 14))
def test_bags_of_many_users(found: list[History], recency: bool, reach: int) -> None:
    """R-72b."""
    kernel = Kernel(reach=reach, decay=3.0, harmonic=0.5, recency=recency)
    bags = weighted_rows(found, kernel, item_count=ITEMS).toarray()
    assert bags.shape == (len(found), ITEMS)
    for row, history in zip(bags, found, strict=True):
        expected = np.zeros(ITEMS)
        for back, item in enumerate(history.items[::-1].tolist()[:reach]):
            expected[item] += np.exp(-back / 3.0) + 0.5 / (back + 1) if recency else 1.0
        assert row == pytest.approx(expected, abs=1e-6)
