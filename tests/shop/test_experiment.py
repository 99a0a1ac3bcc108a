"""The split into groups, and the intervals of the dashboard."""

from __future__ import annotations

import numpy as np
import pytest

from personalize_emu.shop.intervals import Estimate, resampled_ratios, uplifts, with_interval
from personalize_emu.shop.shop_log import Group, ShopLog, group_of


def test_half_of_the_visitors_are_in_each_group_and_stay_there() -> None:
    visitors = [f"visitor-{number}" for number in range(4000)]
    groups = [group_of(visitor, "a") for visitor in visitors]
    assert 1850 < groups.count(Group.POPULARITY) < 2150
    assert groups == [group_of(visitor, "a") for visitor in visitors]


def test_another_key_splits_independently() -> None:
    same = sum(group_of(f"v{number}", "a") is group_of(f"v{number}", "b") for number in range(4000))
    assert 1850 < same < 2150


def test_intervals_agree_with_the_normal_approximation_for_many_visitors() -> None:
    rng = np.random.default_rng(3)
    clicks = rng.binomial(20, 0.1, 600).astype(np.float64)
    shown = np.full(600, 20.0)
    found = with_interval(clicks.sum() / shown.sum(), resampled_ratios(clicks, shown, np.random.default_rng(1)))
    half = 1.96 * (clicks / 20).std() / np.sqrt(600)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), rel=0.02)


def test_equal_seeds_give_equal_intervals() -> None:
    parts, wholes = np.array([1.0, 0.0, 3.0, 2.0]), np.array([4.0, 5.0, 6.0, 7.0])
    first, second = (with_interval(0.3, resampled_ratios(parts, wholes, np.random.default_rng(5))) for _ in range(2))
    assert first == second
    assert first.low is not None
    assert first.low < 6 / 22 < (first.high or 0)


def test_a_true_uplift_is_covered_and_no_uplift_includes_zero() -> None:
    rng = np.random.default_rng(8)
    shown = np.full(600, 60.0)
    control, treated = (rng.binomial(60, rate, 600).astype(np.float64) for rate in (0.1, 0.12))
    ratios = [resampled_ratios(clicks, shown, rng) for clicks in (control, treated, control)]
    higher = with_interval(0.0, uplifts(ratios[1], ratios[0]))
    assert higher.low is not None
    assert 0 < higher.low < 0.2 < (higher.high or 0)
    none = with_interval(0.0, uplifts(ratios[2], ratios[0]))
    assert none.low is not None
    assert none.low < 0 < (none.high or 0)


def test_without_events_of_the_control_there_is_no_interval() -> None:
    nothing, shown = np.zeros(5), np.ones(5)
    ratios = resampled_ratios(nothing, shown, np.random.default_rng(0))
    assert with_interval(0.0, uplifts(ratios, ratios)) == Estimate(0.0)


def test_sessions_of_the_log_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten, and with its only session a visitor."""
    monkeypatch.setattr("personalize_emu.shop.shop_log.MOST_SESSIONS", 3)
    log = ShopLog("a")
    log.session("first", 0.0)
    again = log.session("first", 10_000.0)
    for number in range(2):
        log.session(f"v{number}", 10_000.0)
    assert [each.visitor_id for each in log.sessions()] == ["first", "v0", "v1"]
    assert log.session("first", 10_001.0) is again
    log.session("v2", 10_002.0)
    assert [each.visitor_id for each in log.sessions()] == ["v0", "v1", "v2"]
    assert set(log._newest) == {"v0", "v1", "v2"}
