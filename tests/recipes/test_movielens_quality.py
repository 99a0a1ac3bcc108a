"""Quality on real data, in ../shared/data/movielens-small beside the repository."""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from personalize_emu.recipes.base import History, TrainingData
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.topk import top_k
from personalize_emu.recipes.training import Trained, train
from tests.recipes.made_data import training_data

REPOSITORY = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("PERSONALIZE_EMU_SHARED_DATA", REPOSITORY.parent / "shared/data/movielens-small"))
SEEDS = (1, 3, 7)
FLOORS = {
    "aws-user-personalization": {
        "mean_reciprocal_rank_at_25": 0.22,
        "normalized_discounted_cumulative_gain_at_10": 0.26,
        "coverage": 0.05,
    },
    "aws-personalized-ranking-v2": {"normalized_discounted_cumulative_gain_at_10": 0.26},
    "aws-sims": {"normalized_discounted_cumulative_gain_at_10": 0.18, "coverage": 0.05},
}
pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def movielens() -> TrainingData:
    path = FOLDER / "interactions.csv"
    if not path.exists():
        complaint = f"the real data are missing: {path} (set PERSONALIZE_EMU_SHARED_DATA)"
        if os.environ.get("CI"):
            pytest.fail(complaint)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(complaint, stacklevel=1)
        pytest.skip(complaint)
    with path.open(newline="", encoding="utf-8") as lines:
        return training_data((row["USER_ID"], row["ITEM_ID"], int(row["TIMESTAMP"])) for row in csv.DictReader(lines))


@pytest.mark.parametrize("name", FLOORS)
def test_means_over_three_seeds(name: str, movielens: TrainingData) -> None:
    recipe = recipe_named(name)
    assert recipe is not None
    runs = [train(recipe, movielens, {}, seed).metrics for seed in SEEDS]
    for metric, floor in FLOORS[name].items():
        assert np.mean([run[metric] for run in runs]) >= floor, (metric, runs)


@pytest.fixture(scope="module")
def personal(movielens: TrainingData) -> Trained:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    return train(recipe, movielens, {}, 2)


def test_m25_coverage_beats_popularity(movielens: TrainingData, personal: Trained) -> None:
    popular = recipe_named("aws-popularity-count")
    assert popular is not None
    assert personal.metrics["coverage"] > train(popular, movielens, {}, 2).metrics["coverage"]


def test_r72a_one_item_does_not_take_all(movielens: TrainingData, personal: Trained) -> None:
    for user in range(0, 600, 30):
        rows = slice(int(movielens.offsets[user]), int(movielens.offsets[user + 1]))
        shares = np.exp(personal.model.scores(History(movielens.items[rows], movielens.timestamps[rows])))
        assert shares.sum() == pytest.approx(1, abs=1e-3)
        assert 0.001 < shares.max() < 0.9


def test_films_do_not_come_back(movielens: TrainingData, personal: Trained) -> None:
    for user in range(0, 600, 30):
        rows = slice(int(movielens.offsets[user]), int(movielens.offsets[user + 1]))
        best = top_k(personal.model.scores(History(movielens.items[rows], movielens.timestamps[rows])), 25)
        assert not np.isin(best, movielens.items[rows]).any()
