"""Training of the network, with early stopping on validation users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.sequential.adam import Adam, Schedule, clip
from personalize_emu.recipes.sequential.batches import Sequences, batches
from personalize_emu.recipes.sequential.gru_network import Network, Noise, Window, training_step

Report = Callable[[float], None]
"""Called with the share of the work done so far, from 0 to 1, several times a second."""
LONGEST_GRADIENT = 1.0
REPORT_EVERY = 2
LAST = 3
"""Interactions of each validation user that must be foreseen."""
LOOK_BACK = 100
"""Interactions that are read for it."""


@dataclass(frozen=True)
class Plan:
    """How to train. steps: through how many gradients go back. windows: of `steps` each, along which states pass on.

    positions: steps of all rows of a batch. patience: rounds without a better validation after which to stop.
    """

    rounds: int
    rate: float = 0.003
    steps: int = 32
    windows: int = 2
    positions: int = 8192
    dropout: float = 0.2
    others: int = 512
    patience: int = 3


@dataclass(frozen=True, eq=False)
class Training:
    """network: the weights of the best round. rounds: how many it had had. losses: of validation, by round."""

    network: Network
    rounds: int
    losses: tuple[float, ...]


def train_network(
    network: Network,
    sequences: Sequences,
    plan: Plan,
    held_out: NDArray[np.bool_],
    rng: np.random.Generator,
    report: Report,
) -> Training:
    """Train `network` in place. held_out: bool[users], the validation slice, each of two items or more; none of them:
    all rounds are done.
    """
    users, validation = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    expected = max(1, int((sequences.lengths[users] - 1).clip(0).sum()) // plan.positions) * plan.rounds
    adam, schedule, noise = Adam(network.arrays), Schedule(plan.rate, expected), Noise(plan.dropout, plan.others)
    best, losses, updates = network, [], 0
    for _ in range(plan.rounds):
        for batch in batches(sequences, users, plan.steps * plan.windows, plan.positions, rng):
            states = np.zeros((batch.items.shape[1], len(network.out)), network.embeddings.dtype)
            for start in range(0, len(batch.items), plan.steps):
                part = slice(start, start + plan.steps)
                window = Window(batch.items[part], batch.targets[part], batch.weights[part], states)
                result = training_step(network, window, noise, rng)
                clip(result.gradients, LONGEST_GRADIENT)
                adam.update(result.gradients, schedule.rate(updates))
                states = result.states
            updates += 1
            if updates % REPORT_EVERY == 0:
                report(min(1.0, updates / expected))
        if len(validation):
            losses.append(validation_loss(network, sequences, validation))
            if losses[-1] == min(losses):
                best = network.copy()
            elif len(losses) - 1 - int(np.argmin(losses)) >= plan.patience:
                break
    rounds = int(np.argmin(losses)) + 1 if losses else plan.rounds
    return Training(best if losses else network, rounds, tuple(losses))


def validation_loss(network: Network, sequences: Sequences, users: NDArray[np.int64]) -> float:
    """Mean of how unlikely each of the users' last items was after those before it, in natural logarithms."""
    histories = [sequences.of(user)[-LOOK_BACK:] for user in users.tolist()]
    cuts = [history[: len(history) - back] for history in histories for back in range(min(LAST, len(history) - 1))]
    logits = network.logits(network.last_states([history[:-1] for history in cuts]))
    last = np.array([history[-1] for history in cuts])
    peak = logits.max(axis=1)
    shares = logits[np.arange(len(last)), last] - peak
    shares -= np.log(np.exp(logits - peak[:, None]).sum(axis=1))
    return -float(shares.mean())
