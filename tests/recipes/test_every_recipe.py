"""The contract every recipe keeps, whatever the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History, Kind, Model, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import all_recipes, recipe_named
from personalize_emu.recipes.training.training import Trained, train
from tests.recipes.described_data import painted
from tests.recipes.made_actions import two_tastes
from tests.recipes.made_data import chains, checkerboard, history, random_data, soap_shop, training_data

NAMES = [recipe.name for recipe in all_recipes()]
DATA = {
    "checkerboard": checkerboard(),
    "chains": chains(),
    "returns": soap_shop(users=30, months=4),
    "random": random_data(users=40, items=300, rows=1200, seed=5),
    "with cold items": training_data(
        [(f"u{u}", f"i{(u * 3 + t) % 17}", t) for u in range(30) for t in range(6)], ["cold-1", "cold-2"]
    ),
    "one item": training_data([(f"u{u}", "only", t) for u in range(30) for t in range(3)]),
    "all at one time": training_data([(f"u{u}", f"i{(u + t) % 9}", 5) for u in range(30) for t in range(4)]),
    "one user": training_data([("u", f"i{t % 4}", t) for t in range(12)]),
    "weights": training_data(
        [(f"u{u}", f"i{(u * 3 + t) % 17}", t) for u in range(30) for t in range(6)], weights=[0.5, 1.5, 0.0] * 60
    ),
    "nothing": training_data([], ["cold-1", "cold-2", "cold-3"]),
}
EMPTY = History(np.empty(0, np.int32), np.empty(0, np.int64))


@pytest.fixture(params=NAMES)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    found = recipe_named(request.param)
    assert found is not None
    return found


def fitted(recipe: Recipe, data: TrainingData) -> Model:
    return recipe.fit(data, TrainingRun({}))


def queries(data: TrainingData) -> list[History]:
    """No history, a user's own, the same item many times, and one item at one moment twice."""
    own = slice(int(data.offsets[0]), int(data.offsets[1])) if data.user_ids else slice(0)
    last = np.int32(len(data.catalog) - 1)
    return [
        EMPTY,
        History(data.items[own], data.timestamps[own]),
        History(np.full(300, last), np.arange(300, dtype=np.int64)),
        History(np.full(2, last), np.full(2, 7, np.int64)),
        History(np.arange(len(data.catalog), dtype=np.int32), np.arange(len(data.catalog), dtype=np.int64)),
    ]


@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_shapes_types_and_values(recipe: Recipe, data: TrainingData) -> None:
    model = fitted(recipe, data)
    asked = queries(data)
    together = model.scores_many(asked)
    assert together.shape == (len(asked), len(data.catalog))
    assert together.dtype == np.float32
    for row, query in zip(together, asked, strict=True):
        before = query.items.copy()
        scores = model.scores(query)
        assert scores.dtype == np.float32
        assert np.array_equal(query.items, before)
        assert not np.isnan(scores).any()
        assert (scores < np.inf).all()
        assert scores == pytest.approx(row, rel=1e-3, abs=1e-3)
        if recipe.kind is not Kind.RELATED:
            assert np.isfinite(scores).all()
    assert model.catalog == data.catalog
    assert model.number_of == {item: number for number, item in enumerate(data.catalog)}
    counted = np.zeros(len(data.catalog), np.bool_)
    counted[data.interactions.items] = True
    assert np.array_equal(model.trained_items, counted)


@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_same_seed_and_data_same_bytes(recipe: Recipe, data: TrainingData) -> None:
    def answers() -> tuple[Trained, list[bytes]]:
        trained = train(recipe, data, TrainingRun({}, 5))
        return trained, [trained.model.scores(query).tobytes() for query in queries(data)]

    first, first_bytes = answers()
    again, again_bytes = answers()
    assert first.metrics == again.metrics
    assert first_bytes == again_bytes


@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_metrics_are_complete_and_bounded(recipe: Recipe, data: TrainingData) -> None:
    metrics = train(recipe, data, TrainingRun({}, 1)).metrics
    own = 1 if recipe.name == "aws-trending-now" else 0
    assert len(metrics) == (11 if data.weights is not None else 8) + own
    assert all(0 <= value <= 1 for value in metrics.values())


def test_scores_are_the_callers_to_change(recipe: Recipe) -> None:
    model = fitted(recipe, DATA["checkerboard"])
    query = history(DATA["checkerboard"], "i03")
    first = model.scores(query)
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(model.scores(query), kept)


def test_progress_grows_to_1(recipe: Recipe) -> None:
    shares: list[float] = []
    train(recipe, DATA["random"], TrainingRun({}, 1, lambda stage, share: shares.append(share)))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


LEARNING = [name for name in NAMES if not name.endswith(("popularity-count", "trending-now"))]
OTHERS = {
    "aws-item-affinity": checkerboard(),
    "aws-item-attribute-affinity": replace(
        checkerboard(), attributes=(np.arange(0, 20, 2, dtype=np.int32), np.arange(1, 20, 2, dtype=np.int32))
    ),
    "aws-next-best-action": two_tastes(users=40),
    "aws-semantic-similarity": painted(),
}


@pytest.mark.parametrize("name", [*LEARNING, *OTHERS])
def test_progress_moves(name: str) -> None:
    """At least ten different percentages of whatever may take long; recipes that count only never do."""
    learning = recipe_named(name)
    assert learning is not None
    shares: list[float] = []
    train(learning, OTHERS.get(name, DATA["random"]), TrainingRun({}, 1, lambda stage, share: shares.append(share)))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len({round(100 * share) for share in shares}) >= 10


def test_an_empty_history_gets_popular_items(recipe: Recipe) -> None:
    data = DATA["random"]
    best = top_k(fitted(recipe, data).scores(EMPTY), 10)
    popular = recipe_named("aws-popularity-count")
    assert popular is not None
    expected = top_k(fitted(popular, data).scores(EMPTY), 25)
    assert set(best) <= set(expected)


def test_cold_items_rank_last(recipe: Recipe) -> None:
    data = DATA["with cold items"]
    model = fitted(recipe, data)
    for query in (EMPTY, history(data, "i3", "i4")):
        scores = model.scores(query)
        cold = ~model.trained_items
        warm = model.trained_items & ~np.isin(np.arange(len(scores)), query.items)
        assert scores[cold].max() < scores[warm].min()


def test_r72_probabilities_sum_to_1(recipe: Recipe) -> None:
    data = DATA["random"]
    model = fitted(recipe, data)
    assert model.has_scores == (recipe.kind in {Kind.PERSONALIZED, Kind.RANKING})
    if model.has_scores:
        for query in queries(data):
            scores = model.scores(query).astype(np.float64)
            weights = np.exp(scores - scores.max())
            assert 1.5 / len(scores) < weights.max() / weights.sum() < 0.99


def test_unknown_names_have_no_recipe() -> None:
    assert recipe_named("aws-none") is None
    assert NAMES == [
        "aws-hrnn",
        "aws-personalized-ranking",
        "aws-personalized-ranking-v2",
        "aws-popularity-count",
        "aws-similar-items",
        "aws-sims",
        "aws-trending-now",
        "aws-user-personalization",
        "aws-user-personalization-v2",
    ]
