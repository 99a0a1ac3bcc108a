"""Looking for the hyperparameters a recipe does best with (T-30, T-34, T-35).

Candidates are drawn evenly from the ranges. All are tried on few of the users, the better third on three times as
many, and so on, until all users are trained on; what counts is the gain among the first 25 for users held back from
those that the recipe's own metrics leave for training, so that these metrics stay honest. What the models of all
candidates have in common is fitted once a round, where the recipe can tell (`Recipe.fit_for_many`). Seeded: the same
search of the same data finds the same values, however many candidates are tried at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import Hyperparameters, Model, Progress, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.split import Split, hash_draws, rows_of_users, split_users
from personalize_emu.recipes.training.blas_threads import one_blas_thread
from personalize_emu.recipes.training.training import Trained, evaluated_on, measure, train, wrapped

METRIC = "normalized_discounted_cumulative_gain_at_25"
"""What is made as great as possible (T-35)."""
HALVING = 3
FEWEST_USERS = 60
"""Trained on for the first trial of all candidates, where there are as many."""
MOST_USERS = 20_000
"""Trained on for the last trial."""
MOST_ASKED = 500
"""Users held back to compare candidates."""
SEARCHING = 0.8
"""Share of the progress that is given to the search."""
SHARING = 0.7
"""Share of a round's progress that is given to what its trials have in common."""

Values = tuple[str, ...]


@dataclass(frozen=True)
class Axis:
    """A hyperparameter to be searched: either one of `values`, or a number from low to high, whole if it must be.

    usual: the value it has without a search, tried first.
    """

    name: str
    usual: str
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    values: Values = ()

    def at(self, place: float) -> str:
        """The value at a place from 0 to 1."""
        if self.values:
            return self.values[min(int(place * len(self.values)), len(self.values) - 1)]
        if self.whole:
            low, high = int(self.low), int(self.high)
            return str(min(low + int(place * (high - low + 1)), high))
        return str(round(self.low + place * (self.high - self.low), 4))

    def nearest(self) -> str:
        """The usual value, or what the range has nearest to it."""
        if self.values:
            return self.usual if self.usual in self.values else self.values[0]
        value = min(max(float(self.usual), self.low), self.high)
        return str(int(value)) if self.whole else str(value)


@dataclass(frozen=True)
class Search:
    """jobs: candidates that are tried. parallel: at the same time."""

    axes: tuple[Axis, ...]
    jobs: int
    parallel: int = 1


@dataclass(frozen=True)
class Trials:
    """The trials of one round. users: how many each is trained on. jobs: numbers of the candidates. values: of each, by
    name of the hyperparameter.
    """

    users: int
    jobs: tuple[int, ...]
    values: tuple[Hyperparameters, ...]

    def part(self, number: int, parts: int) -> Trials:
        """Every so many of them, from that number on."""
        return Trials(self.users, self.jobs[number::parts], self.values[number::parts])


Scores = NDArray[np.float64]
ScoreTrials = Callable[[Trials, Progress], Scores]
"""float64[trials], of any trials of a search."""


@dataclass(frozen=True, eq=False)
class _Trial:
    """What candidates are compared by. recipe: wrapped. shared: see `Recipe.fit_for_many`."""

    recipe: Recipe
    split: Split
    run: TrainingRun
    shared: Callable[[Hyperparameters], Model] | None

    def score(self, values: Hyperparameters, progress: Progress) -> float:
        run = replace(self.run, hyperparameters={**self.run.hyperparameters, **values}, progress=progress)
        shared = self.shared
        model = self.recipe.fit(self.split.training, run) if shared is None else shared(run.hyperparameters)
        return measure(self.recipe.kind, model, self.split, progress)[METRIC]


def train_tuned(recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search | None) -> Trained:
    """`train`, after a search for better values than those of `run`; None: without any search."""
    return trained_with_best(recipe, data, run, search, None, train) if search else train(recipe, data, run)


def trained_with_best(
    recipe: Recipe,
    data: TrainingData,
    run: TrainingRun,
    search: Search,
    score: ScoreTrials | None,
    fit: Callable[[Recipe, TrainingData, TrainingRun], Trained],
) -> Trained:
    """What `fit` makes of the best values. score: see `best_values`."""
    found = best_values(recipe, data, run.within(0.0, SEARCHING), search, score)
    tuned = replace(run.within(SEARCHING, 1.0), hyperparameters={**run.hyperparameters, **found})
    return replace(fit(recipe, data, tuned), tuned=found)


def best_values(
    recipe: Recipe, data: TrainingData, run: TrainingRun, search: Search, score: ScoreTrials | None = None
) -> Mapping[str, str]:
    """A value for every axis: the usual one where it changes nothing; of equally good candidates the first.

    score: does the trials, as `trial_scores` would; None: in threads of this process.
    """
    idle = recipe.without_effect(data, run)
    usual = {axis.name: axis.nearest() for axis in search.axes if axis.name in idle}
    candidates = [
        tuple(usual.get(axis.name, value) for axis, value in zip(search.axes, candidate, strict=True))
        for candidate in drawn(search.axes, search.jobs, run.seed)
    ]
    # What changes nothing needs no trial: of equal candidates, the first stands for all.
    named = [_named(search.axes, candidate) for candidate in dict.fromkeys(candidates)]
    return named[_best_job(recipe, data, run, search, named, score) if len(named) > 1 else 0]


def _named(axes: Sequence[Axis], candidate: Values) -> Hyperparameters:
    return {axis.name: value for axis, value in zip(axes, candidate, strict=True)}


def drawn(axes: Sequence[Axis], jobs: int, seed: int) -> list[Values]:
    """At most `jobs` different candidates, the usual values first, the others spread evenly over the ranges."""
    from scipy.stats import qmc  # Takes a third of a second to import.

    found = [tuple(axis.nearest() for axis in axes)]
    sequence = qmc.Halton(len(axes), scramble=True, seed=seed)
    # A small space may be used up: so many misses in a row, and nothing is left to find.
    for places in sequence.random(50 * jobs):
        if len(found) == jobs:
            break
        candidate = tuple(axis.at(place) for axis, place in zip(axes, places.tolist(), strict=True))
        if candidate not in found:
            found.append(candidate)
    return found


def _best_job(
    recipe: Recipe,
    data: TrainingData,
    run: TrainingRun,
    search: Search,
    candidates: Sequence[Hyperparameters],
    score: ScoreTrials | None,
) -> int:
    whole, left, done = validation_split(data, run.seed), list(range(len(candidates))), 0
    rounds = rounds_of(len(left), len(whole.training.user_ids))
    work = sum(users * trials for users, trials in rounds)
    ranked = left
    for users, count in rounds:
        part = run.within(done / work, (done + users * count) / work)
        trials = Trials(users, tuple(left), tuple(candidates[job] for job in left))
        scores = score(trials, part.progress) if score else _scores(recipe, whole, part, trials, search.parallel)
        # A stable sort in the order of jobs: of equal candidates the one of the lower job (T-35).
        ranked = [left[place] for place in np.argsort(-scores, kind="stable")]
        left = sorted(ranked[: max(1, len(left) // HALVING)])
        done += users * count
    return ranked[0]


def trial_scores(recipe: Recipe, data: TrainingData, run: TrainingRun, trials: Trials) -> Scores:
    """float64[trials]: the same wherever they are done, and whichever others are done beside them."""
    return _scores(recipe, validation_split(data, run.seed), run, trials, 1)


def _scores(recipe: Recipe, whole: Split, run: TrainingRun, trials: Trials, parallel: int) -> Scores:
    split = replace(whole, training=_some_users(whole.training, trials.users, run.seed))
    trial = _trial(recipe, split, run)
    rest = run if trial.shared is None else run.within(SHARING, 1.0)
    return _scores_of(trial, trials, parallel, rest.progress)


def _trial(recipe: Recipe, split: Split, run: TrainingRun) -> _Trial:
    recipe = wrapped(recipe, split.training)
    with one_blas_thread():
        shared = recipe.fit_for_many(split.training, run.within(0.0, SHARING))
    return _Trial(recipe, split, run, shared)


def rounds_of(candidates: int, users: int) -> list[tuple[int, int]]:
    """How many users and how many candidates each round has: a third of the candidates, three times the users.

    The last round has all users, or MOST_USERS; where there are few users, it is the only one.
    """
    sizes, most = [(min(users, MOST_USERS), 0)], candidates
    while sizes[-1][0] // HALVING >= FEWEST_USERS and most >= HALVING:
        sizes.append((sizes[-1][0] // HALVING, 0))
        most //= HALVING
    left, rounds = candidates, []
    for size, _ in reversed(sizes):
        rounds.append((size, left))
        left = max(1, left // HALVING)
    return rounds


def validation_split(data: TrainingData, seed: int) -> Split:
    """Users to choose by, none of whom are those that the metrics are measured on."""
    split = split_users(split_users(data, seed).training, seed + 1)
    return replace(split, test_users=split.test_users[:MOST_ASKED])


def validation_metrics(recipe: Recipe, data: TrainingData, run: TrainingRun) -> Mapping[str, float]:
    """What recipes are compared by: metrics on the validation users, of a model without a recurrent network."""
    with one_blas_thread():
        return evaluated_on(recipe, validation_split(data, run.seed), replace(run, sequential_from=0))[1]


def _some_users(data: TrainingData, users: int, seed: int) -> TrainingData:
    if users >= len(data.user_ids):
        return data
    draws = hash_draws(data.user_ids, seed + 2)
    kept: NDArray[np.bool_] = draws < np.partition(draws, users)[users]
    return rows_of_users(data, kept)


def _scores_of(trial: _Trial, trials: Trials, parallel: int, progress: Progress) -> Scores:
    """float64[trials]. What `progress` raises ends them all."""
    ended: list[int] = []

    def score(job: int, values: Hyperparameters) -> float:
        def report(stage: str, share: float) -> None:
            del share
            progress(f"tuning, job {job + 1}: {stage}", len(ended) / len(trials.jobs))

        found = trial.score(values, report)
        ended.append(job)
        return found

    threads = max(1, min(parallel, len(trials.jobs), os.cpu_count() or 1))
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(score, job, values) for job, values in zip(trials.jobs, trials.values, strict=True)]
        try:
            return np.array([future.result() for future in futures])
        finally:
            pool.shutdown(cancel_futures=True)
