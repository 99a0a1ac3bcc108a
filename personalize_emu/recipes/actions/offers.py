"""Offers: the times actions were shown to users, their outcomes, and the past of the user at each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.action_data import NOT_TAKEN, OUTCOMES, TAKEN, VIEWED, ActionData, ActionHistory

MOST_WATCHED = 20
"""The most frequent actions, whose past answers are features of offers of all actions."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Offers:
    """users, actions: int32[n] numbers of the action data. moments: int64[n] epoch seconds. taken: bool[n].

    general: float64[n, 1 + w], how the user had answered before: each of `watched`, after all others together.
    own: float64[n, 2], how the user had answered this action, and how often it was viewed. watched: int32[w], numbers
    of actions.
    """

    users: NDArray[np.int32]
    actions: NDArray[np.int32]
    moments: NDArray[np.int64]
    taken: NDArray[np.bool_]
    general: Vector
    own: Vector
    watched: NDArray[np.int32]
    action_count: int

    def __len__(self) -> int:
        return len(self.users)


def find_offers(data: ActionData, period: float) -> Offers:
    """An offer begins when a user meets an action, and ends when it is taken or not taken, or after `period` seconds.

    What is viewed meanwhile belongs to it. Where offers begin does not depend on how they end, so their outcomes are
    those of any.
    """
    order = np.lexsort((np.arange(len(data)), data.actions, data.users))
    pairs = data.users[order].astype(np.int64) * max(1, len(data.ids)) + data.actions[order]
    began, taken = _offers_of(pairs.tolist(), data.outcomes[order].tolist(), data.timestamps[order].tolist(), period)
    rows = order[np.array(began, np.int64)]
    by_row = np.argsort(rows)
    rows = rows[by_row]
    watched = watched_actions(data)
    general, own = _pasts(data, watched)
    return Offers(
        data.users[rows],
        data.actions[rows],
        data.timestamps[rows],
        np.array(taken, np.bool_)[by_row],
        general[rows],
        own[rows],
        watched,
        len(data.ids),
    )


def _offers_of(
    pairs: list[int], outcomes: list[int], times: list[int], period: float
) -> tuple[list[int], list[bool]]:
    """The first row of each offer, and whether it was taken. Rows are sorted by pair of user and action, then time."""
    rows: list[int] = []
    taken: list[bool] = []
    open_pair, began = -1, 0
    for row, (pair, outcome, time) in enumerate(zip(pairs, outcomes, times, strict=True)):
        if pair != open_pair or time - began > period:
            rows.append(row)
            taken.append(False)
            open_pair, began = pair, time
        if outcome != VIEWED:
            taken[-1] = outcome == TAKEN
            open_pair = -1
    return rows, taken


def watched_actions(data: ActionData) -> NDArray[np.int32]:
    """int32[at most MOST_WATCHED], ascending."""
    counts = np.bincount(data.actions, minlength=len(data.ids))
    best = np.argsort(-counts, kind="stable")[:MOST_WATCHED]
    return np.sort(best[counts[best] > 0]).astype(np.int32)


def past_of(past: ActionHistory, watched: NDArray[np.int32], action_count: int) -> tuple[Vector, Vector]:
    """How one user answered so far, float64[1 + w], and each action, float64[actions, 2]; see `Offers`."""
    keys = past.actions.astype(np.int64) * OUTCOMES + past.outcomes
    counts = np.bincount(keys, minlength=OUTCOMES * action_count).reshape(action_count, OUTCOMES).astype(np.float64)
    rest = counts.sum(axis=0) - counts[watched].sum(axis=0)
    general = _general(rest[None], counts[None, watched])
    return general[0], _own(counts)


def _pasts(data: ActionData, watched: NDArray[np.int32]) -> tuple[Vector, Vector]:
    """`general` and `own` before each row."""
    alone = data.users.astype(np.int64)
    pairs = alone * max(1, len(data.ids)) + data.actions
    seen = data.outcomes[:, None] == np.arange(OUTCOMES)
    is_watched = data.actions[:, None] == watched
    each = _before(alone, (is_watched[:, :, None] & seen[:, None, :]).reshape(len(data), OUTCOMES * len(watched)))
    rest = _before(alone, seen & ~is_watched.any(axis=1)[:, None])
    general = _general(rest, each.reshape(len(data), len(watched), OUTCOMES))
    return general, _own(_before(pairs, seen))


def _general(rest: Vector, each: Vector) -> Vector:
    """rest: float64[n, 3], by outcome. each: float64[n, w, 3], by watched action and outcome."""
    return np.hstack((answered(rest)[:, None], answered(each)))


def _own(counts: Vector) -> Vector:
    return np.stack((answered(counts), np.log1p(counts[..., VIEWED])), axis=-1)


def answered(counts: Vector) -> Vector:
    """How past answers lean, float64[...] of counts by outcome, float64[..., 3]: 0 for none, above it for a yes."""
    return np.log1p(counts[..., TAKEN]) - np.log1p(counts[..., NOT_TAKEN])


def _before(groups: NDArray[np.int64], marks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64[n, k]: how many earlier rows of the same group have each mark. groups: int64[n]; marks: bool[n, k]."""
    if not len(groups):
        return np.zeros(marks.shape)
    order = np.argsort(groups, kind="stable")
    here = marks[order].astype(np.int32)
    counted = np.cumsum(here, axis=0) - here
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) > 0])
    first = np.repeat(starts, np.diff(np.r_[starts, len(groups)]))
    result = np.empty(marks.shape)
    result[order] = counted - counted[first]
    return result
