"""The sequential model beside the ensemble: when it joins, and the weight it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import HeldOut, History, TrainingData, TrainingRun
from personalize_emu.recipes.contract.saving import load_model, saved
from personalize_emu.recipes.personalized import PersonalModel, PersonalRecipe
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.scorers.sessions import users_are_sessions
from personalize_emu.recipes.sequential.gru import NextItemNetwork, Shape
from personalize_emu.recipes.sequential.sequential_member import SequentialMember, continue_sequential_member
from personalize_emu.recipes.training.training import no_progress, train
from tests.recipes.made_data import DAY, chains, history, training_data


@pytest.mark.parametrize(("waits", "better"), [((0, 9), 0), ((9, 0), 1)])
def test_a_sequential_model_that_predicts_the_next_item_gets_weight(waits: tuple[int, int], better: int) -> None:
    """The ensemble ranks the first of two next items highest, the network the second.

    An item that comes at once counts ten times as much as one after nine other moments, so its probability must be ten
    times as great: scores differ by two, so their weights by half of the logarithm of ten.
    """

    class Network(NextItemNetwork):
        def scores_many(self, histories: Sequence[History]) -> np.ndarray:
            return np.tile(np.array([0, 2, 0, 0], np.float32), (len(histories), 1))

    network = Network.__new__(Network)
    user = HeldOut(
        History(np.array([3], np.int32), np.array([0])),
        np.array([0, 1], np.int32),
        np.ones(2, np.float32),
        np.array(waits, np.int32),
    )
    others = np.tile(np.array([2, 0, 0, 0], np.float32), (30, 1))
    sequential = SequentialMember(network, (0.5, 0.5)).measured(others, np.ones(4, np.bool_), [user] * 30)
    assert sequential.weights[better] - sequential.weights[1 - better] == pytest.approx(np.log(10) / 2, abs=0.02)


CHAINS = chains(users=150, items=30, interactions=9)


@pytest.fixture(scope="module")
def model() -> PersonalModel:
    recipe = recipe_named("aws-user-personalization-v2")
    assert isinstance(recipe, PersonalRecipe)
    model = train(replace(recipe, network_from=1), CHAINS, TrainingRun({}, 1)).model
    assert isinstance(model, PersonalModel)
    return model


def test_many_interactions_add_a_sequential_model(model: PersonalModel) -> None:
    assert model.sequential is not None
    asked = history(CHAINS, "i03", "i04", "i05")
    scores = model.scores(asked)
    assert CHAINS.catalog[int(scores.argmax())] == "i06"
    assert np.exp(scores.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
    assert model.scores_many([asked])[0] == pytest.approx(scores, abs=1e-3)
    assert replace(model, sequential=None).scores(asked).tolist() != scores.tolist()


def test_returning_users_are_scored_without_the_network(model: PersonalModel) -> None:
    rows = slice(int(CHAINS.offsets[3]), int(CHAINS.offsets[4]))
    active = History(CHAINS.items[rows], CHAINS.timestamps[rows])
    returning = replace(active, user_id=CHAINS.user_ids[3])
    plain = replace(model, sequential=None)
    assert model.scores(returning).tolist() == plain.scores(returning).tolist()
    assert model.scores(active).tolist() != plain.scores(active).tolist()
    both = model.scores_many([active, returning])
    assert both[0] == pytest.approx(model.scores(active), abs=1e-3)
    assert both[1] == pytest.approx(model.scores(returning), abs=1e-3)


def test_a_network_that_earned_nothing_is_left_out(model: PersonalModel) -> None:
    assert model.sequential is not None
    idle = replace(model.sequential, weights=(1.0, 0.0))
    assert continue_sequential_member(idle, CHAINS.interactions, Shape(), np.random.default_rng(0), no_progress) is None


def test_a_model_with_a_network_can_be_saved(model: PersonalModel) -> None:
    asked = history(CHAINS, "i03", "i04", "i05")
    assert load_model(BytesIO(saved(model))).scores(asked).tobytes() == model.scores(asked).tobytes()


def test_few_interactions_add_no_sequential_model() -> None:
    recipe = recipe_named("aws-user-personalization-v2")
    assert isinstance(recipe, PersonalRecipe)
    assert recipe.network_from == 200_000
    small = recipe.fit(CHAINS, TrainingRun({}))
    assert isinstance(small, PersonalModel)
    assert small.sequential is None


@pytest.mark.parametrize(("least", "joins"), [(0, False), (13500, True), (13520, False)])
def test_in_data_of_short_sessions_it_joins_at_a_tenth(least: int, joins: bool) -> None:
    short = replace(CHAINS, timestamps=CHAINS.timestamps // 86_400)
    assert users_are_sessions(short.interactions)
    recipe = recipe_named("aws-user-personalization-v2")
    assert recipe is not None
    model = recipe.fit(short, TrainingRun({}, sequential_from=least))
    assert isinstance(model, PersonalModel)
    assert (model.sequential is not None) == joins


def test_users_who_come_back_or_stay_long_are_no_sessions() -> None:
    def users(events: int, seconds: int) -> TrainingData:
        rows = [(f"u{user}", f"i{step}", user * DAY + step * seconds) for user in range(20) for step in range(events)]
        return training_data(rows)

    assert users_are_sessions(users(5, 60).interactions)
    assert not users_are_sessions(users(5, DAY).interactions)
    assert not users_are_sessions(users(30, 60).interactions)
    assert not users_are_sessions(users(1, 60).interactions)


@pytest.mark.parametrize(("least", "joins"), [("0", False), ("1350", True), ("1351", False)])
def test_the_size_from_which_the_network_joins_can_be_set(least: str, joins: bool) -> None:
    recipe = recipe_named("aws-user-personalization-v2")
    assert recipe is not None
    assert len(CHAINS.interactions) == 1350
    model = recipe.fit(CHAINS, TrainingRun({}, sequential_from=int(least)))
    assert isinstance(model, PersonalModel)
    assert (model.sequential is not None) == joins
