"""Context and traits: lifts and weights against slow, obvious versions, and planted effects that are found (R-21)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from io import BytesIO

import numpy as np
import pytest
import scipy.sparse as sp

from personalize_emu.recipes.context.context_levels import Levels, fit_circumstances, levels_of_column
from personalize_emu.recipes.context.context_weights import (
    Evidence,
    best_weights,
    evidence_of,
    learned_weights,
    likelihood,
    moments_of,
)
from personalize_emu.recipes.context.contextual import Situated, Situating, situating
from personalize_emu.recipes.context.lifts import PRIORS, best_prior, lifts_of, lifts_of_others
from personalize_emu.recipes.contract.base import History, Kind, Model, TrainingData
from personalize_emu.recipes.contract.features import Features, Numbers, Profiles
from personalize_emu.recipes.contract.saving import load_model, saved
from personalize_emu.recipes.contract.split import split_users
from personalize_emu.recipes.popularity_count import PopularityModel
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.scorers.popularity import count_popularity
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
    return data, train(recipe, data, {}, seed=1)


def model_of(trained: Trained) -> Situated:
    assert isinstance(trained.model, Situated)
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
    found = fit_circumstances(data)
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
    met_at_large = sum(map(len, users.values()))
    for factor, met, levels in (
        (found.context[0], by_device, names),
        (found.traits.factors[0], by_age, ["20", "60", "90"]),
    ):
        table = [[len(met[level, item]) for item in "abc"] for level in levels]
        expected = [[sum(row) * len(users[item]) / met_at_large for item in "abc"] for row in table]
        prior = best_prior(np.array(table, float), np.array(expected))[0]
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


def test_lifts_of_the_other_items_of_a_kind_one_by_one() -> None:
    """What an item itself was met does not count, and an item that nobody met has what its kinds have."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(6.0, (2, 5)).astype(float)
    counts[:, 4] = 0
    expected = np.tile(counts.mean(axis=0), (2, 1))
    kinds = np.array([[1, 0], [0.5, 0.5], [0, 1], [0, 0], [0, 1]])
    prior = best_prior(counts @ kinds, expected @ kinds)[0]
    slow = np.zeros((2, 5))
    for level in range(2):
        for item in range(5):
            for kind in range(2):
                others = [other for other in range(5) if other != item]
                met, usual = (sum(kinds[i, kind] * each[level, i] for i in others) for each in (counts, expected))
                slow[level, item] += kinds[item, kind] * math.log((met + prior) / (usual + prior))
    assert np.allclose(lifts_of_others(counts, expected, sp.csr_matrix(kinds)), slow)
    assert not slow[:, 3].any()
    assert slow[:, 4].any()


def test_kinds_of_items_are_looked_at_where_they_say_something_only() -> None:
    """Items met a few times each: by their kind, the lift of those that nobody met is known, too."""
    rng = np.random.default_rng(5)
    kind = np.arange(300) % 2
    met = rng.poisson(np.where(kind == np.array([[0], [1]]), 3.0, 0.6)).astype(float)
    met[:, :10] = 0
    telling = sp.csr_matrix(np.eye(2)[kind])
    idle = sp.csr_matrix(np.eye(6)[rng.integers(6, size=300)])
    plain, known = (lifts_of(met, met.sum(axis=0), kinds).of_items for kinds in ((), (telling,)))
    both = lifts_of(met, met.sum(axis=0), (idle, telling))
    assert np.array_equal(lifts_of(met, met.sum(axis=0), (idle,)).of_items, plain)
    assert [place for place, _ in both.of_kinds] == [1]
    # Of an item that nobody met there are no others to tell apart from itself.
    assert np.allclose(both.of_kinds[0][1][:, kind[:10]], both.of_items[:, :10], atol=1e-6)
    assert not plain[:, :10].any()
    assert (known[0, :10:2] > 0.3).all()
    assert (known[0, 1:10:2] < -0.3).all()
    true = np.log(np.where(kind == np.array([[0], [1]]), 3.0, 0.6) / 1.8)
    assert np.abs(known - true).mean() < 0.7 * np.abs(plain - true).mean()


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
    rare_hours = levels_of_column(Numbers("HOUR", np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], [4, 1, 9, 2, 3])), 100)
    assert rare_hours.edges is not None
    assert rare_hours.edges.tolist() == [2.5, 3.5]
    tags = Levels("TAGS", ("a", "b"), None)
    assert tags.of_text("a|x|b") == [0, 1]
    codes = np.array([0, 1, 1, 2])
    rare = levels_of_column(column("TAGS", codes, ("x", "y", "z")), 2)
    assert rare.values == ("x", "y")
    assert rare.of_column(column("TAGS", codes, ("w", "y", "z"))).toarray().tolist() == [[0, 0], [0, 1], [0, 1], [0, 0]]


def test_likelihood_against_its_definition_and_its_differences() -> None:
    """Value, gradient and curvature."""
    rng = np.random.default_rng(2)
    evidence = Evidence(
        rng.normal(size=(6, 4)).astype(np.float32),
        rng.normal(size=(2, 6, 4)).astype(np.float32),
        rng.random(6),
        rng.integers(4, size=6),
    )
    flat = np.array([0.3, 0.8, 0.1, 0.5])
    value, slope, curve = likelihood(evidence, [0, 1], flat)
    slow = -0.5 * float(flat @ flat)
    for moment in range(6):
        weights = [flat[2 * k] + flat[2 * k + 1] * evidence.fading[moment] for k in range(2)]
        logits = [
            evidence.logits[moment, item]
            + weights[0] * evidence.shifts[0, moment, item]
            + weights[1] * evidence.shifts[1, moment, item]
            for item in range(4)
        ]
        slow += logits[evidence.targets[moment]] - math.log(sum(map(math.exp, logits)))
    assert value == pytest.approx(slow, abs=1e-4)
    step = 1e-2
    for k in range(4):
        up, down = (likelihood(evidence, [0, 1], flat + sign * step * np.eye(4)[k]) for sign in (1, -1))
        assert slope[k] == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-2)
        assert np.allclose(curve[k], -(up[1] - down[1]) / (2 * step), atol=1e-2)


def test_weights_are_the_best_ones_and_never_negative() -> None:
    rng = np.random.default_rng(3)
    shifts = rng.normal(size=(3, 400, 6)).astype(np.float32)
    chances = np.exp(1.2 * shifts[0] - 0.9 * shifts[1])
    targets = np.array([rng.choice(6, p=row / row.sum()) for row in chances.astype(float)])
    evidence = Evidence(np.zeros((400, 6), np.float32), shifts, rng.random(400), targets)
    weights = learned_weights(evidence)
    assert weights[0, 0] + weights[0, 1] / 2 == pytest.approx(1.2, abs=0.3)
    assert not weights[1:].any()
    best, reached = best_weights(evidence, [0])
    assert best.tolist() == weights[:1].tolist()
    for change in np.vstack((np.eye(2), -np.eye(2))) * 0.05:
        assert likelihood(evidence, [0], np.maximum(best.ravel() + change, 0))[0] <= reached + 1e-3


def test_what_decides_is_found_and_what_does_not_costs_nothing() -> None:
    """R-21: of four columns, the two that decide are kept."""
    data, trained = decided()
    found = model_of(trained).circumstances
    assert [factor.name for factor in found.context] == ["DEVICE"]
    assert [factor.name for factor in found.traits.factors] == ["GENDER"]
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    idle = situations()
    told, untold = (train(recipe, each, {}, seed=1) for each in (idle, replace(idle, context=None, profiles=None)))
    assert not isinstance(told.model, Situated)
    assert (told.metrics, saved(told.model)) == (untold.metrics, saved(untold.model))
    without = train(recipe, replace(data, context=None, profiles=None), {}, seed=1)
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


def test_situated_scores_are_those_of_the_base_and_the_weighted_lifts() -> None:
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
    device, gender = model.circumstances.factors
    genders = model.circumstances.traits.members[0].toarray()
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


class Newcomers(PopularityModel):
    """Says the same of all items outside its catalog."""

    def scores_with_others(self, histories: Sequence[History], features: Features) -> tuple[np.ndarray, np.ndarray]:
        return self.scores_many(histories), np.full((len(histories), features.count), -5.0, np.float32)


def test_r112_new_items_are_judged_by_their_kinds() -> None:
    """What holds on phones for items of a kind holds for those added since, as far as they are described."""
    data = situations(device=1.5)
    numbers = np.array([int(item[1:]) for item in data.catalog])
    kinds = Features(len(numbers), (column("KIND", numbers % 2, ("even", "odd")),))
    found = fit_circumstances(replace(data, item_features=kinds, profiles=None))
    assert [[levels.name for levels, _ in factor.kinds] for factor in found.context] == [["KIND"], []]
    base = Newcomers(data.catalog, count_popularity(data.visits, len(data.catalog)))
    model = Situated(data.catalog, base, found, np.array([[1.0, 0.5], [0.0, 0.0]]))
    new = Features(3, (column("KIND", np.array([0, 1, -1]), ("even", "odd")),))
    on_phone = replace(NOBODY, context={"DEVICE": "phone"})
    rows, others = model.scores_with_others([on_phone, NOBODY], new)
    assert others is not None
    assert others[0, 0] > others[0, 2] == -5.0 > others[0, 1]
    assert others[1].tolist() == [-5.0] * 3
    assert np.array_equal(rows, model.scores_many([on_phone, NOBODY]))


def test_the_same_seed_gives_the_same_bytes() -> None:
    """And a saved model answers as before."""
    data, trained = decided()
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    again = train(recipe, situations(device=1.5, gender=1.5), {}, seed=1)
    assert (again.metrics, saved(again.model)) == (trained.metrics, saved(trained.model))
    loaded = load_model(BytesIO(saved(trained.model)))
    history = replace(NOBODY, user_id=data.user_ids[0], context={"DEVICE": "phone"})
    assert np.array_equal(loaded.scores(history), trained.model.scores(history))


def test_m11_held_out_users_are_asked_for_in_the_circumstances_of_what_they_did_next() -> None:
    """Of the first visit that is held out; several events of one visit are one."""
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


def test_moments_are_what_was_known_and_what_came_next() -> None:
    data = situations(users=30, visits=6)
    moments = moments_of(data, [3, 4], np.random.default_rng(0))
    assert len(moments.histories) == len(moments.targets) == 22
    told = 0
    for history, target in zip(moments.histories, moments.targets.tolist(), strict=True):
        rows = data.visits.of_user(int(history.user_id[1:]))
        items = data.visits.items[rows].tolist()
        circumstances = [data.circumstances_of_visit(row) for row in range(rows.start, rows.stop)]
        told += len(history.items) > 0
        known = len(history.items)
        assert history.items.tolist() == items[:known]
        assert (target, history.context) in (
            [(items[known], circumstances[known])] if known else zip(items, circumstances, strict=True)
        )
    assert told == 5 + 5
    popular = np.unique(moments.targets)[:1]
    recipe = recipe_named("aws-popularity-count")
    assert recipe is not None
    model = recipe.fit(data, {}, np.random.default_rng(0), lambda stage, done: None)
    evidence = evidence_of(model, fit_circumstances(data), moments, popular)
    assert len(evidence.targets) == (moments.targets == popular[0]).sum()
    assert evidence.shifts.shape == (4, len(evidence.targets), 1)


def test_only_personal_recipes_with_something_to_look_at() -> None:
    data = situations(users=30)
    for name in ("aws-user-personalization-v2", "aws-personalized-ranking", "aws-sims", "aws-popularity-count"):
        recipe = recipe_named(name)
        assert recipe is not None
        personal = recipe.kind in (Kind.PERSONALIZED, Kind.RANKING)
        assert isinstance(situating(recipe, data), Situating) == personal
        assert situating(recipe, replace(data, context=None, profiles=None)) is recipe
        assert situating(recipe, replace(data, context=Features(300), profiles=Profiles((), Features(0)))) is recipe


@pytest.mark.parametrize("users", [1, 2, 5])
def test_hardly_any_users(users: int) -> None:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    model = train(recipe, situations(users=users, device=2.0), {}, seed=1).model
    assert np.isfinite(model.scores(replace(NOBODY, user_id="u0000", context={"DEVICE": "phone"}))).all()


def test_infinite_numbers_belong_to_the_last_level() -> None:
    numbers = Numbers("PRICE", np.array([*range(60), np.inf, np.inf, -np.inf, np.nan], np.float64))
    levels = levels_of_column(numbers, 100)
    assert levels.edges is not None
    assert np.isfinite(levels.edges).all()
    members = levels.of_column(numbers).toarray()
    assert members[60:].argmax(axis=1).tolist()[:3] == [levels.count - 1, levels.count - 1, 0]
    assert not members[63].any()
