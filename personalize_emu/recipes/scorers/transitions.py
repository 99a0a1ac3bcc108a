"""Transition counts: what follows the last few items of a history within twenty steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personalize_emu.recipes.base import History
from personalize_emu.recipes.models.transitions import Transitions, fit_transitions
from personalize_emu.recipes.scorers.base import Column, Kernels, Scorer, Table
from personalize_emu.recipes.visits import Visits


@dataclass(frozen=True, eq=False)
class TransitionScorer(Scorer):
    """transitions: of all interactions."""

    transitions: Transitions
    kernels: Kernels

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("transitions", True, 0.1),)

    def scores(self, histories: Sequence[History]) -> Table:
        return self.transitions.scores_many(histories, self.kernels.last)[None]


def fit_transition_scorer(visits: Visits, item_count: int, kernels: Kernels) -> TransitionScorer:
    return TransitionScorer(fit_transitions(visits, item_count), kernels)
