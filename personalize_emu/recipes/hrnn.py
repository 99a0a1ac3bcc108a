"""HRNN, the legacy recipe: a recurrent network alone says what a user does next (R-13, R-57 to R-61, R-65).

Items the user had come back with the probability learned in `models/repeats.py`, as in User-Personalization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import (
    HeldOut,
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
)
from personalize_emu.recipes.contract.hyperparameters import flag, number, percentiles, users_within
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity
from personalize_emu.recipes.sequential.gru import (
    NextItemNetwork,
    Shape,
    continue_next_item_network,
    fit_next_item_network,
)
from personalize_emu.recipes.wrappers.cold_items import ColdItems, find_cold_items
from personalize_emu.recipes.wrappers.next_item_model import NextItemModel
from personalize_emu.recipes.wrappers.repeats import Repeats, fit_repeats


@dataclass(frozen=True, eq=False)
class SequenceModel(NextItemModel):
    """network: None where there were no sequences."""

    catalog: tuple[str, ...]
    network: NextItemNetwork | None
    popularity: Popularity
    repeats: Repeats
    cold: ColdItems

    def scores(self, history: History) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = self.scores_many([history])[0]
        return scores

    def next_items(self, histories: Sequence[History]) -> NDArray[np.float32]:
        logits = np.tile(self._popular, (len(histories), 1))
        known = [row for row, history in enumerate(histories) if self.trained_items[history.items].any()]
        if self.network is not None and known:
            logits[known] = self._completed(self.network.scores_many([histories[row] for row in known]))
        return logits

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
