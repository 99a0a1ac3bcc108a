"""Personal recipes that also look at the circumstances of the moment and at who is asking (R-21, R-72d)."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.context.context_levels import Circumstances, fit_circumstances
from personalize_emu.recipes.context.context_weights import (
    MOST_ITEMS,
    MOST_USERS,
    evidence_of,
    fading,
    learned_weights,
    moments_of,
)
from personalize_emu.recipes.contract.base import (
    HeldOut,
    History,
    Hyperparameters,
    Kind,
    Model,
    NotEnoughData,
    Progress,
    Recipe,
    TrainingData,
    within,
)
from personalize_emu.recipes.contract.features import Features, Profiles
from personalize_emu.recipes.contract.split import rows_of_users
from personalize_emu.recipes.wrappers.wrapper import ModelAround, RecipeAround

VALIDATION_SHARE = 0.25
MOST_VISITS = 50_000
"""That the model is fitted to which weights are learned on; of more users it takes only so many as have them."""


@dataclass(frozen=True, eq=False)
class Situated(ModelAround):
    """`base` with what circumstances and traits add to its logits.

    weights: float64[factors, 2], of the factors that are worth something (see `circumstance_weights`).
    """

    circumstances: Circumstances
    weights: NDArray[np.float64]

    def scores(self, history: History) -> NDArray[np.float32]:
        scores = self.base.scores(history)
        share = float(fading([history])[0])
        for shift, (lasting, first) in zip(self.circumstances.shifts_of(history), self.weights.tolist(), strict=True):
            if shift is not None:
                scores = scores + np.float32(lasting + first * share) * shift
        return scores

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        return self._shifted(self.base.scores_many(histories), histories)

    def scores_with_others(
        self, histories: Sequence[History], features: Features
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Nobody has met the others in any circumstances; what is known is of their kinds."""
        rows, others = self.base.scores_with_others(histories, features)
        if others is not None:
            others = self._shifted(others, histories, features)
        return self._shifted(rows, histories), others

    def _shifted(
        self, rows: NDArray[np.float32], histories: Sequence[History], others: Features | None = None
    ) -> NDArray[np.float32]:
        """rows: float32[histories, items], of the catalog, or of `others`."""
        shares = fading(histories)
        levels = self.circumstances.levels_of(histories)
        for factor, members, (lasting, first) in zip(self.circumstances.factors, levels, self.weights, strict=True):
            if members.nnz:
                lifts = factor.lifts if others is None else factor.lifts_of_kinds(others)
                rows = rows + (lasting + first * shares).astype(np.float32)[:, None] * (members @ lifts)
        return rows


@dataclass(frozen=True)
class Situating(RecipeAround):
    """`recipe`, whose models are given the circumstances and profiles of the data they are trained on."""

    def fit(
        self, data: TrainingData, hyperparameters: Hyperparameters, rng: np.random.Generator, progress: Progress
    ) -> Model:
        # A generator of its own: where nothing is worth looking at, the model is that without.
        weights = self._weights(data, hyperparameters, rng.spawn(1)[0], within(progress, 0.0, 0.5))
        return _situated(self.recipe.fit(data, hyperparameters, rng, within(progress, 0.5, 1.0)), data, weights)

    def fit_after_evaluation(
        self,
        evaluated: Model,
        test_users: Sequence[HeldOut],
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> Model:
        """What was found useful for the evaluated model is so for the other."""
        base, weights = evaluated, dict[str, NDArray[np.float64]]()
        if isinstance(evaluated, Situated):
            base = evaluated.base
            weights = dict(zip(_names(evaluated.circumstances), evaluated.weights, strict=True))
        model = self.recipe.fit_after_evaluation(base, test_users, data, hyperparameters, rng, progress)
        return _situated(model, data, weights)

    def _weights(
        self, data: TrainingData, hyperparameters: Hyperparameters, rng: np.random.Generator, progress: Progress
    ) -> dict[str, NDArray[np.float64]]:
        """By name of the factor; from some users and a model of the others."""
        order = rng.permutation(np.flatnonzero(data.visits.lengths > 0))
        validation = order[: min(MOST_USERS, int(VALIDATION_SHARE * len(order)))]
        others = order[len(validation) :]
        others = others[: max(1, int(np.searchsorted(np.cumsum(data.visits.lengths[others]), MOST_VISITS)))]
        if not len(validation):
            return {}
        kept = np.zeros(len(data.user_ids), np.bool_)
        kept[others] = True
        rest = rows_of_users(data, kept)
        circumstances = fit_circumstances(rest)
        if not circumstances.factors:
            return {}
        plain = replace(rest, item_features=None, context=None, profiles=None)
        try:
            model = self.recipe.fit(plain, hyperparameters, rng, progress)
        except NotEnoughData:
            # Of all users there may be enough.
            return {}
        counts = np.bincount(rest.visits.items, minlength=len(data.catalog))
        popular = np.sort(np.argsort(-counts, kind="stable")[: min(MOST_ITEMS, int((counts > 0).sum()))])
        moments = moments_of(data, [int(user) for user in np.sort(validation)], rng)
        found = learned_weights(evidence_of(model, circumstances, moments, popular))
        return {name: row for name, row in zip(_names(circumstances), found, strict=True) if row.any()}


def situating(recipe: Recipe, data: TrainingData) -> Recipe:
    """The recipe itself where there is nothing to look at."""
    told = bool(data.context) or (data.profiles is not None and bool(data.profiles.features))
    return Situating(recipe) if told and recipe.kind in (Kind.PERSONALIZED, Kind.RANKING) else recipe


def _names(circumstances: Circumstances) -> list[str]:
    """Columns of interactions and of users may have one name."""
    context = [f"context {factor.name}" for factor in circumstances.context]
    return [*context, *(f"trait {factor.name}" for factor in circumstances.traits.factors)]


def _situated(model: Model, data: TrainingData, weights: dict[str, NDArray[np.float64]]) -> Model:
    if not weights:
        return model
    context = None if data.context is None else _only(data.context, "context", weights)
    profiles = data.profiles
    if profiles is not None:
        profiles = Profiles(profiles.ids, _only(profiles.features, "trait", weights))
    found = fit_circumstances(replace(data, context=context, profiles=profiles))
    names = _names(found)
    if not names:
        return model
    return Situated(model.catalog, model, found, np.stack([weights[name] for name in names]))


def _only(features: Features, role: str, names: Container[str]) -> Features:
    """The columns that are worth something, so that lifts of the others need not be made."""
    return Features(
        features.count,
        tuple(column for column in features.categories if f"{role} {column.name}" in names),
        tuple(column for column in features.numbers if f"{role} {column.name}" in names),
    )
