"""Context and user_features: lifts and weights against slow, obvious versions, and planted effects that are found
(R-21)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from functools import cache
from io import BytesIO

import numpy as np
import pytest
import scipy.sparse as sp

from personalize_emu.recipes.context.contextual import (
    ContextualModel,
    ContextualRecipe,
    examples_of,
    learned_weights,
    validation_queries,
    with_context,
)
from personalize_emu.recipes.context.levels import Levels, levels_of_column
from personalize_emu.recipes.context.lifts import PRIORS, best_prior, fit_factors, lifts_of
from personalize_emu.recipes.contract.base import History, Kind, Model, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Features, Numbers, Profiles
from personalize_emu.recipes.contract.saving import load_model, saved
from personalize_emu.recipes.contract.split import split_users
from personalize_emu.recipes.numerics.conditional_logit import Example
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import Trained, train
from tests.recipes.made_data import training_data
from tests.recipes.situations import column, situations

NOBODY = History(np.empty(0, np.int32), np.empty(0, np.int64))
MRR = "mean_reciprocal_rank_at_25"


@cache
def decided() -> tuple[TrainingData, Trained]:
    """Device and gender decide, hour and plan do not."""
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    data = situations(device=1.5, gender=1.5)
    return data, train(recipe, data, TrainingRun({}, 1))


def model_of(trained: Trained) -> ContextualModel:
    assert isinstance(trained.model, ContextualModel)
    return trained.model


def share(model: Model, history: History, wanted: np.ndarray) -> float:
    """Of the softmax."""
    scores = model.scores(history).astype(np.float64)
    chances = np.exp(scores - scores.max())
    return float(chances[wanted].sum() / chances.sum())


def test_lifts_against_counting_one_by_one() -> None:
    """Every user counts once for an item at a level; users without a profile count only at large."""
    rows = [("u", "a", 1), ("u", "a", 2), ("u", "b", 3), ("v", "a", 1), ("v", "c", 2), ("w", "b", 1), ("w", "b", 1)]
    codes = np.array([0, 0, 1, 1, 0, -1, 1])
    data = replace(
        training_data(rows),
        context=Features(7, (column("DEVICE", codes, ("phone", "tv")),)),
        profiles=Profiles(("u", "v", "x"), Features(3, (column("AGE", np.array([0, 1, 2]), ("20", "60", "90")),))),
    )
    found = fit_factors(data)
    names = ["phone", "tv"]
    by_device: dict[tuple[str, str], set[str]] = defaultdict(set)
    by_age: dict[tuple[str, str], set[str]] = defaultdict(set)
    users: dict[str, set[str]] = defaultdict(set)
    for (user, item, _), code in zip(rows, codes, strict=True):
        users[item].add(user)
        if code >= 0:
            by_device[names[code], item].add(user)
        if user != "w":
            by_age[{"u": "20", "v": "60"}[user], item].add(user)
    seen_overall = sum(map(len, users.values()))
    for factor, seen, levels in (
        (found.factors[0], by_device, names),
        (found.factors[2 - 1], by_age, ["20", "60", "90"]),
    ):
        table = [[len(seen[level, item]) for item in "abc"] for level in levels]
        expected = [[sum(row) * len(users[item]) / seen_overall for item in "abc"] for row in table]
        prior, _ = best_prior(np.array(table, float), np.array(expected))
        wanted = [
            [math.log((n + prior) / (e + prior)) for n, e in zip(ns, es, strict=True)]
            for ns, es in zip(table, expected, strict=True)
        ]
        assert np.allclose(factor.lifts, wanted, atol=1e-6)


def test_lifts_of_nothing_are_drawn_to_nothing_and_others_are_not() -> None:
    """Empirical Bayes: counts that are only chance ask for the strongest prior."""
    rng = np.random.default_rng(1)
    expected = np.tile(20.0 + 30 * rng.random(50), (4, 1))
    assert best_prior(rng.poisson(expected).astype(float), expected)[0] >= 300
    ratios = rng.gamma(2.0, 1 / 2.0, expected.shape)
    assert best_prior(rng.poisson(expected * ratios).astype(float), expected)[0] in PRIORS[1:3]


def test_lifts_of_rare_items_follow_the_other_items_of_their_group() -> None:
    """1 of 10 groups is chosen three times as often in summer; single items are too rare to show it."""
    rng = np.random.default_rng(4)
    groups = np.arange(400) % 10
    popularity = np.full(400, 2.0)
    counts = rng.poisson(np.where(groups == 3, [[3.0], [1.0]], 1.0)).astype(float)
    counts[:, 3] = 0
    members = sp.csr_matrix((np.ones(400, np.float32), (np.arange(400), groups)))
    alone, grouped = lifts_of(counts, popularity), lifts_of(counts, popularity, [members])
    assert abs(alone[0, 3]) < 0.3
    assert grouped[0, 3] > 0.5
    assert np.abs(grouped[:, groups != 3]).mean() < 0.4
    chance = rng.poisson(np.ones((2, 400))).astype(float)
    assert np.array_equal(lifts_of(chance, popularity, [members]), lifts_of(chance, popularity))


def test_levels_of_numbers_and_categories() -> None:
    """Few numbers are levels of their own, many are ranges; requests say the same things in words."""
    hours = levels_of_column(Numbers("HOUR", np.repeat([0.0, 6.0, 12.0, np.nan], 5)), 100)
    assert (hours.count, [hours.of_text(text) for text in ("0", "6.4", "12", "99", "nan", "noon")]) == (
        3,
        [[0], [1], [2], [2], [], []],
    )
    assert hours.of_column(Numbers("HOUR", np.array([12.0, np.nan, 1.0]))).toarray().tolist() == [
        [0, 0, 1],
        [0, 0, 0],
        [1, 0, 0],
    ]
    many = levels_of_column(Numbers("AGE", np.arange(1000.0)), 100)
    assert many.count == 12
    assert np.ptp(np.asarray(many.of_column(Numbers("AGE", np.arange(1000.0))).sum(axis=0))) <= 2
    tags = Levels("TAGS", ("a", "b"), None)
    assert tags.of_text("a|x|b") == [0, 1]
    codes = np.array([0, 1, 1, 2])
    rare = levels_of_column(column("TAGS", codes, ("x", "y", "z")), 2)
    assert rare.values == ("x", "y")
    assert rare.of_column(column("TAGS", codes, ("w", "y", "z"))).toarray().tolist() == [[0, 0], [0, 1], [0, 1], [0, 0]]


def test_weights_are_the_best_ones_and_never_negative() -> None:
    rng = np.random.default_rng(3)
    shifts = rng.normal(size=(3, 400, 6)).astype(np.float32)
    chances = np.exp(1.2 * shifts[0] - 0.9 * shifts[1])
    share = rng.random(400).astype(np.float32)
    examples = []
    for row, likely in enumerate(chances.astype(float)):
        columns = [part for shift in shifts for part in (shift[row], share[row] * shift[row])]
        chosen = rng.choice(6, p=likely / likely.sum())
        features = np.stack([np.zeros(6, np.float32), *columns], axis=1)
        examples.append(Example(features, (np.arange(6) == chosen).astype(np.float32)))
    weights = learned_weights(examples)
    assert weights[0, 0] + weights[0, 1] / 2 == pytest.approx(1.2, abs=0.3)
    assert not weights[1:].any()


def test_what_decides_is_found_and_what_does_not_costs_nothing() -> None:
    """R-21: of four columns, the two that decide are kept."""
    data, trained = decided()
    assert [factor.name for factor in model_of(trained).factors.factors] == ["context DEVICE", "user GENDER"]
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    idle = situations()
    known, untold = (
        train(recipe, each, TrainingRun({}, 1)) for each in (idle, replace(idle, context=None, profiles=None))
    )
    assert not isinstance(known.model, ContextualModel)
    assert (known.metrics, saved(known.model)) == (untold.metrics, saved(untold.model))
    without = train(recipe, replace(data, context=None, profiles=None), TrainingRun({}, 1))
    assert trained.metrics[MRR] > without.metrics[MRR]


def test_r72d_rt42_new_users_get_what_their_segment_likes() -> None:
    """Without events, by profile; without a profile, by circumstances; without either, what is popular."""
    data, trained = decided()
    model = model_of(trained)
    assert data.profiles is not None
    women = np.arange(len(data.catalog)) < len(data.catalog) // 2
    phones = np.arange(len(data.catalog)) % 2 == 0
    codes = data.profiles.features.categories[0].members.indices
    woman, man = (replace(NOBODY, user_id=data.profiles.ids[int(np.argmax(codes == code))]) for code in (0, 1))
    assert share(model, woman, women) > share(model, NOBODY, women) > share(model, man, women)
    on_phone, on_desktop = (replace(NOBODY, context={"DEVICE": device}) for device in ("phone", "desktop"))
    assert share(model, on_phone, phones) > share(model, NOBODY, phones) > share(model, on_desktop, phones)
    both = replace(on_phone, user_id=woman.user_id)
    assert share(model, both, women & phones) > share(model, woman, women & phones)
    assert share(model, both, women & phones) > share(model, on_phone, women & phones)


def test_what_nobody_was_seen_in_changes_nothing() -> None:
    """RT-60: unknown values, columns and users."""
    _, trained = decided()
    model = model_of(trained)
    plain = model.scores(NOBODY)
    for context in ({"DEVICE": "toaster"}, {"DEVICE": ""}, {"COLOUR": "red"}, {"HOUR": "7"}):
        assert np.array_equal(model.scores(replace(NOBODY, context=context, user_id="stranger")), plain)


def test_contextual_scores_are_base_scores_plus_weighted_lifts() -> None:
    """One by one and all at once."""
    data, trained = decided()
    model = model_of(trained)
    own = slice(int(data.offsets[3]), int(data.offsets[4]))
    histories = [
        replace(NOBODY, user_id="u0004", context={"DEVICE": "phone|desktop"}),
        History(data.items[own], data.timestamps[own], "u0003", {"DEVICE": "phone"}),
        NOBODY,
    ]
    many = model.scores_many(histories)
    device, gender = model.factors.factors
    assert gender.members is not None
    genders = gender.members.toarray()
    for history, row in zip(histories, many, strict=True):
        fade = 1 / (1 + len(history.items) / 10)
        slow = model.base.scores(history).astype(float)
        places = device.levels.of_text(history.context.get("DEVICE", ""))
        if places:
            slow += (model.weights[0] @ [1, fade]) * device.lifts[places].mean(axis=0)
        if history.user_id:
            slow += (model.weights[1] @ [1, fade]) * genders[int(history.user_id[1:])] @ gender.lifts
        assert np.allclose(row, slow, atol=1e-4)
        assert np.allclose(row, model.scores(history), atol=1e-4)


def test_the_same_seed_gives_the_same_bytes() -> None:
    """And a saved model answers as before."""
    data, trained = decided()
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    again = train(recipe, situations(device=1.5, gender=1.5), TrainingRun({}, 1))
    assert (again.metrics, saved(again.model)) == (trained.metrics, saved(trained.model))
    loaded = load_model(BytesIO(saved(trained.model)))
    history = replace(NOBODY, user_id=data.user_ids[0], context={"DEVICE": "phone"})
    assert np.array_equal(loaded.scores(history), trained.model.scores(history))


def test_m11_held_out_users_are_queried_in_the_context_of_their_next_interaction() -> None:
    """Of the first interaction that is held out; several events of one interaction are one."""
    rows = [(f"u{user}", f"i{time}", time) for user in range(20) for time in (*range(12), 11)]
    devices = column("DEVICE", np.array([time % 3 for _, _, time in rows]), ("a", "b", "c"))
    hours = Numbers("HOUR", np.array([float(time) if time % 2 else np.nan for _, _, time in rows]))
    data = replace(training_data(rows), context=Features(len(rows), (devices,), (hours,)))
    users = split_users(data, 1).test_users
    assert users
    for user in users:
        assert len(user.history.items) == 11
        assert user.history.user_id in data.user_ids
        assert user.history.context == {"DEVICE": "c", "HOUR": "11.0"}


def test_validation_queries_are_histories_and_the_next_item() -> None:
    data = situations(users=30, interactions=6)
    histories, targets = validation_queries(data, np.array([3, 4]), np.random.default_rng(0))
    assert len(histories) == len(targets) == 22
    as_known = 0
    for history, target in zip(histories, targets.tolist(), strict=True):
        rows = data.interactions.of_user(int(history.user_id[1:]))
        items = data.interactions.items[rows].tolist()
        contexts = [data.context_of(row) for row in range(rows.start, rows.stop)]
        as_known += len(history.items) > 0
        known = len(history.items)
        assert history.items.tolist() == items[:known]
        assert (target, history.context) in (
            [(items[known], contexts[known])] if known else zip(items, contexts, strict=True)
        )
    assert as_known == 5 + 5
    candidates = np.unique(targets)[:2]
    recipe = recipe_named("aws-popularity-count")
    assert recipe is not None
    examples = examples_of(recipe.fit(data, TrainingRun({})), fit_factors(data), histories, targets, candidates)
    assert len(examples) == np.isin(targets, candidates).sum()
    assert examples[0].features.shape == (2, 1 + 2 * 4)


def test_only_personal_recipes_with_something_to_look_at() -> None:
    data = situations(users=30)
    for name in ("aws-user-personalization-v2", "aws-personalized-ranking", "aws-sims", "aws-popularity-count"):
        recipe = recipe_named(name)
        assert recipe is not None
        personal = recipe.kind in (Kind.PERSONALIZED, Kind.RANKING)
        assert isinstance(with_context(recipe, data), ContextualRecipe) == personal
        assert with_context(recipe, replace(data, context=None, profiles=None)) is recipe
        assert with_context(recipe, replace(data, context=Features(300), profiles=Profiles((), Features(0)))) is recipe


@pytest.mark.parametrize("users", [1, 2, 5])
def test_hardly_any_users(users: int) -> None:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    model = train(recipe, situations(users=users, device=2.0), TrainingRun({}, 1)).model
    assert np.isfinite(model.scores(replace(NOBODY, user_id="u0000", context={"DEVICE": "phone"}))).all()


def test_infinite_numbers_belong_to_the_last_level() -> None:
    numbers = Numbers("PRICE", np.array([*range(60), np.inf, np.inf, -np.inf, np.nan], np.float64))
    levels = levels_of_column(numbers, 100)
    assert levels.edges is not None
    assert np.isfinite(levels.edges).all()
    members = levels.of_column(numbers).toarray()
    assert members[60:].argmax(axis=1).tolist()[:3] == [levels.count - 1, levels.count - 1, 0]
    assert not members[63].any()
