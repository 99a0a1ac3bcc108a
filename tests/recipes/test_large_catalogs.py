"""Catalogs too large for dense matrices are trained on all the same, within bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History, TrainingData, TrainingRun
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.scorers import ease, transitions
from personalize_emu.recipes.scorers.transitions import fit_transitions

ITEMS, USERS, INTERACTIONS = 20_000, 3_200, 24_000
MOST_BYTES = 8_000 * ITEMS
"""A dense float32 matrix of items by items has ten times as many."""


@pytest.fixture(scope="module")
def large() -> TrainingData:
    """Each user stays in one of 200 corners of 100 items."""
    rng = np.random.default_rng(9)
    users = np.sort(rng.integers(USERS, size=INTERACTIONS)).astype(np.int32)
    items = (users % 200 * 100 + (100 * rng.random(INTERACTIONS) ** 2).astype(np.int32)).astype(np.int32)
    catalog = tuple(f"i{number:05}" for number in range(ITEMS))
    return TrainingData(
        catalog,
        tuple(f"u{number:05}" for number in range(USERS)),
        users,
        items,
        np.arange(INTERACTIONS, dtype=np.int64),
    )


@pytest.mark.parametrize("name", ["aws-user-personalization", "aws-sims"])
def test_twenty_thousand_items(name: str, large: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "MOST_ITEMS", 1500)
    recipe = recipe_named(name)
    assert recipe is not None
    tracemalloc.start()
    model = recipe.fit(large, TrainingRun({"min_cointeraction_count": "1"}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_BYTES
    ranked = top_k(model.scores(History(np.array([4200, 4203], np.int32), np.array([1, 2], np.int64))), 10)
    assert (ranked // 100 == 42).mean() > 0.7


def test_transitions_keep_the_strongest_followers_when_there_are_too_many(
    large: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transitions, "MOST_STORED", 10_000)
    monkeypatch.setattr(transitions, "NEIGHBOURS", 5)
    assert np.diff(fit_transitions(large.interactions, ITEMS).matrix.indptr).max() == 5
