"""Train a recipe as the service does: evaluate on held-back users, then fit on everybody (M-11, M-14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import (
    HeldOut,
    History,
    Hyperparameters,
    Kind,
    Model,
    NotEnoughData,
    Progress,
    Recipe,
    TrainingData,
)
from personalize_emu.recipes.blas_threads import one_blas_thread
from personalize_emu.recipes.metrics import LIST_LENGTH, evaluate, rounded
from personalize_emu.recipes.models.repeats import return_share
from personalize_emu.recipes.split import Split, split_users
from personalize_emu.recipes.topk import top_k

MINIMUM_INTERACTIONS = 1000
MINIMUM_USERS = 25
MINIMUM_USER_SHARE = 0.01
RARE_RETURNS = 0.01
"""Below this share of visits that return to an item, evaluation takes it that items do not come back."""
TEST_BATCH = 256
"""Test users scored at once: bounds the score table at 256 rows."""


@dataclass(frozen=True)
class Trained:
    """A model of all the data, and the metrics of the same recipe on users it had not seen."""

    model: Model
    metrics: Mapping[str, float]


def no_progress(stage: str, share: float) -> None:
    """For callers that do not watch."""


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


def train(
    recipe: Recipe,
    data: TrainingData,
    hyperparameters: Hyperparameters,
    seed: int,
    progress: Progress = no_progress,
) -> Trained:
    """Evaluate on a tenth of the users, fitted on the others, then fit on all; `seed` decides all chance."""
    with one_blas_thread():
        return _train(recipe, data, hyperparameters, seed, progress)


def _train(
    recipe: Recipe, data: TrainingData, hyperparameters: Hyperparameters, seed: int, progress: Progress
) -> Trained:
    if recipe.kind is Kind.SEGMENTS:
        metrics = rounded(recipe.own_metrics(data, hyperparameters))
        return Trained(recipe.fit(data, hyperparameters, np.random.default_rng(seed), progress), metrics)
    split = split_users(data, seed)
    evaluated = recipe.fit(
        split.training, hyperparameters, np.random.default_rng(seed), _part(progress, "evaluating: ", 0.0)
    )
    metrics = rounded(measure(recipe.kind, evaluated, split) | recipe.own_metrics(data, hyperparameters))
    model = recipe.fit_after_evaluation(
        evaluated,
        split.test_users,
        data,
        hyperparameters,
        np.random.default_rng(seed),
        _part(progress, "", 0.5),
    )
    progress("trained", 1.0)
    return Trained(model, metrics)


def measure(kind: Kind, model: Model, split: Split) -> dict[str, float]:
    """Metrics of `model` on the test users of `split` (M-20 to M-28).

    Related items are asked for the newest input item of each test user (M-26). How the service evaluates
    them is not documented. Where the training data say that users hardly ever come back to an item, a list
    that repeats what the user had measures nothing, so those items are left out of it; where users do come
    back, they stay.
    """
    lists: list[NDArray[np.int32]] = []
    only_new = kind is Kind.RELATED and return_share(split.training.visits) < RARE_RETURNS
    for start in range(0, len(split.test_users), TEST_BATCH):
        batch = split.test_users[start : start + TEST_BATCH]
        lists.extend(_lists(kind, model, batch, only_new=only_new))
    weighted = split.training.weights is not None
    return evaluate(
        lists,
        [user.truth for user in split.test_users],
        len(model.catalog),
        [user.gains for user in split.test_users] if weighted else None,
    )


def _lists(kind: Kind, model: Model, users: Sequence[HeldOut], *, only_new: bool) -> list[NDArray[np.int32]]:
    histories = [user.history for user in users]
    queries = [_newest(history) for history in histories] if kind is Kind.RELATED else histories
    scores = model.scores_many(queries)
    if only_new:
        for row, history in zip(scores, histories, strict=True):
            row[history.items] = -np.inf
    return [top_k(row, LIST_LENGTH) for row in scores]


def _newest(history: History) -> History:
    return History(history.items[-1:], history.timestamps[-1:])


def _part(progress: Progress, prefix: str, start: float) -> Progress:
    return lambda stage, share: progress(prefix + stage, start + share / 2)
