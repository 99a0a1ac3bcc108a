"""The search for hyperparameters (T-30, T-34, T-35): candidates, rounds, ties, and planted optima."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import (
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
    TrainingRun,
)
from personalize_emu.recipes.contract.split import split_users
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.sims import sims
from personalize_emu.recipes.training.training import no_progress, train
from personalize_emu.recipes.training.training_place import TrainingPlace
from personalize_emu.recipes.training.training_process import TrainingProcesses
from personalize_emu.recipes.training.tuning import (
    FEWEST_USERS,
    METRIC,
    MOST_USERS,
    Axis,
    Search,
    best_values,
    drawn,
    rounds_of,
    train_tuned,
    validation_split,
)
from tests.recipes.made_data import chains, checkerboard, history, random_data

DATA = chains(users=60)
FACTOR = Axis("factor", "0.1", 0.0, 1.0)
IDLE = Axis("idle", "5", 1, 9, whole=True)


@dataclass(frozen=True, eq=False)
class Walk(Model):
    """Knows what comes next, and puts `misses` others before it."""

    catalog: tuple[str, ...]
    misses: int
    has_scores = False

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return np.ones(len(self.catalog), np.bool_)

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        table = np.tile(-np.arange(len(self.catalog), dtype=np.float32) - 100, (len(histories), 1))
        for scores, past in zip(table, histories, strict=True):
            last = int(past.items[-1]) if len(past.items) else 0
            scores[(last + np.arange(2, 2 + self.misses)) % len(scores)] = 2
            scores[(last + 1) % len(scores)] = 1
        return table


@dataclass
class Planted(Recipe):
    """Does best with a factor of 0.7, and notes who asks."""

    watch: Callable[[], None] = lambda: None
    users: list[int] = field(default_factory=list)
    name = "planted"
    kind = Kind.PERSONALIZED

    def fit(self, data: TrainingData, run: TrainingRun) -> Walk:
        run.progress("walking", 0.5)
        self.users.append(len(data.user_ids))
        self.watch()
        return Walk(data.catalog, int(20 * abs(float(run.hyperparameters.get("factor", "0")) - 0.7)))

    def without_effect(self, data: TrainingData, run: TrainingRun) -> frozenset[str]:
        return frozenset({"idle"})


@dataclass
class Sharing(Planted):
    """As Planted, but one fit of some users serves every factor."""

    def fit_for_many(self, data: TrainingData, run: TrainingRun) -> Callable[[Hyperparameters], Model]:
        self.fit(data, run)
        return lambda values: Walk(data.catalog, int(20 * abs(float(values["factor"]) - 0.7)))


def found(recipe: Recipe, search: Search, progress: Progress = no_progress, seed: int = 0) -> dict[str, str]:
    return dict(best_values(recipe, DATA, TrainingRun({}, seed, progress), search))


# --- candidates -----------------------------------------------------------------------------------------------------


@given(st.floats(0, 1, exclude_max=True), st.integers(-50, 50), st.integers(0, 60), st.booleans())
def test_values_lie_in_their_range(place: float, low: int, width: int, whole: bool) -> None:
    axis = Axis("x", "3", low, low + width, whole=whole)
    assert low <= float(axis.at(place)) <= low + width
    assert low <= float(axis.nearest()) <= low + width
    if whole:
        assert str(int(axis.at(place))) == axis.at(place)


def test_every_value_of_a_range_can_be_drawn() -> None:
    assert {Axis("x", "3", 2, 5, whole=True).at(place / 100) for place in range(100)} == {"2", "3", "4", "5"}
    assert {Axis("x", "b", values=("a", "b")).at(place / 10) for place in range(11)} == {"a", "b"}
    assert Axis("x", "c", values=("a", "b")).nearest() == "a"


def test_the_usual_values_come_first() -> None:
    assert drawn((FACTOR, IDLE), 1, 0) == [("0.1", "5")]
    assert drawn((Axis("factor", "0.1", 0.4, 0.6),), 1, 0) == [("0.4",)]


@given(st.integers(1, 40), st.integers(0, 1000))
def test_candidates_differ_and_more_of_them_change_none(jobs: int, seed: int) -> None:
    axes = (FACTOR, IDLE, Axis("flag", "true", values=("true", "false")))
    candidates = drawn(axes, jobs, seed)
    assert len(set(candidates)) == len(candidates) == jobs
    assert drawn(axes, jobs + 3, seed)[:jobs] == candidates


def test_a_small_space_is_used_up() -> None:
    axes = (Axis("n", "3", 2, 4, whole=True), Axis("flag", "true", values=("true", "false")))
    assert len(drawn(axes, 40, 0)) == 6


def test_candidates_fill_their_ranges_evenly() -> None:
    values = sorted(float(candidate[0]) for candidate in drawn((Axis("x", "0", 0, 1),), 33, 5))
    assert max(np.diff(values)) < 0.12


# --- rounds ---------------------------------------------------------------------------------------------------------


def test_few_users_are_all_asked_at_once() -> None:
    assert rounds_of(40, 179) == [(179, 40)]
    assert rounds_of(1, 10**6) == [(MOST_USERS, 1)]


def test_more_users_for_fewer_candidates() -> None:
    """The last round has all users; the first no fewer than FEWEST_USERS."""
    assert rounds_of(40, 9 * FEWEST_USERS) == [(60, 40), (180, 13), (540, 4)]
    assert rounds_of(4, 10 * MOST_USERS) == [(MOST_USERS // 3, 4), (MOST_USERS, 1)]


@given(st.integers(1, 40), st.integers(1, 10**6))
def test_rounds_grow(candidates: int, users: int) -> None:
    rounds = rounds_of(candidates, users)
    sizes, left = zip(*rounds, strict=True)
    assert list(sizes) == sorted(sizes)
    assert sizes[-1] == min(users, MOST_USERS)
    assert left[0] == candidates
    assert min(left) >= 1
    assert sum(size * asked for size, asked in rounds) <= (len(rounds) + 1) * candidates * sizes[0] * 3


def test_nobody_is_chosen_by_who_is_measured() -> None:
    """T-35, M-11: the metrics of a tuned version stay those of users nothing was fitted to."""
    measured = {user.history.user_id for user in split_users(DATA, 0).test_users}
    split = validation_split(DATA, 0)
    chosen_by = {user.history.user_id for user in split.test_users}
    assert chosen_by
    assert not measured & (chosen_by | set(split.training.user_ids))
    assert not chosen_by & set(split.training.user_ids)


# --- the search -----------------------------------------------------------------------------------------------------


def test_a_planted_optimum_is_found() -> None:
    """T-35."""
    assert abs(float(found(Planted(), Search((FACTOR,), 40))["factor"]) - 0.7) < 0.05


def test_one_fit_a_round_serves_all_trials_where_the_recipe_can() -> None:
    """T-35: the same values are found as where each trial fits."""
    data, search = chains(users=300, interactions=3), Search((FACTOR,), 20, parallel=4)
    sharing, alone = Sharing(), Planted()
    values = best_values(sharing, data, TrainingRun({}), search)
    assert values == best_values(alone, data, TrainingRun({}), search)
    assert len(sharing.users) == 2
    assert len(alone.users) == 20 + 6


def test_sims_fits_once_for_all_its_tunable_values() -> None:
    """R-69, R-69a: the model of given values is what a fit with them makes of the same judgement of the opinions."""
    data, recipe = random_data(users=60, items=40, rows=1500, seed=3), sims()
    model_of = recipe.fit_for_many(data, TrainingRun({}))
    usual = recipe.fit(data, TrainingRun({}))
    chosen = {"popularity_discount_factor": "0.9", "min_cointeraction_count": "9"}
    for values in ({}, chosen):
        fitted = recipe.fit(data, TrainingRun(values))
        for item in ("i00000", "i00007"):
            asked = history(data, item)
            assert np.array_equal(model_of(values).scores(asked), fitted.scores(asked))
    assert not np.array_equal(model_of(chosen).scores(asked), usual.scores(asked))


def test_more_jobs_are_no_worse() -> None:
    def gain(jobs: int) -> float:
        tuned = found(Planted(), Search((FACTOR,), jobs))
        return train(Planted(), DATA, TrainingRun(tuned)).metrics[METRIC]

    assert gain(1) < gain(40)
    assert gain(40) == 1.0


def test_how_many_at_once_changes_nothing_but_the_time() -> None:
    """T-31, T-35."""
    alone = found(Planted(), Search((FACTOR, IDLE), 12, parallel=1))
    assert found(Planted(), Search((FACTOR, IDLE), 12, parallel=8)) == alone
    assert found(Planted(), Search((FACTOR, IDLE), 12), seed=1) != alone


@pytest.mark.parametrize("parallel", [1, 2])
def test_no_more_at_once_than_allowed(parallel: int) -> None:
    """T-31."""
    running, lock, most = [0], threading.Lock(), [0]
    access_check = threading.Event()

    def watch() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        access_check.wait(0.01)
        with lock:
            running[0] -= 1

    found(Planted(watch=watch), Search((FACTOR,), 8, parallel))
    assert 1 <= most[0] <= parallel


def test_of_equal_candidates_the_first() -> None:
    """T-35: nothing is better than the usual value here."""
    near = Axis("factor", "0.71", 0.69, 0.73)
    assert found(Planted(), Search((near,), 10)) == {"factor": "0.71"}


def test_what_changes_nothing_is_not_tried() -> None:
    recipe = Planted()
    assert found(recipe, Search((IDLE,), 40)) == {"idle": "5"}
    assert recipe.users == []
    similar = recipe_named("aws-similar-items")
    personal = recipe_named("aws-user-personalization")
    assert similar is not None
    assert personal is not None
    assert similar.without_effect(DATA, TrainingRun({})) == {"item_id_hidden_dim", "item_metadata_hidden_dim"}
    assert personal.without_effect(DATA, TrainingRun({})) == {"hidden_dimension"}
    assert personal.without_effect(DATA, TrainingRun({}, sequential_from=1)) == frozenset()


@pytest.mark.parametrize("seed", range(3))
def test_what_changes_nothing_keeps_its_usual_value(seed: int) -> None:
    """T-34: whichever candidate is the best; in a range without it, the nearest."""
    search = Search((IDLE, FACTOR), 20)
    best = found(Planted(), search, seed=seed)
    assert best["idle"] == "5"
    assert best["factor"] != FACTOR.usual
    narrow = Search((Axis("idle", "5", 7, 9, whole=True), FACTOR), 20)
    assert found(Planted(), narrow, seed=seed) == {**best, "idle": "7"}


def test_a_width_without_a_network_stays_the_default() -> None:
    """R-57, T-34: while other parameters are searched for in the same candidates."""
    personal = recipe_named("aws-user-personalization")
    assert personal is not None
    axes = (
        Axis("hidden_dimension", "149", 32, 256, whole=True),
        Axis("bptt", "2", 2, 32, whole=True),
        Axis("recency_mask", "true", values=("true", "false")),
    )
    data = checkerboard(users=80, items=40, interactions=12)
    best = [best_values(personal, data, TrainingRun({}, seed), Search(axes, 6)) for seed in range(2)]
    assert {values["hidden_dimension"] for values in best} == {"149"}


def test_first_rounds_are_of_few_users() -> None:
    recipe, data = Planted(), chains(users=300, interactions=3)
    best_values(recipe, data, TrainingRun({}), Search((FACTOR,), 9))
    small, large = recipe.users[:9], recipe.users[9:]
    assert len(set(small)) == len(set(large)) == 1
    assert small[0] == large[0] // 3
    assert len(large) == 3


def test_the_best_candidates_of_a_round_go_on() -> None:
    """T-35: the planted optimum is found, although few candidates are left when all users are there."""
    values = best_values(Planted(), chains(users=600, interactions=3), TrainingRun({}), Search((FACTOR,), 40))
    assert abs(float(values["factor"]) - 0.7) < 0.05


def test_progress_grows_and_names_the_job() -> None:
    reported: list[tuple[str, float]] = []
    search = Search((FACTOR,), 5, parallel=3)
    train_tuned(Planted(), DATA, TrainingRun({}, 0, lambda stage, share: reported.append((stage, share))), search)
    shares = [share for _, share in reported]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    for job in range(1, 6):
        assert f"tuning, job {job}: walking" in [stage for stage, _ in reported]


class Enough(Exception):
    """Somebody stops the search."""


def test_a_search_can_be_stopped() -> None:
    """R-SV-12: at the next stage of any job."""
    recipe = Planted()

    def stop(stage: str, share: float) -> None:
        if len(recipe.users) >= 2:
            raise Enough(stage)

    with pytest.raises(Enough):
        found(recipe, Search((FACTOR,), 40), stop)
    assert len(recipe.users) < 10


def test_a_search_in_a_process_finds_the_same() -> None:
    recipe = recipe_named("aws-sims")
    assert recipe is not None
    search = Search((Axis("popularity_discount_factor", "0.5", 0, 1),), 3)
    here = train_tuned(recipe, DATA, TrainingRun({}), search)
    there = TrainingPlace(TrainingProcesses()).train_apart(recipe, DATA, TrainingRun({}), search)
    assert there.tuned == here.tuned
    assert there.metrics == here.metrics


def test_a_tuned_recipe_is_trained_with_what_was_found() -> None:
    """T-34: and without a search nothing is."""
    search = Search((FACTOR,), 10)
    trained = train_tuned(Planted(), DATA, TrainingRun({}), search)
    assert trained.tuned == found(Planted(), search)
    assert trained.metrics == train(Planted(), DATA, TrainingRun(trained.tuned)).metrics
    assert train_tuned(Planted(), DATA, TrainingRun({}), None).tuned == {}
