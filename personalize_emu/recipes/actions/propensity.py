"""The probability that a user takes each action, by logistic regression.

Every time an action was shown to a user is an offer; its outcome is the label:

    logit(user, action) = base(action) + habit(user, action) + common . (user, action) + own(action) . (user, action)

base: the share of offers taken. habit: past answers to the same action, with a fixed weight. common: one regression
over the offers of all actions. own: one for each action on top, with a ridge, so that an action with few offers leans
on the others. Probabilities of different actions do not add up to 1 (R-80).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.actions.offers import Offers, past_of
from personalize_emu.recipes.contract.action_data import ActionHistory
from personalize_emu.recipes.numerics.newton import maximise

Vector = NDArray[np.float64]


def sigmoid(logits: Vector) -> Vector:
    """1 / (1 + exp(-x)) without overflow."""
    raised = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, raised) / (1.0 + raised)


def logit(shares: Vector) -> Vector:
    """The inverse of `sigmoid`, for shares above 0 and below 1."""
    return np.log(shares) - np.log1p(-shares)


def log_loss(logits: Vector, outcomes: NDArray[np.bool_]) -> float:
    """Minus the log-likelihood, added up."""
    return float(np.logaddexp(0.0, np.where(outcomes, -logits, logits)).sum())


def fit_logistic(inputs: Vector, outcomes: NDArray[np.bool_], offsets: Vector, ridge: Vector) -> Vector:
    """float64[d]: the weights w of least log_loss(offsets + inputs w) + (ridge * w * w).sum() / 2.

    inputs: float64[n, d]. outcomes: bool[n]. offsets: float64[n]. ridge: float64[d], above 0, so that there is one
    answer, and a finite one, for any outcomes.
    """

    def objective(weights: Vector) -> tuple[float, Vector, Vector]:
        logits = offsets + inputs @ weights
        chances = sigmoid(logits)
        value = -log_loss(logits, outcomes) - float((ridge * weights * weights).sum()) / 2
        gradient = inputs.T @ (outcomes - chances) - ridge * weights
        curvature = (inputs * (chances * (1 - chances))[:, None]).T @ inputs + np.diag(ridge)
        return value, gradient, curvature

    return maximise(objective, np.zeros(inputs.shape[1]))


RIDGES = (1.0, 10.0, 100.0)
"""Tried on users held out for that (M-12)."""
HABIT = 0.5
"""What earlier answers to an action count, in logits, before anything is learned."""
LEAST_HABIT = 0.1
"""What they count at least: whatever chance makes of few answers, a no makes no yes likelier."""
PRIOR = 2.0
"""An action's share of offers taken starts as that of all, counted as so many offers."""

@dataclass(frozen=True, eq=False)
class Scale:
    """Brings columns to mean 0 and deviation 1. means, factors: float64[d]; factors are 0 for constant columns."""

    means: Vector
    factors: Vector

    @classmethod
    def of(cls, columns: Vector) -> Scale:
        means, spreads = columns.mean(axis=0), columns.std(axis=0)
        varied = spreads > 1e-9 * (1 + np.abs(means))
        return cls(means, np.where(varied, 1 / np.where(varied, spreads, 1), 0))

    def of_rows(self, columns: Vector) -> Vector:
        return (columns - self.means) * self.factors


@dataclass(frozen=True, eq=False)
class Propensity:
    """watched: int32[w], the actions whose past is part of what is known of a user.

    scale: of the inputs, which are those of the user (float64[d]) followed by the past with the action itself.
    weights: float64[actions, d + 2]. bases: float64[actions].
    """

    watched: NDArray[np.int32]
    scale: Scale
    weights: Vector
    bases: Vector

    def chances(self, about: Vector, past: ActionHistory) -> Vector:
        """float64[actions], each in [0, 1]. about: float64[...], factors and user_features of the user."""
        count = len(self.bases)
        general, own = past_of(past, self.watched, count)
        inputs = np.empty((count, self.weights.shape[1]))
        inputs[:, : -own.shape[1]] = np.concatenate((about, general))
        inputs[:, -own.shape[1] :] = own
        learned = (self.scale.of_rows(inputs) * self.weights).sum(axis=1)
        return sigmoid(self.bases + HABIT * own[:, 0] + learned)

    def renumbered(self, places: NDArray[np.int64]) -> Propensity:
        """For other actions: int64[actions], the former number of each, -1 for one that was not there."""
        moved = np.full(len(self.bases), -1, np.int32)
        moved[places[places >= 0]] = np.flatnonzero(places >= 0)
        weights = np.vstack((self.weights, np.zeros((1, self.weights.shape[1]))))[places]
        return Propensity(moved[self.watched], self.scale, weights, np.append(self.bases, 0.0)[places])


def fit_propensity(offers: Offers, about: Vector, held_out: NDArray[np.bool_]) -> Propensity | None:
    """None without offers.

    about: float64[offers, ...], factors and user_features of the user at each. held_out: bool[offers], those on
    which the ridge is chosen; afterwards they are learned from like the others.
    """
    if not len(offers):
        return None
    inputs = np.hstack((about, offers.general, offers.own))
    ridge = RIDGES[len(RIDGES) // 2]
    learned = ~held_out
    if held_out.any() and learned.any():
        losses = [_loss_on_held_out(offers, inputs, learned, choice) for choice in RIDGES]
        ridge = RIDGES[int(np.argmin(losses))]
    return _fitted(offers, inputs, np.ones(len(offers), np.bool_), ridge)


def _loss_on_held_out(offers: Offers, inputs: Vector, learned: NDArray[np.bool_], ridge: float) -> float:
    fitted = _fitted(offers, inputs, learned, ridge)
    rest = ~learned
    actions = offers.actions[rest]
    explained = (fitted.scale.of_rows(inputs[rest]) * fitted.weights[actions]).sum(axis=1)
    logits = fitted.bases[actions] + HABIT * offers.own[rest, 0] + explained
    return log_loss(logits, offers.taken[rest])


def _fitted(offers: Offers, inputs: Vector, learned: NDArray[np.bool_], ridge: float) -> Propensity:
    actions, taken = offers.actions[learned], offers.taken[learned]
    scale = Scale.of(inputs[learned])
    scaled = scale.of_rows(inputs[learned])
    penalties = np.full(scaled.shape[1], ridge)
    bases = _bases(actions, taken, offers.action_count)
    habits = HABIT * offers.own[learned, 0]
    common = fit_logistic(scaled, taken, bases[actions] + habits, penalties)
    weights = np.tile(common, (offers.action_count, 1))
    for action in np.unique(actions).tolist():
        rows = actions == action
        of_action = np.hstack((scaled[rows], np.ones((np.count_nonzero(rows), 1))))
        offsets = bases[action] + habits[rows] + scaled[rows] @ common
        own = fit_logistic(of_action, taken[rows], offsets, np.append(penalties, 1.0))
        weights[action] += own[:-1]
        bases[action] += own[-1]
    _keep_habits(weights, scale, offers.watched)
    return Propensity(offers.watched, scale, weights, bases)


def _keep_habits(weights: Vector, scale: Scale, watched: NDArray[np.int32]) -> None:
    """Raise what an action's own past answers count, in all columns they stand in, to LEAST_HABIT."""
    own = weights.shape[1] - 2
    first_watched = own - len(watched)
    weights[:, first_watched - 1] = np.maximum(weights[:, first_watched - 1], 0)
    slopes = HABIT + weights[:, own] * scale.factors[own]
    places = np.arange(first_watched, own)
    slopes[watched] += weights[watched, places] * scale.factors[places]
    if scale.factors[own] > 0:
        weights[:, own] += np.maximum(LEAST_HABIT - slopes, 0) / scale.factors[own]


def _bases(actions: NDArray[np.int32], taken: NDArray[np.bool_], count: int) -> Vector:
    """float64[actions]: logits of the shares of offers taken."""
    offered = np.bincount(actions, minlength=count)
    accepted = np.bincount(actions[taken], minlength=count)
    overall = (np.count_nonzero(taken) + 1) / (len(taken) + 2)
    return logit((accepted + PRIOR * overall) / (offered + PRIOR))
