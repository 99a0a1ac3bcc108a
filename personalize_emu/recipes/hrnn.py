"""HRNN, the legacy recipe: a recurrent network alone says what a user does next (R-13, R-57 to R-61, R-65).

Items the user had come back with the probability learned in `models/repeats.py`, as in User-Personalization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import (
    HeldOut,
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
)
from personalize_emu.recipes.cold_items import ColdItems, find_cold_items
from personalize_emu.recipes.features import Features
from personalize_emu.recipes.models.histories import never_had
from personalize_emu.recipes.models.many import chances_of_many, with_returns_of_many
from personalize_emu.recipes.models.popularity import Popularity, count_popularity
from personalize_emu.recipes.models.recurrent.next_item import (
    NextItemNetwork,
    Shape,
    continue_next_item_network,
    fit_next_item_network,
)
from personalize_emu.recipes.models.repeats import Repeats, fit_repeats
from personalize_emu.recipes.parameters import flag, number, percentiles
from personalize_emu.recipes.percentiles import users_within


@dataclass(frozen=True, eq=False)
class SequenceModel(Model):
    """Log-probabilities of the next item, from a history. network: None where there were no sequences."""

    catalog: tuple[str, ...]
    network: NextItemNetwork | None
    popularity: Popularity
    repeats: Repeats
    cold: ColdItems
    has_scores = True

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.visits > 0

    def scores(self, history: History) -> NDArray[np.float32]:
        """float32[items]: log-probabilities, their softmax over the catalog sums to 1 (R-72)."""
        scores: NDArray[np.float32] = self.scores_many([history])[0]
        return scores

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        histories = [history.merged() for history in histories]
        logits = self.next_items(histories)
        self.cold.place(logits)
        return with_returns_of_many(logits, chances_of_many(self.repeats, histories, len(self.catalog)))

    def scores_with_others(
        self, histories: Sequence[History], features: Features
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """The others by what their metadata say (R-72g, T-70)."""
        histories = [history.merged() for history in histories]
        logits = self.next_items(histories)
        others = self.cold.of_others(logits, features)
        finished = self.scores_many(histories)
        cells = np.arange(len(histories)), np.array([never_had(history, len(self.catalog)) for history in histories])
        self.cold.place(logits)
        return finished, None if others is None else others + (finished[cells] - logits[cells])[:, None]

    def next_items(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Of merged histories; what they say of cold items and of returns is of no use."""
        logits = np.tile(self._popular, (len(histories), 1))
        known = [row for row, history in enumerate(histories) if self.trained_items[history.items].any()]
        if self.network is not None and known:
            logits[known] = self._completed(self.network.scores_many([histories[row] for row in known]))
        return logits

    @cached_property
    def _popular(self) -> NDArray[np.float32]:
        return self.popularity.log_shares()

    def _completed(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Items that are not modelled come after the others, the more popular first."""
        missing = np.flatnonzero(self.network.place < 0) if self.network is not None else np.empty(0, np.int64)
        if len(missing):
            logits[:, missing] += self._popular[missing] - self._popular[missing].max()
        return logits


@dataclass(frozen=True)
class Hrnn(Recipe):
    """default_hidden: `hidden_dimension` where it is not given (R-65).

    reads_items: items that nobody met are told apart by their metadata.
    """

    name: str = "aws-hrnn"
    default_hidden: int = 43
    reads_items: bool = False
    kind = Kind.PERSONALIZED

    def fit(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> SequenceModel:
        kept = self._users(data, hyperparameters)
        network = fit_next_item_network(
            kept.visits, len(data.catalog), self._shape(hyperparameters), rng, progress
        )
        return self._model(data, kept, network, rng, progress)

    def fit_after_evaluation(
        self,
        evaluated: Model,
        test_users: Sequence[HeldOut],
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> SequenceModel:
        """What the evaluated network knows of most users is taken further with all of them."""
        del test_users
        if not isinstance(evaluated, SequenceModel) or evaluated.network is None:
            return self.fit(data, hyperparameters, rng, progress)
        kept = self._users(data, hyperparameters)
        network = continue_next_item_network(
            evaluated.network, kept.visits, self._shape(hyperparameters), rng, progress
        )
        return self._model(data, kept, network, rng, progress)

    def _model(
        self,
        data: TrainingData,
        kept: TrainingData,
        network: NextItemNetwork | None,
        rng: np.random.Generator,
        progress: Progress,
    ) -> SequenceModel:
        count = len(data.catalog)
        popularity = count_popularity(data.visits, count)
        cold = ColdItems(np.flatnonzero(popularity.visits == 0), None, 1.0)
        model = SequenceModel(data.catalog, network, popularity, fit_repeats(kept.visits, count), cold)
        if self.reads_items:
            model = replace(model, cold=find_cold_items(data, model.next_items, 1.0, rng))
        progress("fitted", 1.0)
        return model

    def _users(self, data: TrainingData, hyperparameters: Hyperparameters) -> TrainingData:
        return users_within(data, percentiles(hyperparameters, "user_history_length", 0.0, 0.99))

    def _shape(self, hyperparameters: Hyperparameters) -> Shape:
        return Shape(
            hidden=int(number(hyperparameters, "hidden_dimension", self.default_hidden)),
            steps=int(number(hyperparameters, "bptt", 32)),
            recency=flag(hyperparameters, "recency_mask", True),
        )
