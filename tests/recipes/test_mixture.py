"""The network beside the linear models: how far it is trusted, and what comes of both."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from personalize_emu.recipes.models.mixture import best_share, mixed
from personalize_emu.recipes.personalized import PersonalModel, PersonalRecipe
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.saving import load_model, saved
from personalize_emu.recipes.topk import top_k
from personalize_emu.recipes.training import no_progress, train
from tests.recipes.made_data import chains, history

NOBODY = np.empty(0, np.int32)


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()


def test_probabilities_are_averaged_over_what_was_not_had() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 2, 7)).astype(np.float32)
    second[:, 2] = -np.inf
    had = [NOBODY, np.array([1, 4], np.int32)]
    found = np.exp(mixed(first, second, 0.3, had))
    assert found[0] == pytest.approx(0.7 * softmax(first[0]) + 0.3 * softmax(second[0]), rel=1e-5)
    new = np.array([0, 2, 3, 5, 6])
    assert found[1, new] == pytest.approx(0.7 * softmax(first[1, new]) + 0.3 * softmax(second[1, new]), rel=1e-5)
    assert np.isfinite(found).all()


def test_values_that_nothing_can_hold_stay_finite() -> None:
    first = np.array([[1e4, 0, -1e4]], np.float32)
    second = np.array([[-np.inf, 0, -np.inf]], np.float32)
    for had in ([NOBODY], [np.array([0], np.int32)], [np.array([0, 1, 2], np.int32)]):
        assert np.isfinite(mixed(first, second, 0.5, had)).all()


def test_the_share_is_what_makes_the_truth_likeliest() -> None:
    rng = np.random.default_rng(1)
    right, wrong = rng.standard_normal((2, 300, 20)).astype(np.float32)
    drawn = [right if row % 4 else wrong for row in range(300)]
    truth = [
        np.array([rng.choice(20, p=softmax(3 * of[row].astype(np.float64)))], np.int32) for row, of in enumerate(drawn)
    ]
    had = [NOBODY] * 300
    assert best_share(3 * wrong, 3 * right, had, truth, 0.5) == pytest.approx(0.75, abs=0.12)
    assert best_share(3 * right, np.zeros_like(right), had, [row.argmax()[None] for row in right], 0.5) < 0.01
    assert best_share(right, wrong, list(truth), truth, 0.4) == 0.4


CHAINS = chains(users=150, items=30, visits=9)


@pytest.fixture(scope="module")
def model() -> PersonalModel:
    recipe = recipe_named("aws-user-personalization-v2")
    assert isinstance(recipe, PersonalRecipe)
    model = train(replace(recipe, network_from=0), CHAINS, {}, 1, no_progress).model
    assert isinstance(model, PersonalModel)
    return model


def test_many_visits_add_a_network_that_is_trusted_for_what_it_foresees(model: PersonalModel) -> None:
    assert model.network is not None
    assert 0 < model.trust <= 1
    asked = history(CHAINS, "i03", "i04", "i05")
    scores = model.scores(asked)
    assert CHAINS.catalog[int(scores.argmax())] == "i06"
    assert np.exp(scores.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
    assert model.scores_many([asked])[0] == pytest.approx(scores, abs=1e-4)
    other = replace(model, trust=0.0)
    assert top_k(other.scores(asked), 10).tolist() != top_k(scores, 10).tolist()


def test_a_model_with_a_network_can_be_saved(model: PersonalModel) -> None:
    asked = history(CHAINS, "i03", "i04", "i05")
    assert load_model(BytesIO(saved(model))).scores(asked).tobytes() == model.scores(asked).tobytes()


def test_few_visits_do_without() -> None:
    recipe = recipe_named("aws-user-personalization-v2")
    assert isinstance(recipe, PersonalRecipe)
    assert recipe.network_from == 200_000
    small = recipe.fit(CHAINS, {}, np.random.default_rng(0), no_progress)
    assert isinstance(small, PersonalModel)
    assert small.network is None
