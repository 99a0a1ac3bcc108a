"""Offers, user_factors and logistic regressions against slow and obvious versions of themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from personalize_emu.recipes.actions.offers import find_offers, past_of, watched_actions
from personalize_emu.recipes.actions.propensity import fit_logistic, fit_propensity, log_loss, logit, sigmoid
from personalize_emu.recipes.actions.user_factors import (
    FEWEST_INTERACTIONS,
    REACH,
    fit_user_factors,
    numbers_of,
    truncated_svd,
)
from personalize_emu.recipes.contract.action_data import NOT_TAKEN, TAKEN, VIEWED, ActionData, ActionHistory
from personalize_emu.recipes.contract.base import TrainingData
from tests.recipes.made_actions import START, action_data, random_actions
from tests.recipes.made_data import DAY, checkerboard, random_data

FORTNIGHT = 14.0 * DAY


def plain_offers(data: ActionData, period: float) -> list[tuple[int, int, int, bool]]:
    """Pair by pair: what `find_offers` finds."""
    found = []
    for pair in {*zip(data.users.tolist(), data.actions.tolist(), strict=True)}:
        mine = [row for row in range(len(data)) if (data.users[row], data.actions[row]) == pair]
        while mine:
            first, began = mine[0], data.timestamps[mine[0]]
            within = [row for row in mine if data.timestamps[row] - began <= period]
            ends = [row for row in within if data.outcomes[row] != VIEWED]
            offer = within[: within.index(ends[0]) + 1] if ends else within
            found.append((first, *pair, int(began), bool(ends) and data.outcomes[ends[0]] == TAKEN))
            mine = mine[len(offer) :]
    return [offer[1:] for offer in sorted(found)]


@pytest.mark.parametrize("seed", range(6))
def test_offers_are_found_as_row_by_row(seed: int) -> None:
    """R-70c, R-80: an offer counts as taken when that follows within the period."""
    data = random_actions(users=7, actions=4, rows=150, days=60, seed=seed)
    offers = find_offers(data, FORTNIGHT)
    columns = offers.users, offers.actions, offers.moments, offers.taken
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == plain_offers(data, FORTNIGHT)


def test_what_an_offer_is() -> None:
    rows = [
        ("u", "a", VIEWED, START),
        ("u", "a", VIEWED, START + 2 * DAY),
        ("u", "a", TAKEN, START + 3 * DAY),
        ("u", "a", TAKEN, START + 4 * DAY),
        ("u", "a", NOT_TAKEN, START + 5 * DAY),
        ("u", "a", VIEWED, START + 6 * DAY),
        ("u", "a", TAKEN, START + 30 * DAY),
        ("u", "b", VIEWED, START + 1),
    ]
    offers = find_offers(action_data(rows), FORTNIGHT)
    moments = ((offers.moments - START) // DAY).tolist()
    assert list(zip(offers.actions.tolist(), moments, offers.taken.tolist(), strict=True)) == [
        (0, 0, True),
        (1, 0, False),
        (0, 4, True),
        (0, 5, False),
        (0, 6, False),
        (0, 30, True),
    ]


def test_the_past_of_an_offer_is_what_a_request_of_that_moment_would_see() -> None:
    data = random_actions(users=5, actions=30, rows=400, days=90, seed=11)
    offers = find_offers(data, FORTNIGHT)
    assert len(offers.watched) == 20
    place = 0
    for row in range(len(data)):
        if (offers.users[place], offers.actions[place]) != (data.users[row], data.actions[row]):
            continue
        first = int(data.offsets[data.users[row]])
        general, own = past_of(data.history(slice(first, row)), offers.watched, len(data.ids))
        if not np.allclose(own[data.actions[row]], offers.own[place]):
            continue
        assert general == pytest.approx(offers.general[place])
        place += 1
        if place == len(offers):
            break
    assert place == len(offers)


def test_watched_actions_are_the_most_frequent() -> None:
    rows = [("u", f"a{a:02}", VIEWED, START + a * 100 + n) for a in range(25) for n in range(a // 2)]
    assert watched_actions(action_data(rows)).tolist() == [2, *range(4, 23)]


# --- user_factors -----------------------------------------------------------------------------------------------------


def plain_taste(data: TrainingData, coordinates: np.ndarray, user: int, moment: int) -> np.ndarray:
    rows = [place for place in range(len(data.interactions)) if data.interactions.users[place] == user]
    earlier = [place for place in rows if data.interactions.timestamps[place] < moment]
    seen = earlier if len(earlier) >= FEWEST_INTERACTIONS else rows[:FEWEST_INTERACTIONS]
    total = coordinates[data.interactions.items[seen[-REACH:]]].astype(np.float64).sum(axis=0)
    length = np.sqrt((total**2).sum())
    return total / length if length else total


def test_tastes_at_moments_are_as_one_by_one() -> None:
    data = random_data(users=6, items=40, rows=900, seed=2)
    user_factors = fit_user_factors(data.interactions, len(data.user_ids), len(data.catalog), 5, 0)
    rng = np.random.default_rng(1)
    users, moments = rng.integers(-1, 6, size=60), rng.integers(-10, 520, size=60)
    found = user_factors.at_moments(data.interactions, users, moments)
    for row, user, moment in zip(found, users.tolist(), moments.tolist(), strict=True):
        wanted = np.zeros(5) if user < 0 else plain_taste(data, user_factors.coordinates, user, moment)
        assert row == pytest.approx(wanted, abs=1e-6)


def test_tastes_of_some_do_not_depend_on_who_else_is_asked_about() -> None:
    data = random_data(users=6, items=40, rows=900, seed=2)
    user_factors = fit_user_factors(data.interactions, len(data.user_ids), len(data.catalog), 5, 0)
    everybody = user_factors.at_moments(data.interactions, np.arange(6), np.full(6, 300))
    some = user_factors.at_moments(data.interactions, np.array([4, -1, 2]), np.full(3, 300))
    assert some == pytest.approx(np.stack([everybody[4], np.zeros(5), everybody[2]]))
    assert not user_factors.at_moments(data.interactions, np.array([-1, -1]), np.array([3, 300])).any()


def test_tastes_tell_two_camps_apart() -> None:
    data = checkerboard()
    user_factors = fit_user_factors(data.interactions, len(data.user_ids), len(data.catalog), 4, 0)
    even, odd = (user_factors.of_items(np.arange(camp, 20, 2, dtype=np.int32)) for camp in (0, 1))
    assert abs(float(even @ odd)) < 0.1
    assert user_factors.of_items(np.zeros(0, np.int32)).tolist() == [0.0] * user_factors.dimensions


def test_truncated_svd_is_the_beginning_of_the_whole_one() -> None:
    import scipy.sparse as sp

    rng = np.random.default_rng(4)
    whole = rng.random((60, 5)) @ rng.random((5, 40)) * 10 + 0.05 * rng.random((60, 40))
    strengths, vectors = truncated_svd(sp.csr_matrix(whole.astype(np.float32)), 4, 0)
    _, all_strengths, all_vectors = np.linalg.svd(whole)
    assert strengths == pytest.approx(all_strengths[:4], rel=1e-3)
    assert np.abs((vectors * all_vectors[:4].T).sum(axis=0)) == pytest.approx(np.ones(4), abs=1e-2)


def test_hardly_any_data_make_no_taste() -> None:
    for users, items, rows in ((1, 1, 3), (1, 9, 20), (9, 1, 20)):
        data = random_data(users, items, rows, seed=1)
        user_factors = fit_user_factors(data.interactions, len(data.user_ids), len(data.catalog), 16, 0)
        assert user_factors.coordinates.shape[0] == len(data.catalog)
        assert user_factors.of_items(data.items).shape == (user_factors.dimensions,)


def test_numbers_of_ids() -> None:
    assert numbers_of(("a", "b"), ["b", "x", "a"]).tolist() == [1, -1, 0]


# --- logistic regression --------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_logistic_weights_are_those_of_least_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(1, 40)), int(rng.integers(1, 5))
    inputs = rng.standard_normal((n, d)) * rng.choice([0.1, 1, 30])
    outcomes = rng.random(n) < rng.random()
    offsets = rng.standard_normal(n) * rng.choice([0, 1, 8])
    ridge = rng.choice([1e-2, 1.0, 100.0], d)

    def loss(weights: np.ndarray) -> float:
        return log_loss(offsets + inputs @ weights, outcomes) + float((ridge * weights**2).sum()) / 2

    found = fit_logistic(inputs, outcomes, offsets, ridge)
    least = minimize(loss, np.zeros(d), method="BFGS")
    assert np.isfinite(found).all()
    assert loss(found) <= least.fun + 1e-5 * (1 + abs(least.fun))


def test_sigmoid_and_logit_undo_each_other_and_never_overflow() -> None:
    shares = np.array([1e-12, 0.3, 0.5, 0.999])
    assert sigmoid(logit(shares)) == pytest.approx(shares)
    assert sigmoid(np.array([-1e9, 1e9])).tolist() == [0.0, 1.0]


def test_chances_are_those_of_the_data() -> None:
    """R-80: probabilities, not shares of one whole; an action that many take is likely whatever others are."""
    rng = np.random.default_rng(3)
    chance = {"often": 0.9, "half": 0.5, "seldom": 0.1}
    rows = [
        (f"u{user}", action, TAKEN if rng.random() < share else VIEWED, START + 40 * DAY * step)
        for user in range(150)
        for action, share in chance.items()
        for step in range(2)
    ]
    offers = find_offers(action_data(rows), FORTNIGHT)
    fitted = fit_propensity(offers, np.zeros((len(offers), 0)), np.zeros(len(offers), np.bool_))
    assert fitted is not None
    nothing = ActionHistory(np.zeros(0, np.int32), np.zeros(0, np.int8))
    assert fitted.chances(np.zeros(0), nothing) == pytest.approx([0.5, 0.9, 0.1], abs=0.1)


def test_no_offers_no_chances() -> None:
    offers = find_offers(action_data([], {"a": 1.0}), FORTNIGHT)
    assert fit_propensity(offers, np.zeros((0, 3)), np.zeros(0, np.bool_)) is None
