"""Semantic-Similarity: items about the same, popularity and freshness on request (R-79 to R-79c, RT-47)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History, NotEnoughData, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Features, Texts
from personalize_emu.recipes.contract.saving import load_model, save_model
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.semantic_similarity import SemanticModel, SemanticSimilarity
from personalize_emu.recipes.training.training import train
from tests.recipes.made_data import DAY, history, training_data

WORDS = {
    "bread": "flour yeast oven dough crust baking loaf sourdough",
    "engine": "piston cylinder oil gasket spark valve motor crankshaft",
    "garden": "soil seeds compost pruning roses lawn watering spade",
}
NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.int64))


def books(count: int = 12, seed: int = 2) -> dict[str, tuple[str, str]]:
    """Item to name and text: some words of its subject, and words that all subjects have."""
    rng = np.random.default_rng(seed)
    found = {}
    for subject, words in WORDS.items():
        for number in range(count):
            messages = " ".join(rng.choice(words.split(), 4, replace=False))
            found[f"{subject}{number:02}"] = (f"Book of {messages.split()[0]}", f"This book is all about {messages}")
    return found


def with_texts(data: TrainingData, texts: Mapping[str, tuple[str, str]]) -> TrainingData:
    names, stories = zip(*(texts.get(item, ("", "")) for item in data.catalog), strict=True)
    columns = (Texts("NAME", tuple(names)), Texts("STORY", tuple(stories)))
    return replace(data, item_features=Features(len(data.catalog), texts=columns, item_name="NAME"))


BOOKS = books()
ALONE = with_texts(training_data([], list(BOOKS)), BOOKS)
READERS = [(f"u{user}", "bread03" if user % 2 else "bread07", 1_000 + user) for user in range(20)]
READERS += [("u1", "untold", 1_500), ("u2", "bread03", 2_000)]
READ = with_texts(training_data(READERS, list(BOOKS)), BOOKS)


def fitted(data: TrainingData) -> SemanticModel:
    return SemanticSimilarity().fit(data, TrainingRun({}))


def best(model: SemanticModel, item: str, count: int = 8) -> list[str]:
    scores = model.scores(History(np.array([model.number_of[item]], np.int32), np.zeros(1, np.int64)))
    return [model.catalog[number] for number in top_k(scores, count)]


def test_r79_neighbours_have_similar_texts_without_interactions() -> None:
    model = fitted(ALONE)
    for subject in WORDS:
        for number in (0, 5):
            assert all(item.startswith(subject) for item in best(model, f"{subject}{number:02}"))
    assert recipe_named("aws-semantic-similarity") is not None


def test_similarity_is_the_mean_of_two_cosines() -> None:
    model = fitted(ALONE)
    terms = model.by_term.toarray().astype(np.float64)
    item = model.number_of["engine04"]
    expected = (terms.T @ terms[:, item] + np.maximum(model.vectors @ model.vectors[item], 0)) / 2
    assert model.similarity(item) == pytest.approx(np.minimum(expected, 1), abs=1e-5)
    assert model.similarity(item)[item] == pytest.approx(1, abs=1e-5)


def test_rt47_an_unknown_item_gets_popular_ones_or_nothing() -> None:
    assert (fitted(ALONE).scores(NOTHING) == -np.inf).all()
    model = fitted(READ)
    assert [model.catalog[number] for number in top_k(model.scores(NOTHING), 5)] == ["bread03", "bread07", "untold"]
    assert best(model, "untold", 2) == ["bread03", "bread07"]


def test_items_without_a_text_are_never_similar() -> None:
    assert "untold" not in best(fitted(READ), "bread03", 100)


def test_r79c_influence_shares_the_score() -> None:
    model = fitted(replace(READ, stated_creation=np.arange(len(READ.catalog)) * DAY))
    query, item = history(READ, "garden01"), model.number_of["garden01"]
    similarity = model.similarity(item)
    for popularity, freshness in ((0.0, 0.0), (0.3, 0.2), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        influenced = model.influenced({"POPULARITY": popularity, "FRESHNESS": freshness})
        scores = influenced.scores(query)
        rest = max(0, 1 - popularity - freshness)
        expected = rest * similarity + popularity * model.popular + freshness * model.fresh
        others = model.has_text & (np.arange(len(scores)) != item)
        assert scores[others] == pytest.approx(expected[others], abs=1e-5)
    assert best(model.influenced({"POPULARITY": 1.0}), "garden01", 2) == ["bread03", "bread07"]
    assert best(model.influenced({"FRESHNESS": 1.0}), "bread00", 1) == [f"garden{11:02}"]
    assert best(model.influenced({}), "bread00") == best(model, "bread00")
    assert model.popular.max() == model.fresh.max() == 1


def test_influence_is_put_on_for_every_request_and_costs_nothing() -> None:
    model = fitted(READ)
    assert model.influenced({}) is model
    influenced = model.influenced({"POPULARITY": 0.5})
    assert influenced.has_text is model.has_text
    assert influenced.number_of is model.number_of
    assert influenced.influenced({}).influence == (0.0, 0.0)
    assert model.popular.min() == 0


def test_r79b_an_increment_takes_new_and_changed_texts_and_leaves_the_rest() -> None:
    model = fitted(READ)
    now = {item: texts for item, texts in BOOKS.items() if item != "engine05"}
    now["garden99"] = ("Book of roses", "This book is all about roses soil and pruning")
    now["engine00"] = ("Book of bread", "This book is all about sourdough yeast flour and dough")
    grown = model.evaluated_on(with_texts(training_data(READERS[:3], list(now)), now))
    assert "engine05" not in grown.catalog
    assert "garden99" in best(grown, "garden01", 12)
    assert all(item.startswith("garden") for item in best(grown, "garden99"))
    assert all(item.startswith("bread") for item in best(grown, "engine00"))
    old = {item: model.popular[number] for item, number in model.number_of.items()}
    assert all(grown.popular[number] == old.get(item, 0) for item, number in grown.number_of.items())
    assert grown.popular[grown.number_of["garden99"]] == grown.fresh[grown.number_of["garden99"]] == 0


def test_without_texts_there_is_nothing_to_train_on() -> None:
    with pytest.raises(NotEnoughData, match="no item with a name or a text"):
        fitted(with_texts(training_data(READERS), {}))


def test_m3_the_metrics_are_those_of_related_items() -> None:
    """M-24: where nobody has met an item, coverage is that of lists of the items themselves."""
    alone, read = (train(SemanticSimilarity(), data, TrainingRun({}, 1)).metrics for data in (ALONE, READ))
    assert list(alone) == list(read)
    assert len(alone) == 8
    assert alone["coverage"] == 1.0
    assert alone["precision_at_25"] == 0.0


def test_it_is_saved(tmp_path: Path) -> None:
    model = fitted(READ)
    save_model(model, tmp_path / "model.zip")
    back = load_model(tmp_path / "model.zip")
    assert np.array_equal(back.scores(history(READ, "bread00")), model.scores(history(READ, "bread00")))
