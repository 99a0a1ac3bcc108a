"""User-Personalization and Personalized-Ranking, both versions: the next items of a user (R-72 to R-74).

Six base scorers (scorers/) and one ensemble of them, whose weights are learned on the newest slice in time (ensemble/).
The softmax of the weighted scores is the probability of every item outside the history; items of the history come back
with the probability learned in wrappers/repeats.py. A history is read at request time, so an event counts at once
and for its user only.

With many interactions a GRU joins (sequential/); `hidden_dimension` is its width, and changes nothing without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.content.item_vectors import vectors_of
from personalize_emu.recipes.contract.base import (
    HeldOut,
    History,
    Kind,
    Model,
    Recipe,
    ScorePart,
    TrainingData,
    TrainingRun,
)
from personalize_emu.recipes.contract.hyperparameters import flag, number, percentiles, users_within
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.contract.parallel import in_order
from personalize_emu.recipes.ensemble.newest_slice import ORIGINS
from personalize_emu.recipes.ensemble.stacking import Ensemble, Weights, fit_ensemble
from personalize_emu.recipes.numerics.conditional_logit import fit_inverse_temperature
from personalize_emu.recipes.scorers.base import Scorer, kernels_of
from personalize_emu.recipes.scorers.content import ContentScorer
from personalize_emu.recipes.scorers.ease import fit_ease_scorer
from personalize_emu.recipes.scorers.latent import fit_latent_scorer
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity, fit_popularity_scorer
from personalize_emu.recipes.scorers.sessions import users_are_sessions
from personalize_emu.recipes.scorers.time_aware_knn import fit_time_aware_knn
from personalize_emu.recipes.scorers.transitions import fit_transition_scorer
from personalize_emu.recipes.sequential.gru import USUAL_HIDDEN, Shape
from personalize_emu.recipes.sequential.sequential_member import (
    SequentialMember,
    continue_sequential_member,
    fit_sequential_member,
)
from personalize_emu.recipes.wrappers.cold_items import ColdItems, fit_cold_items
from personalize_emu.recipes.wrappers.next_item_model import NextItemModel
from personalize_emu.recipes.wrappers.repeats import Repeats, fit_repeats

SESSIONS_SHARE = 0.1
"""A session has little else than its order, so the sequential model pays with less data (docs/decisions/0006)."""
MOST_IN_THREADS = 1_000_000
"""Interactions: with more, the scorers of several parts and all that their fits need would take too much memory."""
INVERSE_TEMPERATURE = 1.0
"""Of the weighted scores, until it is measured on users the models have not seen."""


@dataclass(frozen=True, eq=False)
class PersonalModel(NextItemModel):
    """The ensemble of the base scorers and, beside it, a sequential model."""

    catalog: tuple[str, ...]
    ensemble: Ensemble
    popularity: Popularity
    repeats: Repeats
    inverse_temperature: float
    cold: ColdItems
    sequential: SequentialMember | None = None
    """With many interactions only."""

    def calibrated_temperature(self, test_users: Sequence[HeldOut]) -> float:
        """The inverse_temperature under which what these users did next is most likely; items they had do not count."""
        blends = self.ensemble.relevance([user.history for user in test_users])
        for row, user in zip(blends, test_users, strict=True):
            row[user.history.items] = -np.inf
            row[~self.trained_items] = -np.inf
        return fit_inverse_temperature(blends, [user.truth for user in test_users], self.inverse_temperature)

    def weighted_sequential(self, test_users: Sequence[HeldOut], inverse_temperature: float) -> SequentialMember | None:
        """The sequential of sequences, weighed beside the ensemble at that inverse_temperature."""
        if self.sequential is None:
            return None
        others = self.ensemble.relevance([user.history for user in test_users])
        others *= np.float32(inverse_temperature)
        return self.sequential.measured(others, self.trained_items, test_users)

    def next_items(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Logits between popularity and relevance: the more of a history is known, the more the ensemble decides."""
        known = [np.count_nonzero(self.trained_items[history.items]) for history in histories]
        share = (np.float32(1) / (2 * np.array(known, np.float32) + 1))[:, None]
        logits = self.ensemble.relevance(histories)
        logits *= np.float32(self.inverse_temperature) * (1 - share)
        logits += np.float32(self.inverse_temperature) * share * self._popular
        self._add_sequential(logits, histories)
        logits[np.array(known) == 0] = self._popular
        return logits

    def logit_parts(self, history: History, item: int) -> tuple[ScorePart, ...]:
        """Of every column of the ensemble, of popularity, which decides for new users, and of the network."""
        known = int(np.count_nonzero(self.trained_items[history.items]))
        popular = float(self._popular[item])
        if not known:
            return (ScorePart("popularity of new users", popular),)
        share, scale = 1 / (2 * known + 1), self.inverse_temperature
        parts = [
            *((name, scale * (1 - share) * value) for name, value in self.ensemble.parts(history, item)),
            ("popularity of new users", scale * share * popular),
        ]
        if self.sequential is not None and not self.ensemble.users.returning([history])[0]:
            of_others, of_network = self.sequential.weights
            network = float(self.sequential.network.scores_many([history])[0, item])
            parts = [*((name, of_others * value) for name, value in parts), ("sequence network", of_network * network)]
        return tuple([ScorePart(name, value) for name, value in parts])

    def _add_sequential(self, logits: NDArray[np.float32], histories: Sequence[History]) -> None:
        """To the logits of active users, in place. It does not help returning users (docs/decisions/0006)."""
        if self.sequential is None:
            return
        active = np.flatnonzero(~self.ensemble.users.returning(histories))
        if len(active):
            logits[active] = self.sequential.beside(logits[active], [histories[row] for row in active.tolist()])


@dataclass(frozen=True)
class PersonalRecipe(Recipe):
    """One of the four. recency: the name of its switch for weighing recent events more (R-72b, R-73c)."""

    name: str
    kind: Kind
    recency: str
    network_from: int = 200_000
    """Interactions from which on a sequential model joins, unless the run says another number; 0 for never. Where users
    are sessions, SESSIONS_SHARE of it.
    """

    def fit(self, data: TrainingData, run: TrainingRun) -> PersonalModel:
        kept, rng = self._users(data, run), run.rng()
        joins = self._network_joins(kept.interactions, run)
        model = self._fit(data, kept, None, INVERSE_TEMPERATURE, run.within(0, 0.2) if joins else run)
        if joins:
            report = run.within(0.2, 1).progress
            sequential = fit_sequential_member(kept.interactions, len(data.catalog), self._shape(run), rng, report)
            model = replace(model, sequential=sequential)
        run.progress("fitted", 1.0)
        return model

    def fit_after_evaluation(
        self, evaluated: Model, test_users: Sequence[HeldOut], data: TrainingData, run: TrainingRun
    ) -> PersonalModel:
        if not isinstance(evaluated, PersonalModel) or not test_users:
            return self.fit(data, run)
        few = users_to_measure(CALIBRATION_USERS, len(data.catalog))
        inverse_temperature = evaluated.calibrated_temperature(test_users[:few])
        known = evaluated.weighted_sequential(
            test_users[: users_to_measure(WEIGHTING_USERS, len(data.catalog))], inverse_temperature
        )
        kept = self._users(data, run)
        weights = evaluated.ensemble.weights
        model = self._fit(data, kept, weights, inverse_temperature, run.within(0, 0.5) if known else run)
        if known is not None:
            report = run.within(0.5, 1).progress
            sequential = continue_sequential_member(known, kept.interactions, self._shape(run), run.rng(), report)
            model = replace(model, sequential=sequential)
        run.progress("fitted", 1.0)
        return model

    def without_effect(self, data: TrainingData, run: TrainingRun) -> frozenset[str]:
        """Only the network has a hidden dimension."""
        joins = self._network_joins(data.interactions, run)
        return frozenset() if joins else frozenset({"hidden_dimension"})

    def _network_joins(self, interactions: Interactions, run: TrainingRun) -> bool:
        least = self.network_from if run.sequential_from is None else run.sequential_from
        return 0 < least * (SESSIONS_SHARE if users_are_sessions(interactions) else 1) <= len(interactions)

    def _fit(
        self,
        data: TrainingData,
        kept: TrainingData,
        weights: Weights | None,
        inverse_temperature: float,
        run: TrainingRun,
    ) -> PersonalModel:
        """Without a sequential model; of the users in `kept`."""
        return PersonalModel(
            data.catalog,
            self._ensemble(kept, weights, run),
            count_popularity(data.interactions, len(data.catalog)),
            fit_repeats(kept.interactions, len(data.catalog)),
            inverse_temperature,
            fit_cold_items(self._described(data)),
        )

    def _users(self, data: TrainingData, run: TrainingRun) -> TrainingData:
        bounds = percentiles(run.hyperparameters, "user_history_length", 0.0, 0.99 if self._filters_users else 1.0)
        return users_within(data, bounds)

    def _shape(self, run: TrainingRun) -> Shape:
        """R-57, R-58; the v2 recipes leave both to us."""
        hidden = int(number(run.hyperparameters, "hidden_dimension", USUAL_HIDDEN))
        steps = int(number(run.hyperparameters, "bptt", 32))
        return Shape(hidden, steps, flag(run.hyperparameters, self.recency, True))

    def _ensemble(self, data: TrainingData, weights: Weights | None, run: TrainingRun) -> Ensemble:
        """With weights learned from `data`, unless they are known already."""
        shape = self._shape(run)
        kernels = kernels_of(shape.recency, shape.steps)
        vectors = vectors_of(data.item_features)
        item_count = len(data.catalog)

        fits: list[tuple[str, Callable[[Interactions], Scorer]]] = [
            ("EASE", lambda interactions: fit_ease_scorer(interactions, item_count, kernels)),
            ("time-aware kNN", lambda interactions: fit_time_aware_knn(interactions, item_count, kernels)),
            ("transitions", lambda interactions: fit_transition_scorer(interactions, item_count, kernels)),
            ("latent factors", lambda interactions: fit_latent_scorer(interactions, item_count, kernels)),
            ("popularity", lambda interactions: fit_popularity_scorer(interactions, item_count)),
        ]
        if vectors is not None:
            fits.append(("content", lambda _interactions: ContentScorer(vectors, kernels)))
        steps, done = len(fits) * (1 + len(ORIGINS) if weights is None else 1), count()

        def scorers(parts: Sequence[TrainingData]) -> Iterator[tuple[Scorer, ...]]:
            # `interactions` is derived here, once, as several tasks read it.
            tasks = [partial(fit, part.interactions) for part in parts for _, fit in fits]
            fitted = in_order(tasks, run.threads if len(data.items) <= MOST_IN_THREADS else 1)
            for _ in parts:
                found = []
                for name, _ in fits:
                    run.progress(name, next(done) / steps)
                    found.append(next(fitted))
                yield tuple(found)

        return fit_ensemble(data, scorers, weights)

    def _described(self, data: TrainingData) -> TrainingData:
        """Rankings leave items without interactions unscored, and so need no metadata of them (R-74a)."""
        return replace(data, item_features=None) if self.kind is Kind.RANKING else data

    @property
    def _filters_users(self) -> bool:
        return self.recency == "recency_mask"


CALIBRATION_USERS = 200
"""Enough users to measure one number on."""
WEIGHTING_USERS = 400
"""And these, to measure two."""
FEWEST_MEASURED, MOST_MEASURED_CELLS = 20, 2**25
"""Fewer users in large catalogs, as scores of all items are held for each, some of them in double precision."""


def users_to_measure(enough: int, item_count: int) -> int:
    """How many users to measure on where `enough` would be."""
    return min(enough, max(FEWEST_MEASURED, MOST_MEASURED_CELLS // max(1, item_count)))


def personal_recipes() -> tuple[PersonalRecipe, ...]:
    """Both versions of both recipes."""
    return (
        PersonalRecipe("aws-user-personalization", Kind.PERSONALIZED, "recency_mask"),
        PersonalRecipe("aws-user-personalization-v2", Kind.PERSONALIZED, "apply_recency_bias"),
        PersonalRecipe("aws-personalized-ranking", Kind.RANKING, "recency_mask"),
        PersonalRecipe("aws-personalized-ranking-v2", Kind.RANKING, "apply_recency_bias"),
    )
