"""Common part of models of a user's next item: logits of all items become a distribution over the catalog (R-72).

Cold items are placed by their metadata; items of the history get the probability of their repeat hazards.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Model, ScorePart
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.scorers.histories import first_unseen
from personalize_emu.recipes.scorers.popularity import Popularity
from personalize_emu.recipes.wrappers.cold_items import ColdItems
from personalize_emu.recipes.wrappers.repeats import Repeats, repeat_hazards, with_repeats

Table = NDArray[np.float32]


class NextItemModel(Model):
    """Log-probabilities of the next item, from a history; their softmax over the catalog sums to 1 (R-72)."""

    popularity: Popularity
    repeats: Repeats
    cold: ColdItems
    has_scores = True

    @abstractmethod
    def next_items(self, histories: Sequence[History]) -> Table:
        """float32[histories, items]: logits, of merged histories; of cold items and of returns they say nothing.

        The caller may write to them.
        """

    @cached_property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.popularity.interactions > 0

    def scores_many(self, histories: Sequence[History]) -> Table:
        histories = [history.merged() for history in histories]
        logits = self.next_items(histories)
        self.cold.place(logits)
        return self._with_repeats(logits, histories)

    def scores_with_others(self, histories: Sequence[History], features: Features) -> tuple[Table, Table | None]:
        """The others by what their metadata say (R-72g, R-112, T-70)."""
        histories = [history.merged() for history in histories]
        logits = self.next_items(histories)
        others = self.cold.of_others(logits, features)
        self.cold.place(logits)
        # What makes probabilities of the logits of items that a user never had is added to the others, too.
        cells = np.arange(len(histories)), np.array([first_unseen(history, len(self.catalog)) for history in histories])
        before = logits[cells]
        finished = self._with_repeats(logits, histories)
        return finished, None if others is None else others + (finished[cells] - before)[:, None]

    def parts(self, history: History, item: int) -> tuple[ScorePart, ...]:
        """Those of the logit, or "item metadata" of a cold item, and what makes a log-probability of it."""
        history = history.merged()
        logits = self.next_items([history])
        self.cold.place(logits)
        placed = float(logits[0, item])
        finished = float(self._with_repeats(logits, [history])[0, item])
        is_cold = bool((self.cold.numbers == item).any())
        parts = (ScorePart("item metadata", placed),) if is_cold else self.logit_parts(history, item)
        last = "return to a known item" if (history.items == item).any() else "normalisation"
        return (*parts, ScorePart(last, finished - placed))

    def logit_parts(self, history: History, item: int) -> tuple[ScorePart, ...]:
        """Of `next_items`, for a merged history."""
        return (ScorePart("sequence network", float(self.next_items([history])[0, item])),)

    @cached_property
    def _popular(self) -> Table:
        """float32[items]: logits where nothing is known of a user."""
        return self.popularity.log_shares()

    def _with_repeats(self, logits: Table, histories: Sequence[History]) -> Table:
        """In the memory of `logits`."""
        return with_repeats(logits, repeat_hazards(self.repeats, histories, len(self.catalog)))
