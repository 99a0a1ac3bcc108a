"""Items without interactions among the scores of a personal model, placed by their metadata (R-72g, R-112).

They stand, on average, below rare items with the same metadata; among themselves they follow the regression of scores
on metadata (content/content_regression.py). Items without metadata come last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.content.content_regression import ContentRegression, Predicted, fit_content_regression
from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.recipes.contract.features import Features

COLD_STEP = np.float32(1.0)
"""In log-probability: how far an item without metadata lies below the least likely item with interactions, and a new
item below rare ones with the same metadata."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ColdItems:
    """numbers: int64[c], items without interactions. content: None where metadata tell nothing."""

    numbers: NDArray[np.int64]
    content: ContentRegression | None = None

    def place(self, logits: Scores) -> None:
        """Give the cold items their logits, in the memory of `logits`, float32[rows, items]."""
        if not 0 < len(self.numbers) < logits.shape[1]:
            return
        for row in logits:
            row[self.numbers] = np.inf
            row[self.numbers] = row.min() - COLD_STEP
        if self.content is not None and len(self.content.new):
            logits[:, self.content.new] = _placed(self.content.of_new(logits))

    def of_others(self, logits: Scores, features: Features) -> Scores | None:
        """float32[rows, features.count]: of items outside the catalog, beside `logits`, float32[rows, items]."""
        if self.content is None or len(self.numbers) == logits.shape[1]:
            return None
        placed = _placed(self.content.of_others(logits, features))
        return np.where(self.content.describes(features), placed, self._lowest(logits)[:, None])

    def _lowest(self, logits: Scores) -> Scores:
        """float32[rows]: the logit of an item without metadata."""
        kept = logits[:, self.numbers]
        logits[:, self.numbers] = np.inf
        levels: Scores = logits.min(axis=1) - COLD_STEP
        logits[:, self.numbers] = kept
        return levels


def _placed(predicted: Predicted) -> Scores:
    """float32[rows, n]."""
    placed: Scores = (predicted.levels - COLD_STEP)[:, None] + predicted.estimates
    return placed


def fit_cold_items(data: TrainingData) -> ColdItems:
    """Fit to the items of `data`; what a model says of these is regressed on metadata when scores are made."""
    counts = np.bincount(data.interactions.items, minlength=len(data.catalog))
    return ColdItems(np.flatnonzero(counts == 0), fit_content_regression(data.item_features, counts))
