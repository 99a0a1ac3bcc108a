"""Training examples of the ensemble: questions asked in the newest slice in time of the training data.

As in production (and in a rolling-origin evaluation), base scorers are fitted on everything before a moment, the
origin, and asked afterwards. There are two kinds of question. Returning users are known from before the origin and ask
at the origin; how long ago they were last there differs. Active users ask between two of their interactions after it:
those are users whose history begins between this origin and the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.contract.split import hash_draws, rows_of_users

ORIGINS = (0.85, 0.95)
"""Shares of the interactions that lie before each origin."""
ONE_ORIGIN, MANY_INTERACTIONS = (0.85,), 150_000
"""Of more interactions one origin has enough examples, and more would cost time."""
MOST_INTERACTIONS = 300_000
"""Of more data, so many users as have about so many interactions are looked at."""
MOST_EXAMPLES = 600
"""Of all origins and both kinds, each an equal part."""
AN_USER = 3
"""Examples of an active user; of a returning one there is one at each origin."""
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

    user: int
    active: bool
    history: History
    truth: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Origin:
    """training: everything before the origin, of the same catalog. examples: questions after it."""

    training: TrainingData
    examples: tuple[Example, ...]


def newest_slice(data: TrainingData) -> tuple[Origin, ...]:
    """The origins after which something was asked, oldest first; none of very small data."""
    data = _part(data)
    if len(data.items) < FEWEST_INTERACTIONS:
        return ()
    shares = ORIGINS if len(data.items) <= MANY_INTERACTIONS else ONE_ORIGIN
    ordered = np.sort(data.timestamps)
    moments = np.unique(ordered[[int(share * len(ordered)) for share in shares]]).tolist()
    moments = [moment for moment in moments if moment > ordered[0]]
    spans = list(pairwise([*moments, int(ordered[-1]) + 1]))
    found: list[Origin] = []
    for fewest in (FEWEST_KNOWN, 1):
        found = [_origin(data, start, end, fewest, MOST_EXAMPLES // (2 * len(shares))) for start, end in spans]
        if sum(len(origin.examples) for origin in found) >= ENOUGH_EXAMPLES:
            break
    return tuple(origin for origin in found if origin.examples)


def _origin(data: TrainingData, start: int, end: int, fewest: int, most: int) -> Origin:
    """At most `most` examples of each kind, in an order of the users that is fixed by their ids."""
    before = data.timestamps < start
    known = np.zeros(len(data.catalog), np.bool_)
    known[data.items[before]] = True
    rng = np.random.default_rng(SEED)
    order = np.argsort(hash_draws(data.user_ids, SEED), kind="stable")
    later = np.zeros(len(data.user_ids), np.bool_)
    later[data.users[~before]] = True
    returning: list[Example] = []
    active: list[Example] = []
    for user in order[later[order]].tolist():
        rows = data.interactions.of_user(user)
        items, timestamps = data.interactions.items[rows], data.interactions.timestamps[rows]
        count = int(np.searchsorted(timestamps, start))
        if count and len(returning) < most:
            returning += _examples(user, items, timestamps, [count], known, fewest, active=False)
        elif not count and len(active) < most and timestamps[0] < end:
            moments = np.sort(rng.permutation(np.arange(1, len(items)))[:AN_USER]).tolist()
            active += _examples(user, items, timestamps, moments, known, fewest, active=True)
    return Origin(data.of_rows(before), (*returning, *active))


def _examples(
    user: int,
    items: NDArray[np.int32],
    timestamps: NDArray[np.int64],
    moments: list[int],
    known: NDArray[np.bool_],
    fewest: int,
    *,
    active: bool,
) -> Iterator[Example]:
    """moments: interactions before each question. known: bool[items], those that the scorers know."""
    for moment in moments:
        history, following = items[:moment], items[moment:]
        following = following[known[following] & ~np.isin(following, history)]
        _, places = np.unique(following, return_index=True)
        truth = following[np.sort(places)][:TRUTH_LENGTH]
        if len(truth) and known[history].any() and len(np.unique(history)) >= fewest:
            yield Example(user, active, History(history, timestamps[:moment]), truth)


def _part(data: TrainingData) -> TrainingData:
    if len(data.items) <= MOST_INTERACTIONS:
        return data
    order = np.argsort(hash_draws(data.user_ids, SEED), kind="stable")
    enough = int(np.searchsorted(np.cumsum(np.diff(data.offsets)[order]), MOST_INTERACTIONS)) + 1
    chosen = np.zeros(len(data.user_ids), np.bool_)
    chosen[order[:enough]] = True
    return rows_of_users(data, chosen)
