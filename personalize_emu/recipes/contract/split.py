"""The split into training users and test users, and what is held out of the latter (M-11, M-13, M-14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import HeldOut, History, TrainingData
from personalize_emu.recipes.contract.interactions import Interactions

TEST_SHARE = 0.1
HELD_OUT_SHARE = 0.1
MOST_TEST_USERS = 2000
"""More test users than this add time to a training and nothing to the fourth decimal."""


@dataclass(frozen=True, eq=False)
class Split:
    """Training rows of most users, and the rest as test users."""

    training: TrainingData
    test_users: tuple[HeldOut, ...]


def split_users(data: TrainingData, seed: int) -> Split:
    """Hold back a seeded tenth of the users: the coin of a user depends on seed and user id only (M-13).

    A test user's newest tenth is counted in interactions: the events of one interaction stay together, since a second
    event of the target interaction would give the answer away.
    """
    draws = hash_draws(data.user_ids, seed)
    interactions = data.interactions
    testable = interactions.lengths >= 2
    in_test = draws < TEST_SHARE
    if len(draws) > 1 and not (in_test & testable).any() and testable.any():
        in_test[np.flatnonzero(testable)[np.argmin(draws[testable])]] = True
    if len(draws) and in_test.all():
        in_test[np.argmax(draws)] = False
    chosen = np.flatnonzero(in_test & testable)
    chosen = np.sort(chosen[np.argsort(draws[chosen], kind="stable")[:MOST_TEST_USERS]])
    test_users = tuple(_with_context(data, int(user)) for user in chosen)
    return Split(rows_of_users(data, ~in_test), test_users)


def hash_draws(user_ids: Sequence[str], seed: int) -> NDArray[np.float64]:
    """float64[users] in [0, 1): a hash of seed and user id, the same on every machine."""
    key = seed.to_bytes(16, "big", signed=True)
    digests = b"".join(blake2b(user.encode(), digest_size=8, key=key).digest() for user in user_ids)
    return np.frombuffer(digests, ">u8").astype(np.float64) / 2.0**64


def cut_user(interactions: Interactions, user: int, user_id: str = "") -> HeldOut:
    """Cut one user's interactions: the newest tenth, at least one, is held out."""
    count = int(interactions.lengths[user])
    held_out = max(1, int(HELD_OUT_SHARE * count))
    return _cut(interactions, user, count - held_out, held_out, user_id)


def cut_user_at(interactions: Interactions, user: int, known: int) -> HeldOut:
    """As if only the `known` oldest interactions had been made, and what followed of as large a share as in
    `cut_user`.
    """
    return _cut(interactions, user, known, max(1, int(known * HELD_OUT_SHARE / (1 - HELD_OUT_SHARE))), "")


def _cut(interactions: Interactions, user: int, known: int, following: int, user_id: str) -> HeldOut:
    start = int(interactions.offsets[user])
    before, after = slice(start, start + known), slice(start + known, start + known + following)
    truth, places = np.unique(interactions.items[after], return_inverse=True)
    gains = np.zeros(len(truth), np.float32)
    np.maximum.at(gains, places, interactions.weights[after])
    moments = np.cumsum(np.diff(interactions.timestamps[after], prepend=interactions.timestamps[start + known]) > 0)
    waits = np.full(len(truth), len(moments), np.int32)
    np.minimum.at(waits, places, moments.astype(np.int32))
    history = History(interactions.items[before], interactions.timestamps[before], user_id)
    return HeldOut(history, truth.astype(np.int32), gains, waits)


def _with_context(data: TrainingData, user: int) -> HeldOut:
    """With the context of the first interaction held out."""
    cut = cut_user(data.interactions, user, data.user_ids[user])
    next_interaction = int(data.interactions.offsets[user]) + len(cut.history.items)
    return replace(cut, history=replace(cut.history, context=data.context_of(next_interaction)))


def rows_of_users(data: TrainingData, kept: NDArray[np.bool_]) -> TrainingData:
    """The rows of the users marked in bool[users], renumbered; the catalog stays whole."""
    part = data.of_rows(kept[data.users])
    numbers = (np.cumsum(kept) - 1).astype(np.int32)
    return replace(
        part,
        user_ids=tuple(user for user, keep in zip(data.user_ids, kept, strict=True) if keep),
        users=numbers[part.users],
    )
