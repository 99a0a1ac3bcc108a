"""Next-Best-Action as a recipe: planted user_factors, who gets a score, and what is measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from personalize_emu.recipes.actions.action_metrics import (
    HeldOutActions,
    action_metrics,
    area_under_curve,
    cut_action_user,
    ranked_actions,
)
from personalize_emu.recipes.actions.user_factors import numbers_of
from personalize_emu.recipes.contract.action_data import NO_ACTIONS, NOT_TAKEN, TAKEN, VIEWED, ActionData, ActionHistory
from personalize_emu.recipes.contract.base import History, Kind, NotEnoughData, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Categories, Features, Numbers, Profiles
from personalize_emu.recipes.contract.saving import load_model, saved
from personalize_emu.recipes.next_best_action import ActionModel, scored_actions, user_feature_columns
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import Trained, train
from tests.recipes.made_actions import START, action_data, two_tastes
from tests.recipes.made_data import DAY, training_data

CLIMB, NAP, SWIM = range(3)


def trained_on(data: TrainingData, **parameters: str) -> tuple[ActionModel, Trained]:
    recipe = recipe_named("aws-next-best-action")
    assert recipe is not None
    assert recipe.kind is Kind.ACTIONS
    trained = train(recipe, data, TrainingRun(parameters))
    assert isinstance(trained.model, ActionModel)
    return trained.model, trained


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return two_tastes()


@pytest.fixture(scope="module")
def trained(data: TrainingData) -> Trained:
    return trained_on(data)[1]


@pytest.fixture(scope="module")
def model(trained: Trained) -> ActionModel:
    assert isinstance(trained.model, ActionModel)
    return trained.model


def of_items(model: ActionModel, *items: str, user_id: str = "") -> History:
    numbers = np.array([model.number_of[item] for item in items], np.int32)
    return History(numbers, np.arange(len(items), dtype=np.int64) * DAY, user_id)


def test_taste_decides_what_somebody_new_will_take(model: ActionModel) -> None:
    """R-80, R-110: somebody nobody knew, with a few items of one camp and no action met yet."""
    even = model.propensities(of_items(model, "i00", "i06", "i22"), NO_ACTIONS)
    odd = model.propensities(of_items(model, "i01", "i07", "i23"), NO_ACTIONS)
    assert even[CLIMB] > even[NAP] - 0.1
    assert even[CLIMB] > even[SWIM] + 0.3
    assert odd[SWIM] > odd[CLIMB] + 0.3
    assert abs(even[NAP] - odd[NAP]) < 0.25


def test_chances_do_not_share_one_whole(model: ActionModel) -> None:
    """R-80: each in [0, 1]; together they may be more than 1."""
    chances = model.propensities(of_items(model, "i00", "i06"), NO_ACTIONS)
    assert ((chances >= 0) & (chances <= 1)).all()
    assert chances.sum() > 1


@pytest.mark.parametrize("times", [1, 4])
def test_what_a_user_did_with_an_action_counts(data: TrainingData, times: int) -> None:
    """R-110: the same factors, but the action was taken, or turned down, before; users are of two minds about each."""
    minds = np.random.default_rng(8).random((len(data.user_ids), 3))

    def outcome(number: int, place: int, step: int) -> int:
        return TAKEN if minds[number, place] > (5 + step * 37) % 10 / 10 else NOT_TAKEN

    rows = [
        (user, action, outcome(number, place, step), START + (3 * step + place) * DAY)
        for number, user in enumerate(data.user_ids)
        for place, action in enumerate(("climb", "nap", "swim"))
        for step in range(4 if times > 1 else 1)
    ]
    model, _ = trained_on(replace(data, actions=action_data(rows)))
    history = of_items(model, "i01", "i07", "i23")
    keen, nothing, weary = (
        model.propensities(history, ActionHistory(np.full(n, SWIM, np.int32), np.full(n, outcome, np.int8)))[SWIM]
        for n, outcome in ((times, TAKEN), (0, TAKEN), (times, NOT_TAKEN))
    )
    assert keen > nothing > weary


def test_a_request_changes_nothing(model: ActionModel) -> None:
    history, past = of_items(model, "i00", "i06"), ActionHistory(np.array([1, 2], np.int32), np.array([2, 0], np.int8))
    assert np.array_equal(model.propensities(history, past), model.propensities(history, past))


def test_same_data_same_bytes(data: TrainingData, trained: Trained) -> None:
    again = trained_on(data)[1]
    assert again.metrics == trained.metrics
    assert saved(again.model) == saved(trained.model)


def test_a_saved_model_gives_the_same_answers(model: ActionModel) -> None:
    from io import BytesIO

    loaded = load_model(BytesIO(saved(model)))
    assert isinstance(loaded, ActionModel)
    history = of_items(model, "i01", "i07")
    assert np.array_equal(loaded.propensities(history, NO_ACTIONS), model.propensities(history, NO_ACTIONS))


def test_user_features_count() -> None:
    """Table 1.1: Users is trained on; here nothing but the town of a user says who likes what."""
    base = two_tastes(users=160)
    assert base.actions is not None
    towns = np.array([int(user[1:]) % 2 for user in base.user_ids])
    members = sp.csr_matrix((np.ones(160, np.float32), (np.arange(160), towns)), shape=(160, 2))
    features = Features(160, (Categories("TOWN", ("hill", "shore"), members),), (Numbers("AGE", np.full(160, np.nan)),))
    similar = [(user, f"i{n}", START - DAY + n) for user in base.user_ids for n in range(3)]
    data = replace(training_data(similar), actions=base.actions, profiles=Profiles(base.user_ids, features))
    model, _ = trained_on(data)
    hill, shore = (model.propensities(of_items(model, "i0", user_id=user), NO_ACTIONS) for user in ("u000", "u001"))
    unknown = model.propensities(of_items(model, "i0", user_id="stranger"), NO_ACTIONS)
    assert hill[CLIMB] > unknown[CLIMB] > shore[CLIMB]
    assert shore[SWIM] > unknown[SWIM] > hill[SWIM]


def test_user_feature_columns_are_standardised() -> None:
    members = sp.csr_matrix(np.array([[1, 0], [1, 1], [0, 0]], np.float32))
    ages = Numbers("AGE", np.array([10.0, 30.0, np.nan]))
    columns = user_feature_columns(Features(3, (Categories("G", ("a", "b"), members),), (ages,)))
    assert columns[:, 0].tolist() == [-1.0, 1.0, 0.0]
    assert columns.mean(axis=0) == pytest.approx(np.zeros(3))
    assert user_feature_columns(Features(2)).shape == (2, 0)


def test_infinite_user_features_are_unknown() -> None:
    columns = user_feature_columns(Features(3, numbers=(Numbers("AGE", np.array([10.0, 30.0, np.inf])),)))
    assert columns[:, 0].tolist() == [-1.0, 1.0, 0.0]


# --- who gets a score -----------------------------------------------------------------------------------------------


def events(action: str, taken: int, declined: int, when: int = START) -> list[tuple[str, str, int, int]]:
    marks = [TAKEN] * taken + [VIEWED, NOT_TAKEN] * declined
    return [(f"u{n}", action, mark, when) for n, mark in enumerate(marks[: taken + declined])]


def test_fifty_of_each_within_six_weeks() -> None:
    """R-80a: counted back from the newest action interaction of all."""
    old = START - 42 * DAY
    rows = [
        *events("enough", 50, 50),
        *events("too few taken", 49, 80),
        *events("too few declined", 80, 49),
        *events("just in time", 50, 50, old),
        *events("too old", 50, 50, old - 1),
        *events("partly old", 40, 50),
        *events("partly old", 10, 0, old - 1),
    ]
    data = action_data(rows, {"never met": 1.0})
    scored = dict(zip(data.ids, scored_actions(data).tolist(), strict=True))
    assert {action for action, has in scored.items() if has} == {"enough", "just in time"}


def test_actions_without_enough_get_nothing(data: TrainingData) -> None:
    """R-80a, RT-92: a score of 0 whatever the user is like."""
    assert data.actions is not None
    few = data.actions.of_rows((data.actions.actions != SWIM) | (np.arange(len(data.actions)) < 60))
    model, _ = trained_on(replace(data, actions=few))
    assert model.scored.tolist() == [True, True, False]
    assert model.propensities(of_items(model, "i01", "i07"), NO_ACTIONS)[SWIM] == 0.0


def test_without_action_interactions_nothing_is_personal(data: TrainingData) -> None:
    """R-80a, RT-92."""
    model, trained = trained_on(replace(data, actions=action_data([], {"climb": 1.0, "swim": 2.0})))
    assert model.propensities(of_items(model, "i00"), NO_ACTIONS).tolist() == [0.0, 0.0]
    assert trained.metrics == dict.fromkeys(trained.metrics, 0.0)


def test_without_actions_there_is_nothing_to_train(data: TrainingData) -> None:
    """T-84."""
    for none in (None, action_data([])):
        with pytest.raises(NotEnoughData, match="ACTIONS dataset"):
            trained_on(replace(data, actions=none))


def test_the_period_decides_what_counts_as_taken(data: TrainingData) -> None:
    """R-70c: within 28 days more offers end well than within 7, where they end well later."""
    rows = [
        row
        for user in range(60)
        for row in (
            (f"u{user:03}", "climb", VIEWED, START),
            (f"u{user:03}", "climb", TAKEN if user % 4 else NOT_TAKEN, START + 20 * DAY),
        )
    ]
    changed = replace(data, actions=action_data(rows))
    models = [trained_on(changed, action_optimization_period=days)[0] for days in ("7", "28")]
    assert all(found.propensity is not None for found in models)
    short, long = (found.propensity.bases[0] for found in models if found.propensity)
    assert long > short


def test_new_actions_join_without_a_score(model: ActionModel) -> None:
    """Table 1.1, R-80a: an update adds actions; what was known of the others stays."""
    more = model.with_actions(["bike", "nap", "zumba"])
    assert more.actions == ("bike", "climb", "nap", "swim", "zumba")
    history = of_items(model, "i01", "i07", "i23")
    past = ActionHistory(np.array([CLIMB, SWIM], np.int32), np.array([0, 2], np.int8))
    moved = ActionHistory(np.array([1, 3], np.int32), past.outcomes)
    assert more.propensities(history, moved)[[1, 2, 3]] == pytest.approx(model.propensities(history, past))
    assert more.propensities(history, moved)[[0, 4]].tolist() == [0.0, 0.0]
    assert model.with_actions(["nap"]) is model


# --- metrics --------------------------------------------------------------------------------------------------------


def test_metrics_of_planted_tastes(trained: Trained) -> None:
    """M-3, M-12, M-24, M-31: names, bounds, and that the planted effect is measured."""
    metrics = trained.metrics
    gains = [f"normalized_discounted_cumulative_gain_at_{cutoff}" for cutoff in (10, 25, 5)]
    assert list(metrics) == ["area_under_the_curve", "coverage", *gains, "precision", "recall"]
    assert all(0 <= value <= 1 for value in metrics.values())
    assert metrics["area_under_the_curve"] > 0.75
    assert metrics["coverage"] == 1.0


def test_noise_is_measured_as_noise(data: TrainingData) -> None:
    """M-31: when who takes what is chance, the area is that of guessing."""
    assert data.actions is not None
    rng = np.random.default_rng(0)
    noise = replace(data.actions, outcomes=rng.integers(1, 3, len(data.actions)).astype(np.int8))
    _, trained = trained_on(replace(data, actions=noise))
    assert trained.metrics["area_under_the_curve"] < 0.75


def test_the_area_is_the_usual_one() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        chances, outcomes = rng.integers(0, 6, 40) / 5, rng.random(40) < 0.3
        assert area_under_curve(chances, outcomes) == pytest.approx(roc_auc_score(outcomes, chances))
    assert area_under_curve(chances, np.zeros(40, np.bool_)) == 0.0


def held_out(past: ActionData, offered: list[int], taken: list[bool]) -> HeldOutActions:
    return HeldOutActions("u", past.history(slice(0)), START, np.array(offered, np.int32), np.array(taken))


def test_precision_and_recall_by_hand() -> None:
    """M-31: of seven actions five are recommended to each of two users."""
    none = action_data([], {f"a{n}": 0.0 for n in range(7)})
    users = [held_out(none, [0, 6], [True, True]), held_out(none, [0, 1], [True, False]), held_out(none, [2], [False])]
    chances = [np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.2, 0.1])] * 3
    metrics = action_metrics(users, chances, none.values)
    # a0 was recommended three times and taken twice; a1 to a4 were recommended and not taken.
    assert metrics["precision"] == pytest.approx((2 / 3 + 0 + 0 + 0 + 0) / 5)
    # a0 was found for both who took it, a6 for nobody.
    assert metrics["recall"] == pytest.approx((1 + 0) / 2)
    assert metrics["coverage"] == 1.0
    assert metrics["area_under_the_curve"] == pytest.approx(
        area_under_curve(np.array([0.9, 0.1, 0.9, 0.8, 0.7]), np.array([True, True, True, False, False]))
    )


def test_the_newest_tenth_of_a_user_is_held_out() -> None:
    """M-11, M-31."""
    rows = [("u", f"a{n % 3}", TAKEN if n % 2 == 0 else VIEWED, START + n * DAY) for n in range(25)]
    cut = cut_action_user(action_data(rows), 0)
    assert len(cut.past.actions) == 23
    assert cut.moment == START + 23 * DAY
    assert cut.offered.tolist() == [0, 2]
    assert cut.taken.tolist() == [True, False]
    assert cut.truth.tolist() == [0]


def test_equal_chances_go_by_value_then_id() -> None:
    """R-80b, RT-93, RT-94."""
    order = ranked_actions(np.array([0.5, 0.7, 0.5, 0.5, 0.0]), np.array([1.0, 0.0, 9.0, 1.0, 10.0]))
    assert order.tolist() == [1, 2, 0, 3, 4]


def test_test_users_are_not_learned_from(data: TrainingData) -> None:
    """M-11, M-14: who is measured was not seen."""
    from personalize_emu.recipes.contract.split import hash_draws, rows_of_users
    from personalize_emu.recipes.next_best_action import TEST_SHARE

    assert data.actions is not None
    kept = hash_draws(data.actions.user_ids, 0) >= TEST_SHARE
    part = data.actions.of_users(kept)
    assert 0 < len(part) < len(data.actions)
    assert (numbers_of(rows_of_users(data, kept).user_ids, data.actions.user_ids) >= 0).tolist() == kept.tolist()


# --- quality --------------------------------------------------------------------------------------------------------


def test_chances_are_calibrated_and_near_the_best_possible() -> None:
    """R-80: users and items in a space of user_factors, chances known; asked for users that were not trained on."""
    rng = np.random.default_rng(0)
    people, items, value = rng.normal(size=(900, 5)), rng.normal(size=(150, 5)), 0.8 * rng.normal(size=(8, 5))
    true = 1 / (1 + np.exp(0.5 - people @ value.T - rng.normal(size=8)))
    constraints = np.exp(1.2 * people @ items.T)
    seen = [rng.choice(150, 25, p=preference / preference.sum()) for preference in constraints]
    rows = [(f"u{n:03}", f"i{item:03}", START - DAY * (30 - s)) for n in range(600) for s, item in enumerate(seen[n])]
    asked = [
        (f"u{n:03}", f"a{action}", TAKEN if rng.random() < true[n, action] else NOT_TAKEN, START + 3 * s * DAY)
        for n in range(600)
        for s, action in enumerate(rng.integers(8, size=10))
    ]
    model, _ = trained_on(replace(training_data(rows), actions=action_data(asked)))
    found = np.array(
        [model.propensities(of_items(model, *(f"i{item:03}" for item in seen[n])), NO_ACTIONS) for n in range(600, 900)]
    ).ravel()
    taken = (rng.random((300, 8)) < true[600:]).ravel()
    assert area_under_curve(found, taken) > area_under_curve(true[600:].ravel(), taken) - 0.05
    for low in np.arange(0, 1, 0.2):
        among = (found >= low) & (found < low + 0.2)
        assert found[among].mean() == pytest.approx(taken[among].mean(), abs=0.06)
