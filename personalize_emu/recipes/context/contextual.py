"""Contextual recommendation: context and user metadata shift the scores of a personal model (R-21, R-72d).

The shift is a weighted sum of lifts (context/lifts.py). Weights are learned by a conditional logit on users that
neither the lifts nor the model were fitted to. Each has two parts: one that stays, and one that fades as more of a user
is known. A column that does not raise the likelihood clearly is left out, so that it costs nothing.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.context.lifts import Factors, fit_factors
from personalize_emu.recipes.contract.base import (
    HeldOut,
    History,
    Kind,
    Model,
    NotEnoughData,
    Recipe,
    TrainingData,
    TrainingRun,
)
from personalize_emu.recipes.contract.features import Features, Profiles
from personalize_emu.recipes.contract.split import rows_of_users
from personalize_emu.recipes.numerics.conditional_logit import Example, fit_conditional_logit, mean_log_likelihood
from personalize_emu.recipes.wrappers.wrapper import WrapperModel, WrapperRecipe

FADING = 10.0
"""Interactions after which the second part of a weight is half of what it was."""
VALIDATION_SHARE, MOST_USERS = 0.25, 300
MOST_EXAMPLES = 1200
FEWEST_OF_USER, MOST_OF_USER = 4, 12
"""Examples of each validation user."""
MOST_ITEMS = 600
"""Candidates of an example: the most popular items."""
MOST_CELLS = 2**24
"""Examples times candidates times features."""
MOST_INTERACTIONS = 50_000
"""Of the model that weights are learned beside; of more data it takes only so many users as have them."""
RIDGE = 0.5
LEAST_GAIN = 4.0
"""In log-likelihood, of a column that is kept."""
SCORED_AT_ONCE = 128

Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContextualModel(WrapperModel):
    """weights: float64[factors, 2], the part that stays and the part that fades."""

    factors: Factors
    weights: Weights
    adds = "context and user metadata"

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        return self._shifted(self.base.scores_many(histories), histories)

    def scores_with_others(
        self, histories: Sequence[History], features: Features
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Nothing is known of the others in any context."""
        rows, others = self.base.scores_with_others(histories, features)
        return self._shifted(rows, histories), others

    def _shifted(self, rows: NDArray[np.float32], histories: Sequence[History]) -> NDArray[np.float32]:
        """rows: float32[histories, items]."""
        share = fading(histories)
        for shift, (lasting, first) in zip(self.factors.shifts(histories), self.weights, strict=True):
            rows = rows + (lasting + first * share).astype(np.float32)[:, None] * shift
        return rows


@dataclass(frozen=True)
class ContextualRecipe(WrapperRecipe):
    """`recipe`, whose models get the context and user metadata of the data they are trained on."""

    def fit(self, data: TrainingData, run: TrainingRun) -> Model:
        weights = self._weights(data, run.within(0.0, 0.5))
        return _with_factors(self.recipe.fit(data, run.within(0.5, 1.0)), data, weights)

    def fit_after_evaluation(
        self, evaluated: Model, test_users: Sequence[HeldOut], data: TrainingData, run: TrainingRun
    ) -> Model:
        """With the weights of the evaluated model."""
        base, weights = evaluated, dict[str, Weights]()
        if isinstance(evaluated, ContextualModel):
            base = evaluated.base
            weights = {
                factor.name: row for factor, row in zip(evaluated.factors.factors, evaluated.weights, strict=True)
            }
        return _with_factors(self.recipe.fit_after_evaluation(base, test_users, data, run), data, weights)

    def _weights(self, data: TrainingData, run: TrainingRun) -> dict[str, Weights]:
        """By name of the factor; from the validation users, and a model of the others."""
        rng, lengths = run.rng(), data.interactions.lengths
        order = rng.permutation(np.flatnonzero(lengths > 0))
        validation = np.sort(order[: min(MOST_USERS, int(VALIDATION_SHARE * len(order)))])
        others = order[len(validation) :]
        others = others[: max(1, int(np.searchsorted(np.cumsum(lengths[others]), MOST_INTERACTIONS)))]
        rest = rows_of_users(data, np.isin(np.arange(len(lengths)), others))
        factors = fit_factors(rest)
        if not len(validation) or not factors.factors:
            return {}
        try:
            model = self.recipe.fit(replace(rest, item_features=None, context=None, profiles=None), run)
        except NotEnoughData:
            # Of all users there may be enough.
            return {}
        counts = np.bincount(rest.interactions.items, minlength=len(data.catalog))
        popular = np.sort(np.argsort(-counts, kind="stable")[: min(MOST_ITEMS, np.count_nonzero(counts))])
        found = learned_weights(examples_of(model, factors, *validation_queries(data, validation, rng), popular))
        return {factor.name: row for factor, row in zip(factors.factors, found, strict=True) if row.any()}


def with_context(recipe: Recipe, data: TrainingData) -> Recipe:
    """The recipe itself where there is neither context nor user metadata, or where it does not read them."""
    has_columns = bool(data.context) or (data.profiles is not None and bool(data.profiles.features))
    return ContextualRecipe(recipe) if has_columns and recipe.kind in (Kind.PERSONALIZED, Kind.RANKING) else recipe


def fading(histories: Sequence[History]) -> NDArray[np.float64]:
    """float64[histories]: 1 for a new user, towards 0 for a long history."""
    lengths = np.array([len(history.items) for history in histories], np.float64)
    shares: NDArray[np.float64] = 1 / (1 + lengths / FADING)
    return shares


def validation_queries(
    data: TrainingData, users: NDArray[np.int64], rng: np.random.Generator
) -> tuple[list[History], NDArray[np.int64]]:
    """Some interactions of each user: what was known before, in the context of the interaction, and its item.

    In half of them the history is left out, as if the user were new: each user has one first interaction only.
    """
    interactions = data.interactions
    half = int(np.clip(MOST_EXAMPLES // max(1, len(users)), FEWEST_OF_USER, MOST_OF_USER)) // 2
    histories, targets = [], []
    for user in users.tolist():
        rows = interactions.of_user(user)
        places = np.arange(rows.start, rows.stop)
        as_new = [(at, at) for at in np.sort(rng.permutation(places)[:half]).tolist()]
        as_known = [(rows.start, at) for at in np.sort(rng.permutation(places[1:])[:half]).tolist()]
        for start, at in (*as_new, *as_known):
            before, context = slice(start, at), data.context_of(at)
            histories.append(
                History(interactions.items[before], interactions.timestamps[before], data.user_ids[user], context)
            )
            targets.append(int(interactions.items[at]))
    return histories, np.array(targets, np.int64)


def examples_of(
    model: Model,
    factors: Factors,
    histories: Sequence[History],
    targets: NDArray[np.int64],
    candidates: NDArray[np.int64],
) -> list[Example]:
    """Features: the logit of the model, then the lift of each factor, and the same times `fading`.

    targets: int64[histories], items. candidates: int64[n] distinct items; histories with another target are left out.
    """
    kept = np.flatnonzero(np.isin(targets, candidates))
    most = max(1, MOST_CELLS // max(1, len(candidates) * (1 + 2 * len(factors.factors))))
    kept = kept[:: -(-len(kept) // most) or 1]
    examples = []
    for start in range(0, len(kept), SCORED_AT_ONCE):
        rows = kept[start : start + SCORED_AT_ONCE]
        batch = [histories[row] for row in rows]
        logits = model.scores_many(batch)[:, candidates]
        shifts = [shift[:, candidates] for shift in factors.shifts(batch)]
        share = fading(batch).astype(np.float32)[:, None]
        features = np.stack([logits, *(part for shift in shifts for part in (shift, shift * share))], axis=2)
        for row, table in zip(rows, features, strict=True):
            relevance = (candidates == targets[row]).astype(np.float32)
            allowed = table[:, 0] > -np.inf
            if relevance[allowed].any():
                examples.append(Example(table[allowed], relevance[allowed]))
    return examples


def learned_weights(examples: Sequence[Example]) -> Weights:
    """float64[factors, 2], relative to the weight of the model's logit; 0 for factors that are left out."""
    if not examples:
        return np.zeros((0, 2))
    count = (examples[0].features.shape[1] - 1) // 2
    alone = _fitted(examples, [])[1]
    kept = [factor for factor in range(count) if _fitted(examples, [factor])[1] - alone >= LEAST_GAIN]
    weights, likelihood = _fitted(examples, kept)
    while kept:
        without = [_fitted(examples, [other for other in kept if other != factor])[1] for factor in kept]
        worst = int(np.argmax(without))
        if likelihood - without[worst] >= LEAST_GAIN:
            break
        kept.pop(worst)
        weights, likelihood = _fitted(examples, kept)
    result = np.zeros((count, 2))
    result[kept] = weights
    return result


def _fitted(examples: Sequence[Example], factors: Sequence[int]) -> tuple[Weights, float]:
    """Weights of some factors, none below 0, and the log-likelihood they reach."""
    columns = [0, *(column for factor in factors for column in (1 + 2 * factor, 2 + 2 * factor))]
    chosen = [Example(example.features[:, columns], example.relevance) for example in examples]
    prior = np.zeros(len(columns))
    prior[0] = 1.0
    floor = np.where(prior > 0, 0.1, 0.0)
    weights = fit_conditional_logit(chosen, prior, RIDGE / len(examples), floor)
    likelihood = len(examples) * mean_log_likelihood(chosen, weights)
    return (weights[1:] / weights[0]).reshape(-1, 2), likelihood


def _with_factors(model: Model, data: TrainingData, weights: dict[str, Weights]) -> Model:
    if not weights:
        return model
    context = None if data.context is None else _only(data.context, "context", weights)
    profiles = data.profiles
    if profiles is not None:
        profiles = Profiles(profiles.ids, _only(profiles.features, "user", weights))
    found = fit_factors(replace(data, context=context, profiles=profiles))
    if not found.factors:
        return model
    return ContextualModel(model.catalog, model, found, np.stack([weights[each.name] for each in found.factors]))


def _only(features: Features, role: str, names: Container[str]) -> Features:
    """The columns with a weight, so that lifts of the others need not be computed."""
    return Features(
        features.count,
        tuple(column for column in features.categories if f"{role} {column.name}" in names),
        tuple(column for column in features.numbers if f"{role} {column.name}" in names),
    )
