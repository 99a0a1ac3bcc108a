"""The legacy recipe HRNN: its parameters and what it learns (R-13, R-57 to R-61, R-65)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import TrainingData, TrainingRun
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.hrnn import SequenceModel
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.sequential.gru import Shape, plan_for, sequences_of
from personalize_emu.recipes.training.training import train
from tests.recipes.made_data import chains, history, training_data

CHAINS = chains(users=120, items=30, interactions=9)


def fitted(data: TrainingData, **hyperparameters: str) -> SequenceModel:
    recipe = recipe_named("aws-hrnn")
    assert recipe is not None
    model = recipe.fit(data, TrainingRun(hyperparameters))
    assert isinstance(model, SequenceModel)
    return model


@cache
def chain_model() -> SequenceModel:
    return fitted(CHAINS)


def best(model: SequenceModel, data: TrainingData, k: int, *items: str) -> list[str]:
    return [data.catalog[item] for item in top_k(model.scores(history(data, *items)), k)]


def test_r72b_the_order_of_events_is_what_counts() -> None:
    right = 0
    for start in range(30):
        walked = [f"i{(start + step) % 30:02}" for step in range(4)]
        right += best(chain_model(), CHAINS, 1, *walked) == [f"i{(start + 4) % 30:02}"]
    assert right >= 24
    one, other = ("i03", "i04", "i11", "i12"), ("i11", "i12", "i03", "i04")
    assert best(chain_model(), CHAINS, 3, *one) != best(chain_model(), CHAINS, 3, *other)


@pytest.mark.parametrize(("given", "width"), [({}, 43), ({"hidden_dimension": "32"}, 32)])
def test_r57_r65_hidden_dimension_is_the_width_of_the_network(given: dict[str, str], width: int) -> None:
    model = fitted(chains(users=10), **given)
    assert model.network is not None
    assert model.network.network.out.shape == (width, width)


def test_r58_bptt_is_how_far_gradients_go_back() -> None:
    assert plan_for(10_000, 100, Shape(steps=2)).steps == 2
    assert plan_for(10_000, 100, Shape()).steps == 32
    short, long = fitted(chains(users=20), bptt="2"), fitted(chains(users=20), bptt="16")
    asked = history(CHAINS, "i01", "i02")
    assert short.scores(asked).tobytes() != long.scores(asked).tobytes()


def test_r59_recent_events_count_more_under_the_mask() -> None:
    place = np.arange(30, dtype=np.int32)
    masked = sequences_of(CHAINS.interactions, place, recency=True)
    equal = sequences_of(CHAINS.interactions, place, recency=False)
    own = slice(int(masked.offsets[0]), int(masked.offsets[1]))
    assert (np.diff(masked.weights[own]) > 0).all()
    assert masked.weights[own][-1] == 1
    assert (equal.weights == 1).all()


def test_r60_r61_users_with_very_long_histories_are_left_out() -> None:
    rows = [(f"u{user:02}", f"i{(user + step) % 8}", step) for user in range(50) for step in range(4)]
    rows += [("crawler", f"i{step % 2 * 7}", step) for step in range(200)]
    data = training_data(rows)
    asked = history(data, "i7", "i0")
    calm = fitted(data).scores(asked)
    loud = fitted(data, max_user_history_length_percentile="1.0").scores(asked)
    assert data.catalog[int(calm.argmax())] == "i1"
    assert loud[data.catalog.index("i7")] > calm[data.catalog.index("i7")] + 1


def test_the_final_model_goes_on_from_the_evaluated_one() -> None:
    recipe = recipe_named("aws-hrnn")
    assert recipe is not None
    stages: list[tuple[str, float]] = []
    trained = train(recipe, CHAINS, TrainingRun({}, 3, lambda stage, share: stages.append((stage, share))))
    assert trained.metrics["mean_reciprocal_rank_at_25"] > 0.8
    assert isinstance(trained.model, SequenceModel)
    assert trained.model.network is not None
    learning = [share for stage, share in stages if stage == "learning sequences"]
    assert learning == sorted(learning)


def test_histories_of_nothing_known_get_popular_items() -> None:
    data = training_data([(f"u{u}", f"i{min(t, u % 5)}", t) for u in range(40) for t in range(6)], ["cold"])
    model = fitted(data)
    assert best(model, data, 3) == ["i0", "i1", "i2"]
    assert [item for item in best(model, data, 4, "cold") if item != "cold"][:3] == ["i0", "i1", "i2"]
