"""Learning how much each opinion is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from personalize_emu.recipes.ensemble.conditional_logit import Case, learned_weights


def drawn_cases(weights: np.ndarray, count: int, seed: int, candidates: int = 12) -> list[Case]:
    """People who choose by the softmax of the weighed opinions."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(count):
        opinions = rng.standard_normal((candidates, len(weights))).astype(np.float32)
        chances = np.exp(opinions @ weights)
        worth = np.zeros(candidates, np.float32)
        worth[rng.choice(candidates, p=chances / chances.sum())] = 1
        cases.append(Case(opinions, worth))
    return cases


def loss(weights: np.ndarray, cases: list[Case], prior: np.ndarray, strength: float) -> float:
    total = 0.0
    for case in cases:
        logits = case.opinions.astype(np.float64) @ weights
        total += float(np.log(np.exp(logits).sum()) - logits @ case.worth / case.worth.sum())
    return total / len(cases) + strength * float(((weights - prior) ** 2).sum())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), strength=st.sampled_from([1e-3, 0.02, 1.0]))
def test_no_other_weights_are_better(seed: int, strength: float) -> None:
    cases = drawn_cases(np.array([1.0, -0.5, 0.0]), 30, seed)
    prior = np.array([0.2, 0.0, 0.3])
    found = learned_weights(cases, prior, strength)
    best = minimize(loss, prior, (cases, prior, strength), method="BFGS", options={"gtol": 1e-7})
    assert found == pytest.approx(best.x, abs=2e-3)


def test_the_weights_that_people_chose_by_are_found() -> None:
    weights = np.array([1.5, 0.0, -0.7, 0.3])
    found = learned_weights(drawn_cases(weights, 1500, 3), np.zeros(4), 1e-6)
    assert found == pytest.approx(weights, abs=0.15)


def test_the_prior_stays_without_cases_and_under_great_strength() -> None:
    prior = np.array([0.4, -0.1])
    assert learned_weights([], prior, 0.02) == pytest.approx(prior)
    assert learned_weights(drawn_cases(np.array([3.0, 0.0]), 50, 1), prior, 1e6) == pytest.approx(prior, abs=1e-3)


def test_what_separates_perfectly_gets_a_finite_weight() -> None:
    right = np.array([[9.0], [0.0], [0.0]], np.float32)
    cases = [Case(right, np.array([1, 0, 0], np.float32))] * 10
    assert 0.3 < learned_weights(cases, np.zeros(1), 0.02)[0] < 20


def test_of_several_choices_each_counts_by_its_worth() -> None:
    """As cases of one choice would that are as many as each is worth."""
    opinions = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    both = [Case(opinions, np.array([1, 0.5, 0], np.float32))]
    alone = [Case(opinions, np.array(worth, np.float32)) for worth in ([1, 0, 0], [1, 0, 0], [0, 1, 0])]
    prior = np.zeros(2)
    assert learned_weights(both, prior, 0.1) == pytest.approx(learned_weights(alone, prior, 0.1))


def test_no_weight_goes_below_its_floor_and_the_others_make_the_best_of_it() -> None:
    cases = drawn_cases(np.array([1.0, -0.8, 0.4]), 200, 9)
    prior, floor = np.array([0.2, 0.1, 0.0]), np.array([-np.inf, 0.0, -np.inf])
    found = learned_weights(cases, prior, 0.01, floor)
    bounds = [(None, None), (0.0, None), (None, None)]
    best = minimize(loss, prior, (cases, prior, 0.01), method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13})
    assert found[1] == 0.0
    assert found == pytest.approx(best.x, abs=2e-3)
