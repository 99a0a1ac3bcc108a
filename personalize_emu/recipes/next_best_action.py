"""aws-next-best-action: which actions a user will take, each with a probability of its own (R-80)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.actions.action_metrics import HeldOutActions, action_metrics, cut_action_user
from personalize_emu.recipes.actions.offers import find_offers
from personalize_emu.recipes.actions.propensity import Propensity, fit_propensity
from personalize_emu.recipes.actions.user_factors import UserFactors, fit_user_factors, numbers_of
from personalize_emu.recipes.contract.action_data import TAKEN, ActionData, ActionHistory
from personalize_emu.recipes.contract.base import History, Kind, Model, NotEnoughData, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.contract.hyperparameters import number
from personalize_emu.recipes.contract.split import hash_draws, rows_of_users
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity

LEAST_EVENTS = 50
"""Of both kinds, taken and not, for an action to get a score (R-80a)."""
COUNTED_SECONDS = 42 * 86_400
"""Six weeks, back from the newest action interaction (R-80a)."""
DAY = 86_400.0
DEFAULT_PERIOD = 14
"""action_optimization_period, days (R-70c)."""
DIMENSIONS = 16
MOST_ROWS = 100_000
"""Newest action interactions that probabilities are learned from."""
MOST_CATEGORIES = 30
"""Of one column of users, those most frequent."""
TEST_SHARE = 0.1
VALIDATION_SHARE = 0.1
NO_ACTIONS = "Dataset group must contain an ACTIONS dataset with at least one action"


@dataclass(frozen=True, eq=False)
class ActionModel(Model):
    """actions: ids, sorted; an action's number is its position. catalog: items, which histories consist of.

    user_features: float64[users, t] of the users in `described_users`, sorted; others have 0 everywhere, the mean.
    propensity: None without action interactions. scored: bool[actions], those that get a score (R-80a).
    """

    catalog: tuple[str, ...]
    actions: tuple[str, ...]
    popularity: Popularity
    user_factors: UserFactors
    described_users: tuple[str, ...]
    user_features: NDArray[np.float64]
    propensity: Propensity | None
    scored: NDArray[np.bool_]
    has_scores = True

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.users > 0

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Popularity; it is actions that this model is for."""
        return np.tile(self.popularity.scores(), (len(histories), 1))

    def propensities(self, history: History, past: ActionHistory) -> NDArray[np.float64]:
        """float64[actions]: the probability that the owner of both histories takes each action, 0 where unknown."""
        if self.propensity is None:
            return np.zeros(len(self.actions))
        factors = self.user_factors.of_items(history.merged().items)
        chances = self.propensity.chances(np.concatenate((factors, self._features_of(history.user_id))), past)
        return np.where(self.scored, chances, 0.0)

    @cached_property
    def action_number_of(self) -> dict[str, int]:
        """Action id to its number."""
        return {action: number for number, action in enumerate(self.actions)}

    @cached_property
    def _described_rows(self) -> dict[str, int]:
        return {user: row for row, user in enumerate(self.described_users)}

    def _features_of(self, user_id: str) -> NDArray[np.float64]:
        row = self._described_rows.get(user_id)
        return np.zeros(self.user_features.shape[1]) if row is None else self.user_features[row]

    def with_actions(self, ids: Sequence[str]) -> ActionModel:
        """The model with more actions, which have no score before the next training (R-80a)."""
        added = set(ids) - set(self.actions)
        if not added:
            return self
        actions = tuple(sorted({*self.actions, *added}))
        places = np.array([self.action_number_of.get(action, -1) for action in actions], np.int64)
        scored = np.append(self.scored, False)[places]
        moved = None if self.propensity is None else self.propensity.renumbered(places)
        return replace(self, actions=actions, scored=scored, propensity=moved)


@dataclass(frozen=True)
class NextBestAction(Recipe):
    """Needs `TrainingData.actions`."""

    name = "aws-next-best-action"
    kind = Kind.ACTIONS

    def fit(self, data: TrainingData, run: TrainingRun) -> ActionModel:
        """Raises NotEnoughData without any action."""
        actions = _actions_of(data)
        model = _fitted(data, actions, scored_actions(actions), run)
        run.progress("fitted", 1.0)
        return model

    def own_metrics(self, data: TrainingData, run: TrainingRun) -> dict[str, float]:
        """All the metrics there are, measured on a tenth of the users (M-3, M-11, M-31)."""
        actions = _actions_of(data)
        is_test = hash_draws(actions.user_ids, 0) < TEST_SHARE
        is_kept = hash_draws(data.user_ids, 0) >= TEST_SHARE
        training = data if is_kept.all() or not is_kept.any() else rows_of_users(data, is_kept)
        others, scored = actions.of_users(~is_test), scored_actions(actions)
        model = _fitted(training, others, scored, run.within(0.0, 0.8))
        run.progress("measuring", 0.8)
        held_out = [cut_action_user(actions, user) for user in np.flatnonzero(is_test).tolist()]
        chances = [model.propensities(_items_before(data, user), user.past) for user in held_out]
        return action_metrics(held_out, chances, actions.values)


def scored_actions(data: ActionData) -> NDArray[np.bool_]:
    """bool[actions]: taken often enough, and not taken often enough, in the newest six weeks (R-80a)."""
    if not len(data):
        return np.zeros(len(data.ids), np.bool_)
    recent = data.of_rows(data.timestamps >= data.timestamps.max() - COUNTED_SECONDS)
    taken = recent.outcomes == TAKEN
    accepted = np.bincount(recent.actions[taken], minlength=len(data.ids))
    declined = np.bincount(recent.actions[~taken], minlength=len(data.ids))
    return (accepted >= LEAST_EVENTS) & (declined >= LEAST_EVENTS)


def _actions_of(data: TrainingData) -> ActionData:
    if data.actions is None or not data.actions.ids:
        raise NotEnoughData(NO_ACTIONS)
    return data.actions


def _fitted(data: TrainingData, actions: ActionData, scored: NDArray[np.bool_], run: TrainingRun) -> ActionModel:
    interactions, item_count = data.interactions, len(data.catalog)
    run.progress("what users like", 0.0)
    user_factors = fit_user_factors(interactions, len(data.user_ids), item_count, DIMENSIONS, 0)
    profiles = data.profiles
    described_users = () if profiles is None else profiles.ids
    user_features = np.zeros((0, 0)) if profiles is None else user_feature_columns(profiles.features)
    period = number(run.hyperparameters, "action_optimization_period", DEFAULT_PERIOD) * DAY
    run.progress("what was proposed", 0.3)
    offers = find_offers(actions.newest(MOST_ROWS), period)
    run.progress("to whom", 0.4)
    factors = user_factors.at_moments(
        interactions, numbers_of(data.user_ids, actions.user_ids)[offers.users], offers.moments
    )
    rows = numbers_of(described_users, actions.user_ids)[offers.users]
    about = np.hstack((factors, np.vstack((user_features, np.zeros((1, user_features.shape[1]))))[rows]))
    run.progress("what is taken", 0.5)
    draws = hash_draws(actions.user_ids, 0)[offers.users]
    held_out = (draws >= TEST_SHARE) & (draws < TEST_SHARE + VALIDATION_SHARE)
    return ActionModel(
        data.catalog,
        actions.ids,
        count_popularity(interactions, item_count),
        user_factors,
        described_users,
        user_features,
        fit_propensity(offers, about, held_out),
        scored,
    )


def user_feature_columns(features: Features) -> NDArray[np.float64]:
    """float64[rows, t], each of mean 0 and deviation about 1: numbers, and whether a row has each frequent category.

    Infinite numbers count as unknown.
    """
    numbers = [np.where(np.isfinite(column.values), column.values, np.nan) for column in features.numbers]
    columns = [np.nan_to_num(_standardised(values)) for values in numbers]
    for column in features.categories:
        members = column.members.tocsc()
        frequent = np.argsort(-np.diff(members.indptr), kind="stable")[:MOST_CATEGORIES]
        columns += [_standardised(members[:, [value]].toarray()[:, 0].astype(np.float64)) for value in frequent]
    return np.stack(columns, axis=1) if columns else np.zeros((features.count, 0))


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[~np.isnan(values)]
    spread = float(known.std()) if len(known) else 0.0
    return (values - known.mean()) / spread if spread > 0 else np.zeros(len(values))


def _items_before(data: TrainingData, user: HeldOutActions) -> History:
    """The user's interactions before the first held-out offer."""
    number = numbers_of(data.user_ids, [user.user_id])[0]
    if number < 0:
        return History(np.zeros(0, np.int32), np.zeros(0, np.int64), user.user_id)
    rows = slice(int(data.offsets[number]), int(data.offsets[number + 1]))
    earlier = data.timestamps[rows] < user.moment
    return History(data.items[rows][earlier], data.timestamps[rows][earlier], user.user_id)
