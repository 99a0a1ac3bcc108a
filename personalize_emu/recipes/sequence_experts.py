"""What joins the linear models of a personal recipe when there are many visits: two readers of the order of events.

`two_bands` is solved in seconds, the recurrent network takes minutes. Their opinions are pooled with that of the
other models, with weights measured on users that none of them had seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import HeldOut, History, Progress, within
from personalize_emu.recipes.models.blend import standardised
from personalize_emu.recipes.models.pooling import learned_weights, pooled
from personalize_emu.recipes.models.recurrent.next_item import (
    NextItemNetwork,
    Shape,
    continue_next_item_network,
    fit_next_item_network,
)
from personalize_emu.recipes.models.two_bands import TwoBands, fit_two_bands
from personalize_emu.recipes.visits import Visits

Rows = NDArray[np.float32]
USUAL_WEIGHTS = (0.15, 0.15, 0.9)
USUAL_WITHOUT_NETWORK = (0.2, 0.8, 0.0)
"""Of the linear models' logits, of the two bands and of the network, until they are measured."""
LEAST_WEIGHT = 0.02
"""A network that has earned no more is left out: it would only cost time."""


@dataclass(frozen=True, eq=False)
class SequenceExperts:
    """network: None where it is not wanted or not worth its time. weights: of the linear logits, bands and network."""

    bands: TwoBands
    network: NextItemNetwork | None
    weights: tuple[float, ...]

    def pooled_with(self, linear: Rows, histories: Sequence[History]) -> Rows:
        """float32[histories, items]: logits of all together. linear: those of the other models."""
        parts = self._parts(linear, histories)
        return pooled(parts, self.weights[: len(parts)])

    def measured(self, linear: Rows, trained: NDArray[np.bool_], test_users: Sequence[HeldOut]) -> SequenceExperts:
        """With the weights under which what these users did next is most likely; items they had do not count.

        linear: float32[users, items]. trained: bool[items], items that may come next.
        """
        allowed = np.tile(trained, (len(test_users), 1))
        for row, user in zip(allowed, test_users, strict=True):
            row[user.history.items] = False
        parts = self._parts(linear, [user.history for user in test_users])
        usual = self.weights[: len(parts)]
        return replace(self, weights=learned_weights(parts, allowed, [user.truth for user in test_users], usual))

    def _parts(self, linear: Rows, histories: Sequence[History]) -> list[Rows]:
        parts = [linear, standardised(self.bands.scores_many(histories))]
        if self.network is not None:
            parts.append(self.network.scores_many(histories))
        return parts


@dataclass(frozen=True)
class Wanted:
    """shape: of the network; None for the two bands alone."""

    shape: Shape | None


def fit_sequence_experts(
    visits: Visits, item_count: int, wanted: Wanted, rng: np.random.Generator, progress: Progress
) -> SequenceExperts:
    """Both readers; the weights are the usual ones."""
    progress("the last item and those before", 0.0)
    bands = fit_two_bands(visits, item_count)
    network = None
    if wanted.shape is not None:
        network = fit_next_item_network(visits, item_count, wanted.shape, rng, within(progress, 0.05, 1))
    return SequenceExperts(bands, network, USUAL_WEIGHTS if network else USUAL_WITHOUT_NETWORK)


def refit_sequence_experts(
    known: SequenceExperts,
    visits: Visits,
    item_count: int,
    wanted: Wanted,
    rng: np.random.Generator,
    progress: Progress,
) -> SequenceExperts:
    """With all users, after `known`, of a part of them, was measured: its weights stay, its network goes on."""
    progress("the last item and those before", 0.0)
    network = None
    if known.network is not None and wanted.shape is not None and known.weights[2] >= LEAST_WEIGHT:
        hear = within(progress, 0.1, 1)
        network = continue_next_item_network(known.network, visits, wanted.shape, rng, hear)
    return SequenceExperts(fit_two_bands(visits, item_count), network, known.weights)
