"""GRU over a catalog: fitted on interactions, queried with histories (in the manner of GRU4Rec, Hidasi et al. 2016).

Rounds and noise of the training follow from the amount of data, so that a million interactions take a few minutes of
one core. Only the most popular items are modelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Progress
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.scorers.ease import most_popular, places_of
from personalize_emu.recipes.scorers.latent import start_embeddings
from personalize_emu.recipes.sequential.batches import Sequences
from personalize_emu.recipes.sequential.gru_network import Network, new_network
from personalize_emu.recipes.sequential.trainer import Plan, Report, train_network

REACH = 60
"""Interactions of a history that are read: what lies further back has left no trace in the state."""
MOST_ITEMS = 50_000
USUAL_HIDDEN = 96
STEPS_IN_ALL = 16_000_000
"""Steps of training at the usual size, so that a million interactions are gone through sixteen times."""
FEWEST_ROUNDS, MOST_ROUNDS = 1, 16
STEPS_OF_FEW = 800_000
ROUNDS_OF_FEW = 8, 30
"""With fewer interactions than MANY_INTERACTIONS: of too many rounds the last and calmest would never be reached."""
WINDOWS = 4
FEWEST_AT_ONCE, MOST_AT_ONCE = 128, 4096
"""Steps of one update, of all rows together."""
FEW_ITEMS = 1024
"""Up to so many the softmax is over all, beyond over a sample of OTHERS."""
OTHERS = 512
MANY_INTERACTIONS = 200_000
"""From so many on less noise is needed."""
OLD_WEIGHT = 0.1
"""What foreseeing a interaction of long ago counts, where the newest counts 1."""
RECENT = 30.0
"""Interactions after which the rest of that weights is down to 1/e."""
VALIDATION_USERS = 300
CONTINUED_SHARE = 0.25
CONTINUED_RATE = 0.001


@dataclass(frozen=True)
class Shape:
    """hidden: width of state and embeddings. steps: how far gradients go back. recency: newer interactions count
    more.
    """

    hidden: int = USUAL_HIDDEN
    steps: int = 32
    recency: bool = True


@dataclass(frozen=True, eq=False)
class NextItemNetwork:
    """columns: int32[m] items modelled. place: int32[items], where in columns or -1. rounds: of its training."""

    columns: NDArray[np.int32]
    place: NDArray[np.int32]
    network: Network
    rounds: int

    def scores(self, history: History) -> NDArray[np.float32]:
        """float32[items]: log-probability of each item to be next; those not modelled count as the least likely one."""
        scores: NDArray[np.float32] = self.scores_many([history])[0]
        return scores

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """float32[histories, items]."""
        places = [self.place[history.items[-REACH:]] for history in histories]
        logits = self.network.logits(self.network.last_states([known[known >= 0] for known in places]))
        peak = logits.max(axis=1, keepdims=True)
        logits -= peak + np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))
        if len(self.columns) == len(self.place):
            return np.asarray(logits, np.float32)
        scores = np.empty((len(histories), len(self.place)), np.float32)
        scores[:] = logits.min(axis=1, keepdims=True)
        scores[:, self.columns] = logits
        return scores


def fit_next_item_network(
    interactions: Interactions, item_count: int, shape: Shape, rng: np.random.Generator, progress: Progress
) -> NextItemNetwork | None:
    """Train on all but a few users, who say when to stop; None where there is nothing to learn from."""
    counts = np.bincount(interactions.items, minlength=item_count)
    columns = most_popular(counts, MOST_ITEMS)
    place = places_of(columns, item_count)
    sequences = sequences_of(interactions, place, shape.recency)
    if len(columns) < 2 or sequences.lengths.max(initial=0) < 2:
        return None
    progress("where items begin", 0.0)
    places = place[interactions.items].astype(np.int64)
    embeddings = start_embeddings(interactions, places, len(columns), shape.hidden, rng)
    popular = np.log(counts[columns] / counts[columns].mean()).astype(np.float32)
    network = new_network(embeddings, popular, shape.hidden, rng)
    plan = plan_for(len(sequences.items), len(columns), shape)
    validation = validation_users(sequences.lengths, rng)
    trained = train_network(network, sequences, plan, validation, rng, _reporting(progress))
    return NextItemNetwork(columns, place, trained.network, trained.rounds)


def continue_next_item_network(
    known: NextItemNetwork, interactions: Interactions, shape: Shape, rng: np.random.Generator, progress: Progress
) -> NextItemNetwork:
    """`known`, trained on a part of these users, taken some rounds further with all of them."""
    sequences = sequences_of(interactions, known.place, shape.recency)
    if sequences.lengths.max(initial=0) < 2:
        return known
    rounds = max(1, round(CONTINUED_SHARE * known.rounds))
    plan = plan_for(len(sequences.items), len(known.columns), shape, rounds, CONTINUED_RATE)
    no_validation = np.zeros(len(sequences.lengths), np.bool_)
    trained = train_network(known.network.copy(), sequences, plan, no_validation, rng, _reporting(progress))
    return NextItemNetwork(known.columns, known.place, trained.network, known.rounds)


def plan_for(interactions: int, items: int, shape: Shape, rounds: int = 0, rate: float = 0.003) -> Plan:
    """How to train on so many interactions of so many items; `rounds` 0 lets the amount of work decide."""
    effort = interactions * (shape.hidden / USUAL_HIDDEN) ** 1.5
    usual = int(np.clip(STEPS_IN_ALL // max(1.0, effort), FEWEST_ROUNDS, MOST_ROUNDS))
    if interactions < MANY_INTERACTIONS:
        usual = int(np.clip(STEPS_OF_FEW // max(1, interactions), *ROUNDS_OF_FEW))
    # Many items make an update dear, few interactions leave room for few of them.
    at_once = int(np.clip(max(interactions // 1000, items // 12), FEWEST_AT_ONCE, MOST_AT_ONCE))
    return Plan(
        rounds=rounds or usual,
        rate=rate,
        steps=shape.steps,
        windows=WINDOWS,
        positions=WINDOWS * at_once,
        dropout=0.2 if interactions >= MANY_INTERACTIONS else 0.4,
        others=OTHERS if items > FEW_ITEMS else 0,
    )


def sequences_of(interactions: Interactions, place: NDArray[np.int32], recency: bool) -> Sequences:
    """The interactions to modelled items; later ones of a user are weights more with `recency` (R-59)."""
    kept = interactions.chosen(place[interactions.items] >= 0)
    back = kept.offsets[kept.users + 1] - 1 - np.arange(len(kept))
    aged = OLD_WEIGHT + (1 - OLD_WEIGHT) * np.exp(-back / RECENT) if recency else np.ones(len(kept))
    weights = (aged * kept.weights).astype(np.float32)
    return Sequences(place[kept.items].astype(np.int64), weights, kept.offsets)


def validation_users(lengths: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """bool[users]: a twentieth of those with two interactions or more, at most VALIDATION_USERS, none of fewer than
    40.
    """
    able = np.flatnonzero(lengths > 1)
    validation = np.zeros(len(lengths), np.bool_)
    if len(able) >= 40:
        validation[rng.choice(able, min(VALIDATION_USERS, len(able) // 20), replace=False)] = True
    return validation


def _reporting(progress: Progress) -> Report:
    return lambda share: progress("learning sequences", share)
