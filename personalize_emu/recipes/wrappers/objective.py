"""Optimization objective: scores plus a weighted business metric of items (T-18, T-26, T-27, M-27)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import HeldOut, History, Model, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Features, Objective
from personalize_emu.recipes.numerics.logits import standardised
from personalize_emu.recipes.wrappers.wrapper import WrapperModel, WrapperRecipe

STRENGTHS: Mapping[str, float] = {"OFF": 0.0, "LOW": 0.25, "MEDIUM": 0.5, "HIGH": 1.0}
"""Of the objective beside relevance, by objectiveSensitivity (T-27)."""
METRIC = "average_rewards_at_k"
BEST_REWARDS = 25
MOST_RECOMMENDED = 500
"""Recommendations to one user that the metric looks at: as many as one answer can have (RT-103)."""


@dataclass(frozen=True, eq=False)
class ObjectiveModel(WrapperModel):
    """`base` with the objective added to relevance, both standardised, and scaled back to the spread of relevance.

    So the order is that of z(relevance) + strength * z(reward), and at strength 0 nothing changes at all.
    """

    objective: Objective
    adds = "objective"

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        return self._with_rewards(self.base.scores_many(histories))

    def scores_with_others(
        self, histories: Sequence[History], features: Features
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """The others with the mean reward of items."""
        rows, others = self.base.scores_with_others(histories, features)
        return self._with_rewards(rows), others

    @cached_property
    def _standardised_rewards(self) -> NDArray[np.float32]:
        """float32[items]: standardised rewards."""
        return standardised(self.objective.rewards)

    def _with_rewards(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """rows: float32[histories, items], -inf where an item must not be recommended."""
        if self.objective.strength == 0 or not len(self.catalog):
            return rows
        finite = rows > -np.inf
        count = np.maximum(finite.sum(axis=1, keepdims=True), 1)
        mean = np.where(finite, rows, 0).sum(axis=1, keepdims=True) / count
        spread = np.sqrt((np.where(finite, rows - mean, 0) ** 2).sum(axis=1, keepdims=True) / count)
        joined: NDArray[np.float32] = rows + np.float32(self.objective.strength) * spread * self._standardised_rewards
        return joined.astype(np.float32)


@dataclass(frozen=True)
class ObjectiveRecipe(WrapperRecipe):
    """`recipe`, whose models are given the objective of the data they are trained on."""

    def fit(self, data: TrainingData, run: TrainingRun) -> Model:
        return _with_objective(self.recipe.fit(data, run), data)

    def fit_after_evaluation(
        self, evaluated: Model, test_users: Sequence[HeldOut], data: TrainingData, run: TrainingRun
    ) -> Model:
        base = evaluated.base if isinstance(evaluated, ObjectiveModel) else evaluated
        return _with_objective(self.recipe.fit_after_evaluation(base, test_users, data, run), data)


def average_rewards(
    lists: Sequence[NDArray[np.int32]], truths: Sequence[NDArray[np.int32]], rewards: NDArray[np.float32]
) -> float:
    """The share of the rewards of a user's hits that comes with the 25 most rewarding recommendations (M-27).

    lists: for each user int32[at most 500] distinct items, best first. truths: for each user int32[t] distinct
    items. rewards: float32[items]. The mean over users whose hits have any reward, 0 when there are none.
    """
    shares = []
    for ranked, truth in zip(lists, truths, strict=True):
        gains = rewards[ranked].astype(np.float64)
        rewards_of_hits = np.where(np.isin(ranked, truth), gains, 0.0)
        total = rewards_of_hits.sum()
        if total > 0:
            best = np.argsort(-gains, kind="stable")[:BEST_REWARDS]
            shares.append(min(max(rewards_of_hits[best].sum() / total, 0.0), 1.0))
    return float(np.mean(shares)) if shares else 0.0


def _with_objective(model: Model, data: TrainingData) -> Model:
    return model if data.objective is None else ObjectiveModel(model.catalog, model, data.objective)
