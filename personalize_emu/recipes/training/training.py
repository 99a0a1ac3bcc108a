"""Train a recipe as the service does: evaluate on held-back users, then fit on everybody (M-11, M-14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.context.contextual import with_context
from personalize_emu.recipes.contract.base import (
    HeldOut,
    History,
    Kind,
    Model,
    NotEnoughData,
    Progress,
    Recipe,
    TrainingData,
    TrainingRun,
    no_progress,
)
from personalize_emu.recipes.contract.metrics import LIST_LENGTH, evaluate, rounded
from personalize_emu.recipes.contract.split import Split, split_users
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.training.blas_threads import one_blas_thread
from personalize_emu.recipes.wrappers.objective import METRIC, MOST_RECOMMENDED, ObjectiveRecipe, average_rewards
from personalize_emu.recipes.wrappers.repeats import repeat_share

MINIMUM_INTERACTIONS = 1000
MINIMUM_USERS = 25
MINIMUM_USER_SHARE = 0.01
RARE_REPEATS = 0.01
"""Below this share of interactions that return to an item, evaluation takes it that items do not come back."""
_MEASURED_BY_THEMSELVES = frozenset({Kind.SEGMENTS, Kind.ACTIONS})
"""Their answers are not lists of items for users."""
FITTING = 0.9
"""Share of an evaluation's progress that is given to fitting its model."""
TEST_BATCH = 256
"""Test users scored at once: bounds the score table at 256 rows."""


@dataclass(frozen=True)
class Trained:
    """A model of all the data, and the metrics of the same recipe on users it had not seen."""

    model: Model
    metrics: Mapping[str, float]
    tuned: Mapping[str, str] = field(default_factory=dict)
    """Values of hyperparameters that were searched for, by name."""


def check_enough(
    data: TrainingData,
    *,
    event_type: str | None = None,
    minimum_interactions: int = MINIMUM_INTERACTIONS,
    minimum_users: int = MINIMUM_USERS,
) -> None:
    """Raise NotEnoughData with the service's text when a minimum is missed (R-40, T-80 to T-83).

    event_type: the one event type trained on, named in the text. Recipes without a minimum of users pass
    `minimum_users=0`.
    """
    if len(data.items) < minimum_interactions:
        after = "" if event_type is None else f" after filtering by event type: {event_type}"
        raise NotEnoughData(f"Dataset has fewer than {minimum_interactions} interactions{after}")
    active = int((np.diff(data.offsets) >= 2).sum())
    if active < minimum_users or (minimum_users and active < MINIMUM_USER_SHARE * len(data.user_ids)):
        raise NotEnoughData(f"Dataset has fewer than {MINIMUM_USERS} users with at least 2 interactions each.")


def train(recipe: Recipe, data: TrainingData, run: TrainingRun) -> Trained:
    """Evaluate on a tenth of the users, fitted on the others, then fit on all; the seed decides all chance."""
    recipe.check(data, run)
    with one_blas_thread():
        if recipe.kind in _MEASURED_BY_THEMSELVES:
            metrics = rounded(recipe.own_metrics(data, _stage(run, 0.0)))
            return Trained(recipe.fit(data, _stage(run, 0.5)), metrics)
        recipe = wrapped(recipe, data)
        split, evaluated, metrics = _evaluated(recipe, data, _stage(run, 0.0))
        model = recipe.fit_after_evaluation(evaluated, split.test_users, data, _stage(run, 0.5))
    run.progress("trained", 1.0)
    return Trained(model, metrics)


def metrics_of(recipe: Recipe, data: TrainingData, run: TrainingRun) -> Mapping[str, float]:
    """What `train` would measure, without the model of all the data (T-73)."""
    with one_blas_thread():
        return _evaluated(wrapped(recipe, data), data, run)[2]


def wrapped(recipe: Recipe, data: TrainingData) -> Recipe:
    """The recipe with the wrappers that the data ask for: context and user metadata, an objective."""
    recipe = with_context(recipe, data)
    return recipe if data.objective is None else ObjectiveRecipe(recipe)


def _evaluated(
    recipe: Recipe, data: TrainingData, run: TrainingRun
) -> tuple[Split, Model, dict[str, float]]:
    """The split, the model of the training users, and its metrics on the test users."""
    split = split_users(data, run.seed)
    model = recipe.fit(split.training, run.within(0.0, FITTING))
    rest = run.within(FITTING, 1.0)
    measured = measure(recipe.kind, model, split, rest.progress) | recipe.own_metrics(data, rest)
    return split, model, rounded(measured)


def evaluated_on(recipe: Recipe, split: Split, run: TrainingRun) -> tuple[Model, dict[str, float]]:
    """A model of the training users of `split`, and its metrics on the test users."""
    model = wrapped(recipe, split.training).fit(split.training, run)
    return model, measure(recipe.kind, model, split)


def measure(kind: Kind, model: Model, split: Split, progress: Progress = no_progress) -> dict[str, float]:
    """Metrics of `model` on the test users of `split` (M-20 to M-28).

    Related items are queried with the newest input item of each test user (M-26). How the service evaluates
    them is not documented. Where the training data say that users hardly ever come back to an item, a list
    that repeats what the user had measures nothing, so those items are left out of it; where users do come
    back, they stay.
    """
    objective = split.training.objective
    length = LIST_LENGTH if objective is None else MOST_RECOMMENDED
    lists: list[NDArray[np.int32]] = []
    only_new = kind is Kind.RELATED and repeat_share(split.training.interactions) < RARE_REPEATS
    for start in range(0, len(split.test_users), TEST_BATCH):
        progress("measuring", start / len(split.test_users))
        batch = split.test_users[start : start + TEST_BATCH]
        lists.extend(_lists(kind, model, batch, length, only_new=only_new))
    truths = [user.truth for user in split.test_users]
    metrics = evaluate(
        [ranked[:LIST_LENGTH] for ranked in lists],
        truths,
        len(model.catalog),
        [user.gains for user in split.test_users] if split.training.weights is not None else None,
    )
    return metrics if objective is None else metrics | {METRIC: average_rewards(lists, truths, objective.rewards)}


def _lists(
    kind: Kind, model: Model, users: Sequence[HeldOut], length: int, *, only_new: bool
) -> list[NDArray[np.int32]]:
    histories = [user.history for user in users]
    queries = [_newest(history) for history in histories] if kind is Kind.RELATED else histories
    scores = model.scores_many(queries)
    if only_new:
        for row, history in zip(scores, histories, strict=True):
            row[history.items] = -np.inf
    return [top_k(row, length) for row in scores]


def _newest(history: History) -> History:
    return History(history.items[-1:], history.timestamps[-1:])


def _stage(run: TrainingRun, start: float) -> TrainingRun:
    """Half of the work, from `start` on."""
    prefix = "" if start else "evaluating: "
    return replace(run, progress=lambda stage, share: run.progress(prefix + stage, start + share / 2))
