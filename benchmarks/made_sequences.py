"""Generated sequences: drifting preferences, items that lead to others, and a long tail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GROUPS = 60
"""Maximum number of groups of about fifty items."""
LEADS = 4
"""Number of successors of an item, and of a pair of items."""
WALKED = 1.8
"""Steps per interaction that remains after repeated items of a user are removed."""
FOLLOWED, FOLLOWED_PAIR, DRIFT = 0.3, 0.15, 0.05
"""Probabilities that a step follows the last item, the last two items, or changes to another group of the user."""


def made_sequences(users: int, items: int, events: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """About `events` interactions without repeated items per user, at least five per user."""
    rng = np.random.default_rng(seed)
    lengths = rng.lognormal(0, 1, users)
    lengths = np.clip(lengths / lengths.mean() * WALKED * events / users, 8, items // 2).astype(int)
    groups = min(GROUPS, max(4, items // 50))
    group_of = rng.permutation(np.arange(items) % groups)
    popular = (1 + rng.permutation(items)) ** -0.8
    members = [np.flatnonzero(group_of == group) for group in range(groups)]
    ladders = [np.cumsum(popular[of]) / popular[of].sum() for of in members]
    leads = rng.integers(items, size=(items, LEADS))
    tastes = rng.integers(groups, size=(users, 4))
    paths = np.zeros((int(lengths.max()), users), np.int64)
    group = tastes[:, 0].copy()
    for step in range(len(paths)):
        moving = rng.random(users) < DRIFT
        group[moving] = tastes[moving, rng.integers(4, size=int(moving.sum()))]
        draw = rng.random(users)
        for number in np.unique(group):
            here = group == number
            paths[step, here] = members[number][np.searchsorted(ladders[number], draw[here])]
        if step > 1:
            way, which = rng.random(users), rng.integers(LEADS, size=users)
            last, before = paths[step - 1], paths[step - 2]
            pair = leads[(last * 31 + before * 17) % items, which]
            paths[step] = np.where(way < FOLLOWED_PAIR, pair, paths[step])
            alone = (way >= FOLLOWED_PAIR) & (way < FOLLOWED + FOLLOWED_PAIR)
            paths[step] = np.where(alone, leads[last, which], paths[step])
    found = [_first_interactions(paths[:length, user]) for user, length in enumerate(lengths)]
    return [path for path in found if len(path) >= 5]


def _first_interactions(path: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first = np.unique(path, return_index=True)
    return path[np.sort(first)]
