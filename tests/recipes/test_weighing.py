"""How far the experts are trusted after users they had not seen have been heard."""

from __future__ import annotations

import numpy as np
import pytest

from personalize_emu.recipes import weighing
from personalize_emu.recipes.base import HeldOut, History, TrainingData
from personalize_emu.recipes.experts import (
    OPINIONS,
    POPULAR,
    Candidates,
    Experts,
    Judgement,
    fit_experts,
    looks_at,
    usual_trust,
)
from personalize_emu.recipes.training import no_progress
from personalize_emu.recipes.weighing import EVENNESS, Asked, learned_judgement, soon_among
from tests.recipes.made_data import chains


def fit(data: TrainingData) -> Experts:
    judgement = Judgement(usual_trust())
    return fit_experts(data.visits, len(data.catalog), None, looks_at(True, 32), judgement, no_progress)


def learned_weights(data: TrainingData) -> np.ndarray:
    return learned_judgement(data, fit, np.random.default_rng(0)).trust.weights


def test_popularity_is_trusted_a_little_less_than_it_seems_to_deserve(monkeypatch: pytest.MonkeyPatch) -> None:
    even = learned_weights(chains())
    monkeypatch.setattr(weighing, "EVENNESS", 0.0)
    taken = learned_weights(chains()) - even
    expected = np.zeros((2, len(OPINIONS)))
    expected[0, POPULAR] = EVENNESS
    assert taken == pytest.approx(expected, abs=1e-9)


def test_too_little_to_learn_from_changes_nothing() -> None:
    assert np.array_equal(learned_weights(chains(users=3)), usual_trust().weights)


def test_what_came_sooner_is_worth_more() -> None:
    user = HeldOut(
        History(np.array([7], np.int32), np.array([1])),
        np.array([2, 4, 5], np.int32),
        np.ones(3, np.float32),
        np.array([3, 0, 1], np.int32),
    )
    assert soon_among(np.array([1, 2, 4, 5, 6]), user).tolist() == [0, 0.25, 1, 0.5, 0]


def test_how_soon_each_came_is_learned_from() -> None:
    opinions = np.zeros((2, len(OPINIONS)), np.float32)
    candidates = Candidates(np.array([2, 4]), np.zeros(2, np.float32), opinions)
    asked = Asked(candidates, opinions, np.array([0.25, 1], np.float32), 0.0, 3)
    assert asked.as_question(usual_trust().weights).worth.tolist() == [0.25, 1]
    assert asked.as_case().worth.tolist() == [0.5, 1]
