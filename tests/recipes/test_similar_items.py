"""Similar-Items: shared histories where there are any, metadata where there are not (R-78, R-78a, R-78b)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History, Model, TrainingData, TrainingRun
from personalize_emu.recipes.contract.saving import load_model, save_model
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.similar_items import PRIOR, SimilarModel, learned_weights
from personalize_emu.recipes.training.training import train
from tests.recipes.described_data import painted
from tests.recipes.made_data import history

NEW = ["red-0.100-new", "red-0.900-new", "blue-0.110-new", "blue-0.500-new"]
DATA = painted(cold=[*NEW, "plain-1"])
NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.int64))


def fitted(data: TrainingData, name: str = "aws-similar-items") -> Model:
    recipe = recipe_named(name)
    assert recipe is not None
    return recipe.fit(data, TrainingRun({}))


@pytest.fixture(scope="module")
def model() -> SimilarModel:
    found = fitted(DATA)
    assert isinstance(found, SimilarModel)
    return found


def best(model: Model, item: str, count: int = 10) -> list[str]:
    return [DATA.catalog[number] for number in top_k(model.scores(history(DATA, item)), count)]


def test_r78b_an_item_without_interactions_has_neighbours_by_its_metadata(model: SimilarModel) -> None:
    near = best(model, "red-0.100-new")
    assert all(item.startswith("red") for item in near)
    assert np.mean([float(item.split("-")[1]) for item in near[:5]]) < 0.35
    scores = model.scores(history(DATA, "red-0.100-new"))
    assert scores[model.number_of["red-0.900-new"]] > scores[model.number_of["blue-0.110-new"]]


def test_r112_items_without_interactions_are_recommended_too(model: SimilarModel) -> None:
    scores = model.scores(history(DATA, "red-0.100"))
    number = model.number_of
    assert scores[number["red-0.100-new"]] > scores[number["blue-0.110-new"]]
    assert scores[number["red-0.100-new"]] > scores[number["red-0.900-new"]]
    assert scores.argmin() == number["red-0.100"]
    assert sorted(scores)[1] == scores[number["plain-1"]]


def test_r78b_where_people_know_the_items_sims_says_the_same(model: SimilarModel) -> None:
    sims = fitted(DATA, "aws-sims")
    for item in ("red-0.300", "blue-0.500", "red-0.700"):
        assert len(set(best(model, item)) & set(best(sims, item))) >= 5


def test_r78a_what_is_not_found_or_says_nothing_gets_popular_items(model: SimilarModel) -> None:
    popular = fitted(DATA, "aws-popularity-count")
    expected = top_k(popular.scores(NOTHING), 10)
    assert np.array_equal(top_k(model.scores(NOTHING), 10), expected)
    assert np.array_equal(top_k(model.scores(history(DATA, "plain-1")), 10), expected)


def test_without_metadata_it_stands_on_histories_alone() -> None:
    assert not isinstance(fitted(replace(DATA, item_features=None)), SimilarModel)


def test_misleading_metadata_get_no_weight(model: SimilarModel) -> None:
    """The histories stay, but every item has the colour and size of another one."""
    shuffled = np.random.default_rng(1).permutation(len(DATA.catalog))
    assert DATA.item_features is not None
    misleading = fitted(replace(DATA, item_features=DATA.item_features.taken(shuffled)))
    assert isinstance(misleading, SimilarModel)
    assert misleading.weights[1] < max(model.weights[1], PRIOR[1])
    assert misleading.weights[1] < 0.1


def test_learned_weights_prefer_the_score_that_ranks_the_next_items_highest(model: SimilarModel) -> None:
    item = model.number_of["red-0.300"]
    features = model.features_of(item)
    features[item] = -9
    by_histories, by_content = (learned_weights(model, [(item, int(np.argmax(row)))] * 40) for row in features.T[:2])
    assert by_content[1] > 2 * by_histories[1]


def test_without_pairs_the_weights_are_the_prior(model: SimilarModel) -> None:
    assert learned_weights(model, []) == pytest.approx(PRIOR)


def test_metadata_do_not_lower_what_is_measured() -> None:
    recipe = recipe_named("aws-similar-items")
    assert recipe is not None
    name = "normalized_discounted_cumulative_gain_at_10"
    without = train(recipe, replace(DATA, item_features=None), TrainingRun({}, 3)).metrics[name]
    assert train(recipe, DATA, TrainingRun({}, 3)).metrics[name] >= without - 0.02


def test_weights_of_the_evaluated_model_are_kept(model: SimilarModel) -> None:
    recipe = recipe_named("aws-similar-items")
    assert recipe is not None
    evaluated = replace(model, weights=np.array([1.0, 2.0, 3.0]))
    again = recipe.fit_after_evaluation(evaluated, [], DATA, TrainingRun({}, 1))
    assert isinstance(again, SimilarModel)
    assert again.weights.tolist() == [1.0, 2.0, 3.0]


def test_it_is_saved_with_its_metadata(model: SimilarModel, tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    save_model(model, path)
    back = load_model(path)
    for item in ("red-0.100-new", "red-0.300"):
        assert np.array_equal(back.scores(history(DATA, item)), model.scores(history(DATA, item)))
