"""The contract between recipes and the rest: training data in, an immutable model out.

A recipe is fitted on `TrainingData` and answers from a `Model`. Both speak of items by their number in the
model's catalog; whoever calls translates ids. Nothing here knows where the data came from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.action_data import ActionData
from personalize_emu.recipes.contract.features import Features, Objective, Profiles
from personalize_emu.recipes.contract.interactions import Interactions, first_events, merge_events

Hyperparameters = Mapping[str, str]
Progress = Callable[[str, float], None]
"""Called with the name of a stage and the share of all work done so far, from 0 to 1."""

NO_CONTEXT: Mapping[str, str] = MappingProxyType({})



def no_progress(stage: str, share: float) -> None:
    """For callers that do not watch."""


def within(progress: Progress, start: float, end: float) -> Progress:
    """Reports 0 to 1 of a part of the work as `start` to `end` of the whole."""
    return lambda stage, share: progress(stage, start + (end - start) * share)


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """What a recipe is trained with, beside the data.

    hyperparameters: wire names to strings, already checked. seed: decides all chance. now: epoch seconds at which
    training was asked for. sequential_from: number of interactions from which on a sequential model joins the
    personal recipes, 0 for never, None for the recipe's own number. threads: for parts of the training that are
    independent of each other; the model does not depend on it.
    """

    hyperparameters: Hyperparameters
    seed: int = 0
    progress: Progress = no_progress
    now: float = 0.0
    sequential_from: int | None = None
    threads: int = 1

    def rng(self) -> np.random.Generator:
        """A new generator, always at the same start."""
        return np.random.default_rng(self.seed)

    def within(self, start: float, end: float) -> TrainingRun:
        """The same, reporting its progress as `start` to `end` of the whole."""
        return replace(self, progress=within(self.progress, start, end))


class Kind(Enum):
    """What a recipe answers, and so how its models are queried."""

    PERSONALIZED = "personalized"
    RANKING = "ranking"
    RELATED = "related"
    POPULAR = "popular"
    SEGMENTS = "segments"
    ACTIONS = "actions"


class NotEnoughData(Exception):
    """The data cannot be trained on; the text is the failure reason shown to the user."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Interactions and catalog of one training run.

    Rows are sorted by user, then time, then order of arrival. Several events of one user on one item at one
    timestamp stay separate rows here; `interactions` has them merged, and that is what models count.

    catalog: ids of all items (interactions and item metadata), sorted; an item's number is its position.
    user_ids: ids of all users with at least one row, sorted.
    users, items: int32[n] numbers. timestamps: int64[n] epoch seconds. weights: float32[n] or None (all 1).
    item_features: along the catalog. profiles: of users, also of those without rows. context: along the rows, the
    circumstances of each interaction. stated_creation: int64[items] CREATION_TIMESTAMP, -1 where there is none (R-42).
    shown: int64[items], how often an item was in an impression without being chosen (R-72e).
    """

    catalog: tuple[str, ...]
    user_ids: tuple[str, ...]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    timestamps: NDArray[np.int64]
    weights: NDArray[np.float32] | None = None
    attributes: tuple[NDArray[np.int32], ...] = ()
    """Groups of items, by number, that have an attribute in common; for segments only."""
    item_features: Features | None = None
    profiles: Profiles | None = None
    context: Features | None = None
    stated_creation: NDArray[np.int64] | None = None
    shown: NDArray[np.int64] | None = None
    objective: Objective | None = None
    actions: ActionData | None = None
    """For recipes that answer actions only."""

    def of_rows(self, kept: NDArray[np.bool_]) -> TrainingData:
        """The rows marked in bool[n]; users and catalog stay whole."""
        return replace(
            self,
            users=self.users[kept],
            items=self.items[kept],
            timestamps=self.timestamps[kept],
            weights=None if self.weights is None else self.weights[kept],
            context=None if self.context is None else self.context.taken(np.flatnonzero(kept)),
        )

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """int64[users + 1]: rows of user u are offsets[u] to offsets[u + 1]."""
        return np.searchsorted(self.users, np.arange(len(self.user_ids) + 1)).astype(np.int64)

    @cached_property
    def interactions(self) -> Interactions:
        """The rows with events of one user on one item at one timestamp merged."""
        users = len(self.user_ids)
        return merge_events(users, self.users, self.items, self.timestamps, self.weights)

    def context_of(self, interaction: int) -> Mapping[str, str]:
        """Column to value, as a request has them, at one of `interactions`: those of its first event."""
        if self.context is None or self.interactions.rows is None:
            return NO_CONTEXT
        return self.context.values_of(int(self.interactions.rows[interaction]))


@dataclass(frozen=True, eq=False)
class History:
    """What is known of one user, oldest first. items: int32[k] catalog numbers, timestamps: int64[k].

    user_id: "" for an anonymous user. context: of the request, column to value (RT-50).
    """

    items: NDArray[np.int32]
    timestamps: NDArray[np.int64]
    user_id: str = ""
    context: Mapping[str, str] = field(default_factory=lambda: NO_CONTEXT)

    def merged(self) -> History:
        """Events of one item at one timestamp counted once, at the first of them."""
        first = first_events(self.items, self.timestamps)
        return self if first is None else replace(self, items=self.items[first], timestamps=self.timestamps[first])


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What is known of one user, and what that user did next.

    truth: int32[t] distinct items of the interactions that followed, ascending. gains: float32[t] their event
    weights. waits: int32[t], at how many earlier moments there were other interactions first.
    """

    history: History
    truth: NDArray[np.int32]
    gains: NDArray[np.float32]
    waits: NDArray[np.int32]

    @property
    def position_discounts(self) -> NDArray[np.float32]:
        """float32[t]: 1 for what came at once, 1/2 for what came after other interactions, and so on.

        The next item is the best evidence of what is wanted now.
        """
        return (1 / (1 + self.waits)).astype(np.float32)


@dataclass(frozen=True)
class ScorePart:
    """What one source adds to the score of an item; the parts of a score add up to it."""

    source: str
    value: float


class Model(ABC):
    """A fitted, immutable recommender."""

    catalog: tuple[str, ...]
    has_scores: bool
    """True where clients see a score with each item (a softmax over what is scored, R-72)."""

    @cached_property
    def number_of(self) -> dict[str, int]:
        """Item id to catalog number."""
        return {item: number for number, item in enumerate(self.catalog)}

    def scores(self, history: History) -> NDArray[np.float32]:
        """float32[items]: `scores_many` of one history."""
        row: NDArray[np.float32] = self.scores_many([history])[0]
        return row

    @abstractmethod
    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """float32[histories, items]: relevance of every item to the owner of each history, greater is better.

        -inf marks an item that must not be recommended. An empty history gets popular items. For related
        items a history holds the query item. With `has_scores` these are logits: the softmax
        over the catalog (recommendations) or over the ranked items (rankings) is what clients see. The caller may
        write to the result.
        """

    def scores_with_others(
        self, histories: Sequence[History], features: Features
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """`scores_many`, and float32[histories, features.count]: relevance of items that are not in the catalog.

        Both are on one scale. None where the model reads interactions only.
        """
        del features
        return self.scores_many(histories), None

    def parts(self, history: History, item: int) -> tuple[ScorePart, ...]:
        """What the score of an item, by number, consists of, for an item that may be recommended.

        The values add up to `scores(history)[item]` up to rounding. A model that does not say more has one part.
        """
        return (ScorePart("model", float(self.scores(history)[item])),)

    def influenced(self, influence: Mapping[str, float]) -> Model:
        """The model ranking by POPULARITY or FRESHNESS, too, each by a weight from 0 to 1 (RT-70)."""
        del influence
        return self

    @property
    def evaluation_period(self) -> float | None:
        """Seconds after which the model wants to look at new interactions; None: only a training changes it."""
        return None

    def evaluated_on(self, data: TrainingData) -> Model:
        """The model with the interactions of `data`, all of them, in place of those it knew (R-76a)."""
        del data
        return self

    @property
    @abstractmethod
    def trained_items(self) -> NDArray[np.bool_]:
        """bool[items]: items with interactions in training; others rank last and unscored (R-74a)."""


class Recipe(ABC):
    """How to turn training data into a model."""

    name: str
    kind: Kind

    def check(self, data: TrainingData, run: TrainingRun) -> None:
        """Raise NotEnoughData when `data`, all there are, lack what this recipe needs beside R-40."""
        del data, run

    @abstractmethod
    def fit(self, data: TrainingData, run: TrainingRun) -> Model:
        """Train on all of `data`."""

    def fit_after_evaluation(
        self, evaluated: Model, test_users: Sequence[HeldOut], data: TrainingData, run: TrainingRun
    ) -> Model:
        """Train on all of `data` after `evaluated`, fitted on a part of it, was measured on `test_users`.

        Recipes that calibrate probabilities on users unseen in training override it.
        """
        del evaluated, test_users
        return self.fit(data, run)

    def fit_for_many(self, data: TrainingData, run: TrainingRun) -> Callable[[Hyperparameters], Model] | None:
        """Fit once what models of different tunable values have in common; returns the model of given values.

        Whatever is learned with the values of `run` stays as it is in all of them, so that a search (T-30) compares
        the values alone. None: each set of values needs a fit of its own.
        """
        del data, run
        return None

    def without_effect(self, data: TrainingData, run: TrainingRun) -> frozenset[str]:
        """Names of hyperparameters that change nothing on such data, whatever the others are."""
        del data, run
        return frozenset()

    def own_metrics(self, data: TrainingData, run: TrainingRun) -> dict[str, float]:
        """Metrics, by name, that only this recipe has, measured on all of `data` (M-3)."""
        del data, run
        return {}
