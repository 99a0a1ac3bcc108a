"""Weights learned by the conditional logit, on choices with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from personalize_emu.recipes.numerics.conditional_logit import Example, fit_conditional_logit, fit_inverse_temperature


def drawn_examples(weights: np.ndarray, count: int, seed: int, candidates: int = 12) -> list[Example]:
    """Choices by the softmax of the weighted features."""
    rng = np.random.default_rng(seed)
    examples = []
    for _ in range(count):
        features = rng.standard_normal((candidates, len(weights))).astype(np.float32)
        chances = np.exp(features @ weights)
        relevance = np.zeros(candidates, np.float32)
        relevance[rng.choice(candidates, p=chances / chances.sum())] = 1
        examples.append(Example(features, relevance))
    return examples


def loss(weights: np.ndarray, examples: list[Example], prior: np.ndarray, strength: float) -> float:
    total = 0.0
    for example in examples:
        logits = example.features.astype(np.float64) @ weights
        total += float(np.log(np.exp(logits).sum()) - logits @ example.relevance / example.relevance.sum())
    return total / len(examples) + strength * float(((weights - prior) ** 2).sum())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), strength=st.sampled_from([1e-3, 0.02, 1.0]))
def test_weights_are_those_of_a_general_optimiser(seed: int, strength: float) -> None:
    examples = drawn_examples(np.array([1.0, -0.5, 0.0]), 30, seed)
    prior = np.array([0.2, 0.0, 0.3])
    found = fit_conditional_logit(examples, prior, strength)
    best = minimize(loss, prior, (examples, prior, strength), method="BFGS", options={"gtol": 1e-7})
    assert found == pytest.approx(best.x, abs=2e-3)


def test_the_weights_of_drawn_choices_are_found() -> None:
    weights = np.array([1.5, 0.0, -0.7, 0.3])
    found = fit_conditional_logit(drawn_examples(weights, 1500, 3), np.zeros(4), 1e-6)
    assert found == pytest.approx(weights, abs=0.15)


def test_the_prior_stays_without_examples_and_under_great_strength() -> None:
    prior = np.array([0.4, -0.1])
    assert fit_conditional_logit([], prior, 0.02) == pytest.approx(prior)
    assert fit_conditional_logit(drawn_examples(np.array([3.0, 0.0]), 50, 1), prior, 1e6) == pytest.approx(
        prior, abs=1e-3
    )


def test_separable_choices_give_finite_weights() -> None:
    right = np.array([[9.0], [0.0], [0.0]], np.float32)
    examples = [Example(right, np.array([1, 0, 0], np.float32))] * 10
    assert 0.3 < fit_conditional_logit(examples, np.zeros(1), 0.02)[0] < 20


def test_choices_of_one_example_count_by_relevance() -> None:
    """Two of relevance 1 and .5 count as three examples with one choice each."""
    features = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    both = [Example(features, np.array([1, 0.5, 0], np.float32))]
    alone = [Example(features, np.array(relevance, np.float32)) for relevance in ([1, 0, 0], [1, 0, 0], [0, 1, 0])]
    prior = np.zeros(2)
    assert fit_conditional_logit(both, prior, 0.1) == pytest.approx(fit_conditional_logit(alone, prior, 0.1))


def test_bounded_weights_are_those_of_a_general_optimiser() -> None:
    examples = drawn_examples(np.array([1.0, -0.8, 0.4]), 200, 9)
    prior, floor = np.array([0.2, 0.1, 0.0]), np.array([-np.inf, 0.0, -np.inf])
    found = fit_conditional_logit(examples, prior, 0.01, floor)
    bounds = [(None, None), (0.0, None), (None, None)]
    best = minimize(loss, prior, (examples, prior, 0.01), method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13})
    assert found[1] == 0.0
    assert found == pytest.approx(best.x, abs=2e-3)


def test_inverse_temperature_of_drawn_choices() -> None:
    rng = np.random.default_rng(6)
    scores = rng.normal(size=(400, 50)).astype(np.float32)
    scores[:, 0] = -np.inf
    weights = np.exp(1.7 * scores)
    chosen = [rng.choice(50, size=4, p=row / row.sum()).astype(np.int32) for row in weights]
    assert fit_inverse_temperature(scores, chosen, 0.2) == pytest.approx(1.7, abs=0.15)
    assert fit_inverse_temperature(scores, [np.array([0], np.int32)] * 400, 0.2) == 0.2
