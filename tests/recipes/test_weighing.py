"""How far the experts are trusted after users they had not seen have been heard."""

from __future__ import annotations

import numpy as np
import pytest

from personalize_emu.recipes import weighing
from personalize_emu.recipes.base import TrainingData
from personalize_emu.recipes.experts import OPINIONS, Experts, fit_experts, looks_at, usual_trust
from personalize_emu.recipes.training import no_progress
from personalize_emu.recipes.weighing import EVENNESS, learned_trust
from tests.recipes.made_data import chains


def fit(data: TrainingData) -> Experts:
    return fit_experts(data.visits, len(data.catalog), looks_at(True, 32), usual_trust(), no_progress)


def test_popularity_is_trusted_a_little_less_than_it_seems_to_deserve(monkeypatch: pytest.MonkeyPatch) -> None:
    even = learned_trust(chains(), fit)
    monkeypatch.setattr(weighing, "EVENNESS", 0.0)
    taken = learned_trust(chains(), fit).weights - even.weights
    expected = np.zeros((2, len(OPINIONS)))
    expected[0, OPINIONS.index("popular")] = EVENNESS
    assert taken == pytest.approx(expected, abs=1e-9)


def test_too_little_to_learn_from_changes_nothing() -> None:
    assert np.array_equal(learned_trust(chains(users=3), fit).weights, usual_trust().weights)
