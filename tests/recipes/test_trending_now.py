"""aws-trending-now: what gains most between the last two intervals (R-76, R-76a, R-76b, M-29)."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import History, TrainingData, TrainingRun
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import train
from personalize_emu.recipes.trending_now import INTERVALS, TrendingModel
from tests.recipes.made_data import Row, training_data

HOUR = 3600
HOURLY = {"trend_discovery_frequency": "1 hour"}


def fitted(data: TrainingData, **hyperparameters: str) -> TrendingModel:
    recipe = recipe_named("aws-trending-now")
    assert recipe is not None
    model = recipe.fit(data, TrainingRun(hyperparameters))
    assert isinstance(model, TrendingModel)
    return model


def ranked(model: TrendingModel) -> list[str]:
    return [model.catalog[number] for number in model.order]


def burst(item: str, count: int, time: int) -> list[Row]:
    """So many users meet an item."""
    return [(f"{item}-{time}-{number}", item, time) for number in range(count)]


def slowly(rows: list[Row], extra: list[str], interval: int) -> list[str]:
    """The ranking by its definition, one item at a time."""
    rows = list(dict.fromkeys(rows))
    latest = max((time for _, _, time in rows), default=0)
    newest = Counter(item for _, item, time in rows if latest - interval < time)
    before = Counter(item for _, item, time in rows if latest - 2 * interval < time <= latest - interval)
    interactions = Counter(item for _, item, _ in rows)
    users = Counter(item for _, item in {(user, item) for user, item, _ in rows})

    def key(item: str) -> tuple[float, float, int, int, str]:
        gain = newest[item] - before[item]
        rising = (-gain, -newest[item]) if gain > 0 else (0, 0)
        return (*rising, -users[item], -interactions[item], item)

    return sorted(set(interactions) | set(extra), key=key)


ROWS = st.lists(st.tuples(st.sampled_from("uvwx"), st.sampled_from("abcdef"), st.integers(0, 4 * HOUR)), max_size=60)


@given(rows=ROWS, interval=st.sampled_from([name for name in INTERVALS if name != "1 day"]))
@settings(max_examples=150)
def test_r76b_against_the_definition(rows: list[Row], interval: str) -> None:
    data = training_data(rows, ["a", "never"])
    model = fitted(data, trend_discovery_frequency=interval)
    assert ranked(model) == slowly(rows, ["a", "never"], INTERVALS[interval])


def test_r76_gain_counts_and_not_size() -> None:
    """R-76: a big item that shrinks is behind a small one that grows."""
    rows = burst("big", 30, 0) + burst("big", 20, HOUR) + burst("small", 2, 0) + burst("small", 9, HOUR)
    assert ranked(fitted(training_data(rows), **HOURLY)) == ["small", "big"]


def test_r70b_the_default_is_two_hours() -> None:
    rows = burst("a", 3, 0) + burst("b", 5, 3 * HOUR) + burst("a", 4, 4 * HOUR)
    data = training_data(rows)
    assert ranked(fitted(data, **HOURLY)) == ["a", "b"]
    assert ranked(fitted(data)) == ranked(fitted(data, trend_discovery_frequency="2 hours")) == ["b", "a"]


def test_r76a_popular_items_where_nothing_gains() -> None:
    rows = burst("a", 3, 0) + burst("b", 5, 0) + burst("a", 3, HOUR) + burst("b", 5, HOUR) + [("x", "c", 0)]
    popular = recipe_named("aws-popularity-count")
    assert popular is not None
    data = training_data(rows, ["d"])
    expected = popular.fit(data, TrainingRun({}))
    model = fitted(data, **HOURLY)
    nobody = History(np.empty(0, np.int32), np.empty(0, np.int64))
    assert np.array_equal(model.scores(nobody), expected.scores(nobody))
    assert ranked(model) == ["b", "a", "c", "d"]


@pytest.mark.parametrize(("frequency", "period"), [("30 minutes", 1800), ("2 hours", 7200), ("1 day", 7200)])
def test_r76a_evaluation_period(frequency: str, period: int) -> None:
    """R-76a: at least every two hours."""
    assert fitted(training_data([]), trend_discovery_frequency=frequency).evaluation_period == period


def test_r76a_new_items_enter_at_an_evaluation() -> None:
    old = burst("a", 3, 0)
    model = fitted(training_data(old), **HOURLY)
    later = model.evaluated_on(training_data(old + burst("new", 2, 5 * HOUR)))
    assert (ranked(model), ranked(later)) == (["a"], ["new", "a"])
    assert later.evaluation_period == model.evaluation_period


def test_only_trending_models_are_evaluated_again() -> None:
    """R-110: popular items stay what they were at training."""
    popular = recipe_named("aws-popularity-count")
    assert popular is not None
    model = popular.fit(training_data(burst("a", 3, 0)), TrainingRun({}))
    assert model.evaluation_period is None
    assert model.evaluated_on(training_data([])) is model


def accuracy(rows: list[Row]) -> float:
    recipe = recipe_named("aws-trending-now")
    assert recipe is not None
    return train(recipe, training_data(rows), TrainingRun(HOURLY, 1)).metrics["trend_prediction_accuracy"]


def hits(first: int, last: int, time: int) -> list[Row]:
    """Item n is met by n users."""
    return [row for number in range(first, last) for row in burst(f"i{number:02}", number, time)]


def test_m29_trend_prediction_accuracy() -> None:
    """M-29: gain of the items that trended an hour before, over that of those that trend."""
    assert accuracy(hits(10, 20, 0) + [row for n in (1, 2) for row in hits(10, 20, n * HOUR)]) == 0.0, "no gain"
    assert accuracy(hits(1, 20, HOUR) + hits(1, 20, 2 * HOUR) + hits(1, 20, 2 * HOUR + 100)) == 1.0
    others = [row for number in range(30, 56) for row in burst(f"o{number}", 2, HOUR)]
    unforeseen = others + burst("o30", 3, 2 * HOUR) + burst("z", 3, 2 * HOUR)
    assert accuracy(unforeseen) == pytest.approx(1 / 4)
