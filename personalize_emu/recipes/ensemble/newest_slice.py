"""The newest slice in time of the training data: what base scorers that ended before it should have predicted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.contract.split import rows_of_users, user_coins

SHARE = 0.15
"""Of the interactions, that make up the slice."""
MOST_INTERACTIONS = 300_000
"""Of more data, so many users as have about so many interactions are looked at."""
MOST_EXAMPLES = 500
AN_USER = 3
"""Examples of a user whose history begins in the slice; of others there is one, at its beginning."""
TRUTH_LENGTH = 10
FEWEST_INTERACTIONS = 50
FEWEST_KNOWN, ENOUGH_EXAMPLES = 3, 60
"""Items of a history that an example is made of, unless there are too few of such: little is to be learned of how to
weigh scorers from users of whom one or two items are known, and where most are such they would decide.
"""
SEED = 5


@dataclass(frozen=True, eq=False)
class Example:
    """history: of a user at one moment. truth: int32[t], the next items that the user had not interacted with."""

    history: History
    truth: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class NewestSlice:
    """training: everything before the slice, of the same catalog. user_count: owners of the examples."""

    training: TrainingData
    examples: tuple[Example, ...]
    user_count: int


def newest_slice(data: TrainingData) -> NewestSlice | None:
    """None where nothing came before or after."""
    data = _part(data)
    if len(data.items) < FEWEST_INTERACTIONS:
        return None
    ordered = np.sort(data.timestamps)
    start = int(ordered[int((1 - SHARE) * len(ordered))])
    before = data.timestamps < start
    if not before.any():
        return None
    known = np.zeros(len(data.catalog), np.bool_)
    known[data.items[before]] = True
    order = np.argsort(user_coins(data.user_ids, SEED), kind="stable")
    active = np.zeros(len(data.user_ids), np.bool_)
    active[data.users[~before]] = True
    for fewest in (FEWEST_KNOWN, 1):
        examples, owners = _all_examples(data, order[active[order]], start, known, fewest)
        if len(examples) >= ENOUGH_EXAMPLES:
            break
    return NewestSlice(data.of_rows(before), tuple(examples), owners) if examples else None


def _all_examples(
    data: TrainingData, users: NDArray[np.int64], start: int, known: NDArray[np.bool_], fewest: int
) -> tuple[list[Example], int]:
    """At most MOST_EXAMPLES, in the order of the users, and how many users they are of."""
    rng = np.random.default_rng(SEED)
    examples: list[Example] = []
    owners, visits = 0, data.visits
    for user in users.tolist():
        rows = visits.of_user(user)
        found = [
            example
            for example in _examples(visits.items[rows], visits.timestamps[rows], start, known, rng)
            if len(np.unique(example.history.items)) >= fewest
        ]
        examples += found
        owners += bool(found)
        if len(examples) >= MOST_EXAMPLES:
            break
    return examples, owners


def _examples(
    items: NDArray[np.int32],
    timestamps: NDArray[np.int64],
    start: int,
    known: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Iterator[Example]:
    first = int(np.searchsorted(timestamps, start))
    moments = [first] if first else np.sort(rng.permutation(np.arange(1, len(items)))[:AN_USER]).tolist()
    for moment in moments:
        history, following = items[:moment], items[moment:]
        following = following[known[following] & ~np.isin(following, history)]
        _, places = np.unique(following, return_index=True)
        truth = following[np.sort(places)][:TRUTH_LENGTH]
        if len(truth) and known[history].any():
            yield Example(History(history, timestamps[:moment]), truth)


def _part(data: TrainingData) -> TrainingData:
    if len(data.items) <= MOST_INTERACTIONS:
        return data
    order = np.argsort(user_coins(data.user_ids, SEED), kind="stable")
    enough = int(np.searchsorted(np.cumsum(np.diff(data.offsets)[order]), MOST_INTERACTIONS)) + 1
    chosen = np.zeros(len(data.user_ids), np.bool_)
    chosen[order[:enough]] = True
    return rows_of_users(data, chosen)
