"""The GRU as a member of the ensemble of a personal recipe, from many interactions on.

Its log-probabilities are added to the logits of the other scorers, with weights learned on held-out users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import HeldOut, History, Progress
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.numerics.conditional_logit import Example, fit_conditional_logit
from personalize_emu.recipes.sequential.gru import (
    NextItemNetwork,
    Shape,
    continue_next_item_network,
    fit_next_item_network,
)

Rows = NDArray[np.float32]
USUAL_WEIGHTS = (0.4, 0.65)
"""Of the other scorers' logits and of the network, until weights are learned."""
STRENGTH = 1e-3
"""Of the pull of the weights towards the usual ones."""
LEAST_WEIGHT = 0.02
"""A network that has earned no more is left out: it would only cost time."""


@dataclass(frozen=True, eq=False)
class SequentialMember:
    """weights: of the other scorers' logits, and of the network's log-probabilities."""

    network: NextItemNetwork
    weights: tuple[float, ...]

    def beside(self, others: Rows, histories: Sequence[History]) -> Rows:
        """float32[histories, items]: logits of all together. others: those of the other scorers."""
        of_others, of_network = map(np.float32, self.weights)
        total: Rows = of_others * others + of_network * self.network.scores_many(histories)
        return total

    def measured(self, others: Rows, trained: NDArray[np.bool_], test_users: Sequence[HeldOut]) -> SequentialMember:
        """With the weights under which what these users did next is most likely, the sooner the more; items they had do
        not count.

        others: float32[users, items]. trained: bool[items], items that may come next.
        """
        parts = others, self.network.scores_many([user.history for user in test_users])
        examples = []
        for row, user in enumerate(test_users):
            allowed = trained.copy()
            allowed[user.history.items] = False
            relevance = np.zeros(len(trained), np.float32)
            relevance[user.truth] = user.position_discounts
            if relevance[allowed].any():
                features = np.stack([part[row, allowed] for part in parts], axis=1)
                examples.append(Example(features, relevance[allowed]))
        found = fit_conditional_logit(examples, np.array(self.weights), STRENGTH, np.zeros(len(parts)))
        return replace(self, weights=tuple(np.round(found, 5).tolist()))


def fit_sequential_member(
    interactions: Interactions, item_count: int, shape: Shape, rng: np.random.Generator, progress: Progress
) -> SequentialMember | None:
    """With the usual weights; None where there are no sequences."""
    network = fit_next_item_network(interactions, item_count, shape, rng, progress)
    return SequentialMember(network, USUAL_WEIGHTS) if network is not None else None


def continue_sequential_member(
    known: SequentialMember, interactions: Interactions, shape: Shape, rng: np.random.Generator, progress: Progress
) -> SequentialMember | None:
    """With all users, after `known`, of a part of them, was measured; None where it has earned nothing."""
    if known.weights[1] < LEAST_WEIGHT:
        return None
    return replace(known, network=continue_next_item_network(known.network, interactions, shape, rng, progress))
