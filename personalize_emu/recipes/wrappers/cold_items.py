"""Items that nobody met yet among the scores of a personal model: what metadata say takes the place of experience.

They stand, on average, below items that hardly anybody met; among themselves, and as far as their description says
much, up into the others, they follow their metadata. What is not described at all comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.content.content_scores import Content, Told, Trial, fit_content
from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.contract.interactions import Visits

COLD_STEP = 1.0
"""In log-probability: items that nothing is known of lie so far below the least likely item that people met, and
others below rare items with the same metadata."""
HIDDEN_ITEMS, HIDDEN_SHARE = 800, 0.15
"""At most so many of the items, and this share of them, are hidden to learn from."""
TRIAL_USERS = 100
FEWEST_USERS, MOST_CELLS = 20, 30_000_000
"""Users asked while learning: fewer in large catalogs, as the scores of all items are held for each (120 MB)."""
LEAST_STRETCH, GREATEST_STRETCH = 0.5, 1.5

Scores = NDArray[np.float32]
ScoresOfMany = Callable[[Sequence[History]], Scores]
"""float32[histories, items]: standardised scores, those of items without interactions of no importance."""


@dataclass(frozen=True, eq=False)
class ColdItems:
    """numbers: int64[c], items without interactions. content: None where metadata say nothing.

    stretch: from what the metadata explain of log-probabilities to log-probabilities.
    """

    numbers: NDArray[np.int64]
    content: Content | None
    stretch: float

    def place(self, logits: Scores) -> None:
        """Give the cold items their logits, in the memory of `logits`, float32[rows, items]."""
        if not 0 < len(self.numbers) < logits.shape[1]:
            return
        logits[:, self.numbers] = self._lowest(logits)[:, None]
        if self.content is not None and len(self.content.new):
            logits[:, self.content.new] = self._placed(self.content.of_new(logits))

    def of_others(self, logits: Scores, features: Features) -> Scores | None:
        """float32[rows, features.count]: of items outside the catalog, beside `logits`, float32[rows, items]."""
        if self.content is None or len(self.numbers) == logits.shape[1]:
            return None
        placed = self._placed(self.content.of_others(logits, features))
        return np.where(self.content.describes(features), placed, self._lowest(logits)[:, None])

    def _placed(self, told: Told) -> Scores:
        """float32[rows, n]: where items stand of which metadata say so much."""
        placed: Scores = (told.levels - np.float32(COLD_STEP))[:, None] + np.float32(self.stretch) * told.estimates
        return placed

    def _lowest(self, logits: Scores) -> Scores:
        """float32[rows]: where an item stands that nothing is known of."""
        kept = logits[:, self.numbers]
        logits[:, self.numbers] = np.inf
        levels: Scores = logits.min(axis=1) - np.float32(COLD_STEP)
        logits[:, self.numbers] = kept
        return levels


def find_cold_items(
    data: TrainingData, scores_of_many: ScoresOfMany, sharpness: float, rng: np.random.Generator
) -> ColdItems:
    """Learn from `data` what metadata say of items.

    scores_of_many: of a model fitted to `data`; sharpness: from its scores to log-probabilities.
    """
    counts = np.bincount(data.visits.items, minlength=len(data.catalog))
    visited = counts > 0
    content = None
    if data.item_features:
        trial = trial_of(data.visits, visited, scores_of_many, rng)
        content = fit_content(data.item_features, counts, trial, rng)
    stretch = 1.0 if content is None else float(np.clip(content.sharpness / sharpness, LEAST_STRETCH, GREATEST_STRETCH))
    return ColdItems(np.flatnonzero(~visited), content, stretch)


def trial_of(
    visits: Visits, visited: NDArray[np.bool_], scores_of_many: ScoresOfMany, rng: np.random.Generator
) -> Trial:
    """Hide some items from the histories of some users."""
    known = np.flatnonzero(visited)
    count = min(HIDDEN_ITEMS, int(HIDDEN_SHARE * len(known)))
    hidden = np.zeros(len(visited), np.bool_)
    hidden[rng.permutation(known)[:count]] = True
    gone = hidden[visits.items]
    users = len(visits.lengths)
    hits = np.bincount(visits.users[gone], minlength=users)
    asked = rng.permutation(np.flatnonzero((hits > 0) & (hits < visits.lengths)))
    asked = asked[: max(FEWEST_USERS, min(TRIAL_USERS, MOST_CELLS // max(1, len(visited))))]
    rows = [np.arange(visits.offsets[user], visits.offsets[user + 1]) for user in asked.tolist()]
    histories = [_history(visits, row[~gone[row]]) for row in rows]
    scores = scores_of_many(histories) if histories else np.zeros((0, len(visited)), np.float32)
    return Trial(hidden, scores, [np.unique(visits.items[row[gone[row]]]) for row in rows])


def _history(visits: Visits, rows: NDArray[np.int64]) -> History:
    return History(visits.items[rows], visits.timestamps[rows])
