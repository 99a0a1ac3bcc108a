"""What others did at about the same time, against slow, obvious versions."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.models import crowd_in_time as module
from personalize_emu.recipes.models import eras
from personalize_emu.recipes.models.crowd_in_time import FLOOR, REACH, SHORTER, crowd_in_time, newest_times, time_scale
from personalize_emu.recipes.models.nearest_moments import by_moment
from tests.recipes.made_data import DAY, random_data, training_data

DATA = random_data(users=30, items=15, rows=500, seed=4)
ITEMS = len(DATA.catalog)
CROWD = crowd_in_time(DATA.visits, ITEMS)
NOW = np.array([40, 480])


def stay_of(row: int) -> tuple[int, int]:
    visits = DATA.visits
    return int(visits.users[row]), int((visits.timestamps[row] - CROWD.origin) / CROWD.scale * module.STAYS)


def followers(
    crowd: module.CrowdInTime, items: NDArray[Any], weights: module.Vector, near: module.Vector, now: int
) -> module.Vector:
    bags = sp.csr_matrix((weights, items, [0, len(items)]), shape=(1, len(crowd.offsets) - 1))
    found: module.Vector = crowd.followers(bags, np.array([now]), near[None])[0]
    return found


@cache
def stays() -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = {}
    for row in range(len(DATA.visits)):
        found.setdefault(stay_of(row), []).append(row)
    return found


def nearness(stay: tuple[int, int], now: int) -> float:
    moment = np.mean([DATA.visits.timestamps[row] for row in stays()[stay]])
    return float(np.exp(-abs(moment - now) / CROWD.scale))


def test_nearness_falls_with_the_distance_of_a_stay() -> None:
    for now, row in zip(NOW, CROWD.nearness(NOW), strict=True):
        expected = [nearness(stay, int(now)) for stay in sorted(stays())]
        assert row == pytest.approx(expected, rel=1e-4)


def test_what_stays_are_worth_is_added_up_for_their_items() -> None:
    worth = np.random.default_rng(1).random((2, len(CROWD.owners))).astype(np.float32)
    expected = np.zeros((2, ITEMS))
    for number, stay in enumerate(sorted(stays())):
        for item in {int(DATA.visits.items[row]) for row in stays()[stay]}:
            expected[:, item] += worth[:, number]
    assert CROWD.gathered(worth) == pytest.approx(expected, rel=1e-4)
    assert CROWD.owners.tolist() == [user for user, _ in sorted(stays())]


def test_similarity_is_the_squared_cosine_up_to_the_length_of_the_history() -> None:
    bag = np.zeros(ITEMS, np.float32)
    bag[[2, 5, 7]] = 1.0, 0.5, 2.0
    expected = []
    for user in range(len(DATA.user_ids)):
        had = set(DATA.visits.items[DATA.visits.of_user(user)].tolist())
        visits = DATA.visits.lengths[user]
        expected.append(sum(float(bag[item]) for item in had) ** 2 / visits)
    assert CROWD.similarity(sp.csr_matrix(bag))[0] == pytest.approx(expected, rel=1e-4)


def test_followers_share_out_one_by_nearness_and_fade() -> None:
    near = CROWD.nearness(NOW)[0] ** SHORTER
    by_stay = dict(zip(sorted(stays()), near, strict=True))
    items, weights = np.array([3, 1, 3], np.int32), np.array([1.0, 0.5, 0.25], np.float32)
    expected = np.zeros(ITEMS)
    for item, weight in zip(items, weights, strict=True):
        rows = [row for row in range(len(DATA.visits)) if DATA.visits.items[row] == item]
        total = sum(float(by_stay[stay_of(row)] + FLOOR) for row in rows) + 1
        for row in rows:
            end = int(DATA.visits.offsets[DATA.visits.users[row] + 1])
            for later in range(row + 1, min(row + REACH + 1, end)):
                share = weight * float(by_stay[stay_of(row)] + FLOOR) / total
                expected[DATA.visits.items[later]] += share * (later - row) ** -0.6
    assert followers(CROWD, items, weights, near, int(NOW[0])) == pytest.approx(expected, rel=1e-3)


def test_only_the_nearest_occurrences_of_a_common_item_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    for user in range(40):
        rows += [(f"u{user:02}", "common", user * DAY), (f"u{user:02}", "old" if user < 20 else "new", user * DAY + 1)]
    data = training_data(rows)
    crowd = crowd_in_time(data.visits, 3)
    monkeypatch.setattr(module, "OCCURRENCES", 10)
    near = crowd.nearness(np.array([39 * DAY]))[0]
    found = followers(crowd, np.array([data.catalog.index("common")]), np.ones(1, np.float32), near, 39 * DAY)
    assert found[data.catalog.index("new")] > 0
    assert found[data.catalog.index("old")] == 0


def test_weights_of_events_count() -> None:
    data = training_data([("a", "x", 1), ("a", "y", 2), ("b", "x", 1), ("b", "z", 2)], weights=[1, 1, 1, 0.25])
    crowd = crowd_in_time(data.visits, 3)
    found = followers(crowd, np.zeros(1, np.int32), np.ones(1, np.float32), np.ones(len(crowd.owners), np.float32), 0)
    assert found[1] == pytest.approx(4 * found[2])
    assert crowd.gathered(np.ones((1, len(crowd.owners)), np.float32))[0].tolist() == [2.0, 1.0, 0.25]


def test_the_visit_nearest_in_time_is_found() -> None:
    rng = np.random.default_rng(0)
    items, moments = np.sort(rng.integers(0, 4, 60)), rng.integers(0, 12, 60).astype(np.float32)
    asked, now = np.tile(np.arange(4), 40), rng.uniform(-2, 15, 160).round(1).astype(np.float32)
    first, last = np.searchsorted(items, asked), np.searchsorted(items, asked, side="right")
    found = by_moment(items, moments).nearest(asked, now, first, last)
    expected = [start + np.abs(moments[start:end] - t).argmin() for start, end, t in zip(first, last, now, strict=True)]
    assert found.tolist() == expected


@pytest.mark.parametrize("most", [1, 3, 64])
def test_what_was_popular_is_told_era_by_era(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(eras, "MOST_ERAS", most)
    crowd = replace(CROWD)
    moments = np.sort(crowd.moments).astype(np.float64) * crowd.scale + crowd.origin
    now = np.r_[0, NOW, moments.astype(np.int64), moments[-1] + 50 * DAY].astype(np.int64)
    assert crowd.popular_at(now) == pytest.approx(crowd.gathered(crowd.nearness(now) ** SHORTER), rel=1e-3, abs=1e-5)


def test_nothing_is_known_of_nobody() -> None:
    crowd = crowd_in_time(training_data([]).visits, 2)
    near = crowd.nearness(newest_times([np.empty(0, np.int64)]))
    assert crowd.gathered(near).tolist() == crowd.popular_at(np.zeros(1, np.int64)).tolist() == [[0.0, 0.0]]
    assert followers(crowd, np.zeros(1, np.int32), np.ones(1, np.float32), near[0], 0).tolist() == [0.0, 0.0]


def test_scales_follow_how_long_the_data_reach() -> None:
    hours, years = np.arange(1000) * 60, np.arange(1000) * 10 * DAY
    assert time_scale(hours)[1] == pytest.approx(980 * 60 / 6, rel=0.01)
    assert time_scale(years)[1] == pytest.approx(9800 * DAY / 6, rel=0.01)
    assert time_scale(np.full(5, 7)) == (7, 1.0)
