"""Quality on real data, in ../shared/data/movielens-small beside the repository."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import measured as measured_at
from benchmarks.temporal import DEVELOPMENT, cuts
from benchmarks.temporal_peers import Peer, ease, popularity, recipe_peer
from personalize_emu.recipes.contract.base import History, TrainingData, TrainingRun
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import Trained, train
from tests.recipes.made_data import training_data

REPOSITORY = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("MOVIELENS_SMALL", REPOSITORY.parent / "shared/data/movielens-small"))
SEED = 3
NDCG = "normalized_discounted_cumulative_gain_at_10"
FLOORS = {
    "aws-user-personalization-v2": {
        "mean_reciprocal_rank_at_25": 0.21,
        NDCG: 0.26,
        "precision_at_10": 0.09,
        "coverage": 0.05,
    },
    "aws-sims": {"mean_reciprocal_rank_at_25": 0.16, NDCG: 0.19, "coverage": 0.045},
}
RECORDED = {
    "aws-user-personalization-v2": {"mean_reciprocal_rank_at_25": 0.269, NDCG: 0.2687, "precision_at_10": 0.0571},
    "aws-sims": {"mean_reciprocal_rank_at_25": 0.1669, NDCG: 0.2234, "precision_at_10": 0.0588},
}
"""M-52 and M-53: one draw of about 60 test users of the service's own, on the same films."""
pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def movielens() -> TrainingData:
    path = FOLDER / "interactions.csv"
    if not path.exists():
        complaint = f"the real data are missing: {path} (set MOVIELENS_SMALL)"
        if os.environ.get("CI"):
            pytest.fail(complaint)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(complaint, stacklevel=1)
        pytest.skip(complaint)
    with path.open(newline="", encoding="utf-8") as lines:
        return training_data((row["USER_ID"], row["ITEM_ID"], int(row["TIMESTAMP"])) for row in csv.DictReader(lines))


@pytest.fixture(scope="module")
def measured(movielens: TrainingData) -> dict[str, dict[str, float]]:
    """Of every metric of two recipes."""
    found = {}
    for name in FLOORS:
        recipe = recipe_named(name)
        assert recipe is not None
        found[name] = dict(train(recipe, movielens, TrainingRun({}, SEED)).metrics)
    return found


@pytest.mark.parametrize("name", FLOORS)
def test_metrics_of_one_draw_of_test_users(name: str, measured: dict[str, dict[str, float]]) -> None:
    for metric, floor in FLOORS[name].items():
        assert measured[name][metric] >= floor, (metric, measured[name])


@pytest.mark.parametrize("name", FLOORS)
def test_m52_m53_they_stand_beside_the_recorded_service(name: str, measured: dict[str, dict[str, float]]) -> None:
    for metric, recorded in RECORDED[name].items():
        assert 0.8 * recorded < measured[name][metric] < 2.5 * recorded, (metric, measured[name])


def test_m50_m51_m54_they_are_above_what_was_recorded_without_metadata(measured: dict[str, dict[str, float]]) -> None:
    assert measured["aws-user-personalization-v2"][NDCG] > 0.0649
    assert measured["aws-user-personalization-v2"][NDCG] > 3 * 0.0707
    assert measured["aws-sims"][NDCG] > 0.0057


@pytest.mark.parametrize("name", FLOORS)
def test_m58_hits_grow_with_the_list(name: str, measured: dict[str, dict[str, float]]) -> None:
    at_5, at_10, at_25 = (cutoff * measured[name][f"precision_at_{cutoff}"] for cutoff in (5, 10, 25))
    assert at_5 <= at_10 + 0.002 <= at_25 + 0.004


@pytest.fixture(scope="module")
def personal(movielens: TrainingData) -> Trained:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    return train(recipe, movielens, TrainingRun({}, 2))


def test_m25_coverage_beats_popularity(movielens: TrainingData, personal: Trained) -> None:
    popular = recipe_named("aws-popularity-count")
    assert popular is not None
    assert personal.metrics["coverage"] > train(popular, movielens, TrainingRun({}, 2)).metrics["coverage"]


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


def test_on_temporal_splits_v2_stands_above_popularity_and_a_plain_ease(movielens: TrainingData) -> None:
    """Six cuts of docs/quality.md; the floors above deal users into folds, which flatters whoever reads the future."""
    found = [cut for cut in cuts(movielens, DEVELOPMENT, 6) if cut.queries]

    def ndcg(peer: Peer, setting: Mapping[str, float]) -> float:
        return float(measured_at(peer, setting, found).scores.ndcg.mean())

    v2 = ndcg(recipe_peer("aws-user-personalization-v2"), {})
    assert v2 > 0.064
    assert v2 > 1.6 * ndcg(Peer("popularity", popularity), {})
    assert v2 > 1.2 * ndcg(Peer("EASE", ease), {"regularisation": 500.0})
