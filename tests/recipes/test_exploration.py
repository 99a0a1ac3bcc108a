"""Exploration on made scores whose right answer is known (R-42, R-72e, R-72f, RT-52)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.wrappers.exploration import (
    DAY,
    KNOWN_AFTER,
    LEFT,
    Exploration,
    Explored,
    Exposure,
    explored,
    exposure_of,
    seed_of,
    uncertainty,
)
from tests.recipes.made_data import training_data

NEWEST = 1_700_000_000
ITEMS = 400
NEW = np.arange(0, ITEMS, 10)
"""Every tenth item has never been met; the others well known and old."""


def exposure(exposures: int = 0, age: float = 0.0) -> Exposure:
    """How the new items stand."""
    known = np.full(ITEMS, 1000)
    known[NEW] = exposures
    created = np.full(ITEMS, NEWEST - 400 * DAY)
    created[NEW] = NEWEST - int(age * DAY)
    return Exposure(known, created, NEWEST)


def relevance() -> np.ndarray:
    """The new items last, the others in a known order."""
    scores = -np.arange(ITEMS, dtype=np.float32) / 40
    scores[NEW] = scores.min() - 1
    return scores


def lists(exposed: Exposure, terms: Exploration, users: int = 200) -> list[Explored]:
    return [explored(relevance(), exposed, terms, seed_of(1, user)) for user in range(users)]


def new_in_front(found: list[Explored]) -> float:
    """How many of the first 25 are new items, on average."""
    return float(np.mean([np.isin(top_k(each.scores, 25), NEW).sum() for each in found]))


@pytest.mark.parametrize("weight", [0.0, 1e-150, 5e-324])
def test_without_weight_nothing_changes(weight: float) -> None:
    """R-72e: weight 0 is pure relevance, the very same scores; so is one next to it."""
    scores = relevance()
    found = explored(scores, exposure(), Exploration.of_weight(weight, 30), 5)
    assert found.scores is scores
    assert not len(found.lifted)


def test_more_weight_more_new_items() -> None:
    """R-72e: at the default weight relevant items lead, at 1 every second item is new."""
    shares = [new_in_front(lists(exposure(), Exploration.of_weight(w, 30))) for w in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 1 < shares[2] < 4
    assert 10 < shares[4] < 14


def test_what_is_known_keeps_its_order_and_its_scores() -> None:
    """R-72g: nothing but the lifted items changes, and the first stays first."""
    before = relevance()
    known = np.setdiff1d(np.arange(ITEMS), NEW)
    for found in lists(exposure(), Exploration.of_weight(1.0, 30), 20):
        assert np.array_equal(found.scores[known], before[known])
        assert top_k(found.scores, 1)[0] == 1
        changed = np.flatnonzero(found.scores != before)
        assert np.array_equal(changed, np.sort(found.lifted))
        assert (found.scores[found.lifted] > before[found.lifted]).all()


@pytest.mark.parametrize(("age", "explores"), [(29.99, True), (30, True), (30.01, False), (400, False)])
def test_only_items_within_the_cut_off_are_explored(age: float, explores: bool) -> None:
    """R-72e, R-72f, RT-52: age is measured back from the latest interaction."""
    found = lists(exposure(age=age), Exploration.of_weight(1.0, 30), 20)
    assert any(len(each.lifted) for each in found) is explores


def test_items_shown_in_vain_are_explored_less() -> None:
    """R-72e: the more an item was met, the less; but it never ends."""
    terms = Exploration.of_weight(0.6, 30)
    shares = [new_in_front(lists(exposure(exposures), terms)) for exposures in (0, 2, 5, 10, KNOWN_AFTER)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 2 * shares[2] > 2.4 * shares[4] > 0


def test_uncertainty_falls_without_an_end() -> None:
    """R-72f: inversely with the count, to a quarter where an item is known, and on from there."""
    falling = uncertainty(np.arange(1000) // 4)
    assert falling[0] == 1
    assert (np.diff(falling) <= 0).all()
    assert falling[-1] > 0
    assert uncertainty(np.array([0, 0, KNOWN_AFTER, 5]))[2] == pytest.approx(LEFT)


@pytest.mark.parametrize("exposures", [20, 60, 5000])
def test_rarely_shown_is_relative_where_all_items_are_well_known(exposures: int) -> None:
    """R-72e, R-72f: the uncertainty of an item depends on how often the others were met."""
    counts = exposures * np.array([1, 2, 3, 4, 5, 6, 7, 8])
    assert np.allclose(uncertainty(counts), uncertainty(10 * counts))
    assert uncertainty(counts)[2] == pytest.approx(LEFT)


def busy_market() -> tuple[Exposure, np.ndarray]:
    """40 items, all young, met about 60 times each, the more often the more relevant."""
    counts = np.linspace(25, 95, 40).astype(np.int64)
    return Exposure(counts, np.full(40, NEWEST - 20 * DAY), NEWEST), np.log(counts / counts.sum()).astype(np.float32)


def test_a_small_catalog_of_new_well_known_items_is_explored() -> None:
    """R-72e, R-72f: at weight 1 nearly every list changes, and what was met less often gains."""
    exposed, popular = busy_market()
    gains, changed = np.zeros(40), 0
    for seed in range(200):
        scores = popular + np.random.default_rng(seed).normal(size=40).astype(np.float32)
        before = top_k(scores, 25)
        after = top_k(explored(scores, exposed, Exploration.of_weight(1.0, 30), seed).scores, 25)
        changed += set(before) != set(after)
        gains += np.isin(np.arange(40), after).astype(int) - np.isin(np.arange(40), before)
    assert changed > 150
    assert gains[:20].sum() > 100
    assert np.corrcoef(exposed.exposures, gains)[0, 1] < -0.5


def test_items_without_interactions_are_explored_first() -> None:
    """R-72f: however little relevance the model gives it, its bonus brings it up to the most relevant."""
    exposed, popular = busy_market()
    counts = exposed.exposures.copy()
    counts[:4], popular[:4] = 0, popular.min() - 9
    found = [explored(popular, replace(exposed, exposures=counts), Exploration(1.0, 30), seed) for seed in range(100)]
    assert np.mean([np.isin(np.arange(4), top_k(each.scores, 20)).sum() for each in found]) > 3


def test_relevant_newcomers_come_first() -> None:
    """R-72f: chance is in proportion to what the model takes for relevant."""
    scores = relevance()
    scores[NEW[:4]] += 6
    firsts = [explored(scores, exposure(), Exploration.of_weight(1.0, 30), seed).lifted[0] for seed in range(60)]
    assert np.isin(firsts, NEW[:4]).mean() > 0.9


def test_one_seed_one_answer() -> None:
    """RT-35."""
    terms = Exploration.of_weight(0.6, 30)
    one, same, other = (explored(relevance(), exposure(), terms, seed).scores for seed in (7, 7, 8))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_items_that_must_not_appear_are_not_lifted() -> None:
    scores = relevance()
    scores[NEW[:20]] = -np.inf
    for seed in range(20):
        found = explored(scores, exposure(), Exploration.of_weight(1.0, 30), seed)
        assert (found.scores[NEW[:20]] == -np.inf).all()


def test_a_ranking_of_some_items_only() -> None:
    """R-73: where not all items are scored, places are counted among those that are."""
    ranked = np.ones(ITEMS, np.bool_)
    ranked[NEW] = False
    found = explored(relevance(), exposure(), Exploration(1.0, 30), 3, ranked)
    in_list = np.isin(top_k(np.where(ranked | np.isin(np.arange(ITEMS), found.lifted), found.scores, -np.inf), 40), NEW)
    assert 10 < in_list.sum() < 30


def test_of_very_many_new_items_some_are_looked_at() -> None:
    """Where all of a large catalog is new, another part of it for every user."""
    scores = np.random.default_rng(1).normal(size=60_000).astype(np.float32)
    all_new = Exposure(np.zeros(60_000, np.int64), np.full(60_000, NEWEST), NEWEST)
    found = [explored(scores, all_new, Exploration.of_weight(1.0, 30), seed).lifted for seed in range(20)]
    assert all(100 < len(lifted) < 600 for lifted in found)
    assert len(np.unique(np.concatenate(found))) > 0.5 * sum(map(len, found))


@given(
    st.lists(st.tuples(st.floats(-30, 0, width=32), st.integers(0, 30), st.integers(0, 60)), max_size=40),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_any_scores(items: list[tuple[float, int, int]], weight: float, seed: int) -> None:
    """Never NaN, never lower, only young items higher, and never above the first."""
    scores = np.array([score for score, _, _ in items], np.float32)
    exposures = np.array([seen for _, seen, _ in items], np.int64)
    created = NEWEST - DAY * np.array([age for _, _, age in items], np.int64)
    found = explored(scores, Exposure(exposures, created, NEWEST), Exploration.of_weight(weight, 30), seed)
    assert (found.scores >= scores).all()
    higher = found.scores > scores
    assert not (higher & (created < NEWEST - 30 * DAY)).any()
    assert found.scores.max(initial=-np.inf) == scores.max(initial=-np.inf)


def test_interactions_and_impressions_count_as_exposures() -> None:
    """R-72f: the count of interactions and impressions."""
    data = training_data([("u", "a", 1), ("v", "a", 2), ("v", "b", 3)], extra_items=["c"])
    created = np.array([1, 3, 3])
    assert exposure_of(data, created, 3).exposures.tolist() == [2, 1, 0]
    shown = replace(data, shown=np.array([0, 4, 2]))
    assert exposure_of(shown, created, 3).exposures.tolist() == [2, 5, 2]
