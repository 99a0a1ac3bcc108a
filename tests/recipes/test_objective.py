"""Objectives beside relevance (T-26, T-27, M-27)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Objective
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import Trained, metrics_of, train
from personalize_emu.recipes.wrappers.objective import METRIC, STRENGTHS, ObjectiveModel, average_rewards
from tests.recipes.made_data import checkerboard, history

DATA = checkerboard(users=60)
REWARDS = np.array([(7 * number) % 20 for number in range(len(DATA.catalog))], np.float32)


def wanting(sensitivity: str | None) -> TrainingData:
    return DATA if sensitivity is None else replace(DATA, objective=Objective(REWARDS, STRENGTHS[sensitivity]))


def trained(sensitivity: str | None) -> Trained:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    return train(recipe, wanting(sensitivity), TrainingRun({}, 1))


@pytest.fixture(scope="module")
def levels() -> dict[str | None, Trained]:
    return {level: trained(level) for level in (None, *STRENGTHS)}


def test_the_more_it_counts_the_more_is_recommended_of_it(levels: dict[str | None, Trained]) -> None:
    """T-26: with HIGH the mean of the attribute is not lower than with OFF."""

    def mean_reward(level: str) -> float:
        asked = [history(DATA, item) for item in DATA.catalog]
        best = np.argsort(-levels[level].model.scores_many(asked), axis=1)[:, :5]
        return float(REWARDS[best].mean())

    means = [mean_reward(level) for level in ("OFF", "LOW", "MEDIUM", "HIGH")]
    assert means == sorted(means)
    assert means[-1] > means[0] + 2


def test_off_is_relevance_alone(levels: dict[str | None, Trained]) -> None:
    """T-27: strength 0, the same scores as without an objective."""
    asked = history(DATA, "i03", "i05")
    assert np.array_equal(levels["OFF"].model.scores(asked), levels[None].model.scores(asked))


def test_the_blend_is_that_of_standardised_scores(levels: dict[str | None, Trained]) -> None:
    """T-27: z(relevance) + 0.5 z(attribute), up to the scale of relevance."""
    model = levels["MEDIUM"].model
    assert isinstance(model, ObjectiveModel)
    asked = history(DATA, "i03", "i05")
    relevance, scores = model.base.scores(asked), model.scores(asked)
    z = (relevance - relevance.mean()) / relevance.std() + 0.5 * (REWARDS - REWARDS.mean()) / REWARDS.std()
    assert np.allclose((scores - relevance.mean()) / relevance.std(), z, atol=1e-4)
    assert np.allclose(model.scores_many([asked, asked])[1], scores, atol=1e-4)


def test_the_metric_comes_with_an_objective_only(levels: dict[str | None, Trained]) -> None:
    """M-3, M-27."""
    assert METRIC not in levels[None].metrics
    for level in STRENGTHS:
        assert 0 < levels[level].metrics[METRIC] <= 1


def test_metrics_alone_are_those_of_a_training(levels: dict[str | None, Trained]) -> None:
    """T-73."""
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    assert metrics_of(recipe, wanting("LOW"), TrainingRun({}, 1)) == levels["LOW"].metrics


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_average_rewards_by_hand() -> None:
    """M-27: hits among the 25 most rewarding recommendations, over all hits."""
    rewards = np.arange(40, dtype=np.float32)
    everything = np.arange(40, dtype=np.int32)
    # The 25 most rewarding of 40 are 15 to 39: 30 is among them and 10 is not.
    assert average_rewards([everything], [numbers(10, 30)], rewards) == pytest.approx(30 / 40)
    assert average_rewards([everything, everything], [numbers(30), numbers(10)], rewards) == pytest.approx(0.5)
    assert average_rewards([everything, everything[:5]], [numbers(30), numbers(39)], rewards) == 1
    assert average_rewards([everything[:5]], [numbers(39)], rewards) == 0, "nobody has a hit"
    assert average_rewards([everything], [numbers(0)], rewards) == 0, "the hit is worth nothing"
    assert average_rewards([], [], rewards) == 0
