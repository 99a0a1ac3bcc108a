"""HRNN, the legacy recipe: a recurrent network alone predicts the next item (R-13, R-57 to R-61, R-65).

Resembles GRU4Rec (Hidasi et al. 2016). Repeat consumption is added as in User-Personalization (wrappers/repeats.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import HeldOut, History, Kind, Model, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.hyperparameters import flag, number, percentiles, users_within
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity
from personalize_emu.recipes.sequential.gru import (
    NextItemNetwork,
    Shape,
    continue_next_item_network,
    fit_next_item_network,
)
from personalize_emu.recipes.wrappers.cold_items import ColdItems, fit_cold_items
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

    reads_items: items without interactions are placed by their metadata.
    """

    name: str = "aws-hrnn"
    default_hidden: int = 43
    reads_items: bool = False
    kind = Kind.PERSONALIZED

    def fit(self, data: TrainingData, run: TrainingRun) -> SequenceModel:
        kept, rng = self._users(data, run), run.rng()
        network = fit_next_item_network(kept.interactions, len(data.catalog), self._shape(run), rng, run.progress)
        return self._model(data, kept, network, run)

    def fit_after_evaluation(
        self, evaluated: Model, test_users: Sequence[HeldOut], data: TrainingData, run: TrainingRun
    ) -> SequenceModel:
        """What the evaluated network knows of most users is taken further with all of them."""
        del test_users
        if not isinstance(evaluated, SequenceModel) or evaluated.network is None:
            return self.fit(data, run)
        kept, rng = self._users(data, run), run.rng()
        network = continue_next_item_network(evaluated.network, kept.interactions, self._shape(run), rng, run.progress)
        return self._model(data, kept, network, run)

    def _model(
        self,
        data: TrainingData,
        kept: TrainingData,
        network: NextItemNetwork | None,
        run: TrainingRun,
    ) -> SequenceModel:
        count = len(data.catalog)
        popularity = count_popularity(data.interactions, count)
        cold = fit_cold_items(data if self.reads_items else replace(data, item_features=None))
        model = SequenceModel(data.catalog, network, popularity, fit_repeats(kept.interactions, count), cold)
        run.progress("fitted", 1.0)
        return model

    def _users(self, data: TrainingData, run: TrainingRun) -> TrainingData:
        return users_within(data, percentiles(run.hyperparameters, "user_history_length", 0.0, 0.99))

    def _shape(self, run: TrainingRun) -> Shape:
        return Shape(
            hidden=int(number(run.hyperparameters, "hidden_dimension", self.default_hidden)),
            steps=int(number(run.hyperparameters, "bptt", 32)),
            recency=flag(run.hyperparameters, "recency_mask", True),
        )
