"""Whether things come back is learned, and becomes part of one distribution over the catalog."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Interactions, subsample_users
from personalize_emu.recipes.numerics.logits import standardised
from personalize_emu.recipes.wrappers import repeats
from personalize_emu.recipes.wrappers.repeats import (
    COUNT_EDGES,
    GREATEST,
    LEVELS,
    TIME_EDGES,
    PastItems,
    Repeats,
    fit_repeats,
    gaps_of,
    repeat_hazards,
    repeat_share,
    with_repeats,
)
from tests.recipes.made_data import DAY, checkerboard, history, random_data, soap_shop, training_data


def obvious_chances(interactions: Interactions, edges: np.ndarray, in_time: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns and chances, float64[levels, buckets], by walking through every history."""
    returns, chances = np.zeros((2, repeats.LEVELS, len(edges)))
    for user in range(len(interactions.offsets) - 1):
        rows = range(int(interactions.offsets[user]), int(interactions.offsets[user + 1]))
        last: dict[int, int] = {}
        times: dict[int, int] = {}
        for row in rows:
            for item, before in last.items():
                gap = interactions.timestamps[row - 1] - interactions.timestamps[before] if in_time else row - before
                cell = min(times[item], repeats.LEVELS) - 1, np.flatnonzero(edges <= gap)[-1]
                chances[cell] += 1
                returns[cell] += item == interactions.items[row]
            item = int(interactions.items[row])
            last[item] = row
            times[item] = times.get(item, 0) + 1
    return returns, chances


@pytest.mark.parametrize("in_time", [False, True])
def test_hazards_against_a_walk_through_every_history(in_time: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_data(users=12, items=9, rows=260, seed=2)
    monkeypatch.setattr(repeats, "TIME_EDGES", np.array([0, 1, 3, 10, 30, 100, 300]))
    order = iter([2.0, 1.0] if in_time else [1.0, 2.0])
    monkeypatch.setattr(repeats, "_likelihood", lambda returns, chances: next(order))
    fitted = fit_repeats(data.interactions, 9)
    edges = repeats.TIME_EDGES if in_time else repeats.COUNT_EDGES
    returns, chances = obvious_chances(data.interactions, edges, in_time)
    overall = (returns.sum() + 0.5) / (chances.sum() + 1)
    by_gap = (returns.sum(axis=0) + 20 * overall) / (chances.sum(axis=0) + 20)
    assert fitted.in_time == in_time
    at_any_gap = (returns.sum(axis=1) + 20 * overall) / (chances.sum(axis=1) + 20)
    assert fitted.hazards == pytest.approx(0.9 * (returns + 20 * by_gap) / (chances + 20) + 0.1 * at_any_gap[:, None])


def test_waits_end_at_the_return_or_at_the_users_last_interaction() -> None:
    data = training_data([("a", item, time) for time, item in enumerate("xyxzx")] + [("b", "x", 1)])
    waits = gaps_of(data.interactions)
    assert waits.ends.tolist() == [2, 4, 4, 4, 4, 5]
    assert waits.returned.tolist() == [True, False, True, False, False, False]
    assert waits.level.tolist() == [0, 0, 1, 0, 2, 0]
    assert repeat_share(data.interactions) == pytest.approx(2 / 6)


def test_without_returns_chances_are_almost_nothing() -> None:
    data = checkerboard()
    repeats = fit_repeats(data.interactions, len(data.catalog))
    chances = repeat_hazards(repeats, [history(data, "i00", "i02", "i04")], len(data.catalog)).chances
    assert len(chances) == 3
    assert (chances < 0.002).all()


def test_soap_comes_back_after_a_month_and_other_goods_never() -> None:
    data = soap_shop()
    fitted = fit_repeats(data.interactions, len(data.catalog))
    soap = data.catalog.index("soap")

    def chance(*items: str) -> dict[int, float]:
        seen = repeat_hazards(fitted, [history(data, *items, step=7 * DAY)], len(data.catalog))
        return dict(zip(seen.items.tolist(), seen.chances.tolist(), strict=True))

    due = chance("soap", "good01", "good02", "good03")
    early = chance("good01", "good02", "good03", "soap")
    assert due[soap] > 0.5
    assert early[soap] < 0.1
    assert max(value for item, value in due.items() if item != soap) < 0.02


def test_one_return_to_a_rare_item_says_little_of_the_next() -> None:
    """Everybody interactions a few favourites in turn; one user known something else twice in a row, nobody ever
    again.
    """
    rng = np.random.default_rng(6)
    rows = [
        (f"u{user}", f"favourite{user % 9}-{item}", DAY * step)
        for user in range(90)
        for step, item in enumerate(rng.integers(5, size=20))
    ]
    data = training_data([*rows, ("u0", "rare", 21 * DAY), ("u0", "rare", 22 * DAY)])
    fitted = fit_repeats(data.interactions, len(data.catalog))
    asked = history(data, "favourite0-1", "favourite0-2", "rare", "favourite0-3")
    seen = repeat_hazards(fitted, [asked], len(data.catalog))
    chances = dict(zip(seen.items.tolist(), seen.chances.tolist(), strict=True))
    usual = [chances[data.catalog.index(f"favourite0-{item}")] for item in (1, 2, 3)]
    assert chances[data.catalog.index("rare")] < 2 * max(usual)


def test_gaps_in_time_win_where_time_decides() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for user in range(60):
        for month in range(8):
            rows.append((f"u{user}", "soap", 30 * DAY * month))
            others = np.sort(rng.integers(1, 29, size=int(rng.integers(1, 9))))
            rows += [(f"u{user}", f"good{rng.integers(10_000)}", 30 * DAY * month + DAY * int(day)) for day in others]
    data = training_data(rows)
    assert fit_repeats(data.interactions, len(data.catalog)).in_time


def test_thinning_keeps_whole_users() -> None:
    interactions = random_data(users=40, items=9, rows=800, seed=2).interactions
    fewer = subsample_users(interactions, 300)
    assert 200 < len(fewer) < 400
    assert fewer.items[fewer.of_user(1)].tolist() == interactions.items[interactions.of_user(3)].tolist()
    assert subsample_users(interactions, 800) is interactions


FINITE = st.floats(-100, 100, width=32)


def with_returns(logits: np.ndarray, items: list[int], chances: np.ndarray) -> np.ndarray:
    seen = PastItems(np.zeros(len(items), np.int64), np.array(items, np.int64), chances)
    return np.asarray(with_repeats(logits[None].copy(), seen)[0])


@given(st.lists(FINITE, min_size=1, max_size=30), st.data())
def test_probabilities_with_repeats_sum_to_1(values: list[float], data: st.DataObject) -> None:
    seen = sorted(data.draw(st.sets(st.integers(0, len(values) - 1))))
    chances = np.array(data.draw(st.lists(st.floats(1e-9, 0.9), min_size=len(seen), max_size=len(seen))))
    logits = np.array(values, np.float32) / 10
    result = with_returns(logits, seen, chances)
    assert result.dtype == np.float32
    if len(seen) < len(values):
        assert np.exp(result.astype(np.float64)).sum() == pytest.approx(1, abs=1e-4)
        new = np.delete(np.arange(len(values)), seen)
        assert np.diff(result[new]) == pytest.approx(np.diff(logits[new]), abs=1e-3)


def test_items_of_the_history_share_the_mass_of_their_hazards() -> None:
    result = np.exp(with_returns(np.zeros(10, np.float32), [2, 5], np.array([0.3, 0.1])))
    assert result[[2, 5]] == pytest.approx([0.3, 0.1])
    assert result[[0, 1, 9]] == pytest.approx([0.6 / 8] * 3)


@pytest.mark.parametrize("in_time", [True, False])
def test_hazards_of_many_histories_are_those_of_each(in_time: bool) -> None:
    """R-72c: by the gap since the newest interaction with an item, and how often there was one."""
    rng = np.random.default_rng(1)
    buckets = len(TIME_EDGES if in_time else COUNT_EDGES)
    repeats = Repeats(in_time, rng.uniform(1e-4, 0.3, (LEVELS, buckets)), rng.uniform(0.5, 2, (LEVELS, 9)))
    histories = [
        History(rng.integers(9, size=size).astype(np.int32), np.cumsum(rng.integers(10**6, size=size)))
        for size in (0, 1, 5, 12)
    ]
    seen = repeat_hazards(repeats, histories, 9)
    edges = (TIME_EDGES if in_time else COUNT_EDGES).tolist()
    expected = []
    for row, past in enumerate(histories):
        items = past.items.tolist()
        for item in sorted(set(items)):
            newest = max(place for place, other in enumerate(items) if other == item)
            gap = past.timestamps[-1] - past.timestamps[newest] if in_time else len(items) - newest
            bucket = max(place for place, edge in enumerate(edges) if edge <= gap)
            level = min(items.count(item), LEVELS) - 1
            hazard = min(repeats.hazards[level, bucket] * repeats.factors[level, item], GREATEST)
            expected.append((row, item, hazard))
    found = list(zip(seen.rows.tolist(), seen.items.tolist(), seen.chances.tolist(), strict=True))
    assert found == expected


def test_standardised_rows_and_flat_rows() -> None:
    rows = np.array([[1, 2, 3], [0.1, 0.1, 0.1], [0, 0, 0]], np.float32)
    assert standardised(rows) == pytest.approx(np.array([[-1.2247, 0, 1.2247], [0, 0, 0], [0, 0, 0]]), abs=1e-3)
    assert np.array_equal(standardised(rows[0]), standardised(rows)[0])
