"""Small training data of actions whose right answers are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from personalize_emu.recipes.contract.action_data import NOT_TAKEN, TAKEN, ActionData
from personalize_emu.recipes.contract.base import TrainingData
from tests.recipes.made_data import DAY, training_data

START = 1_000_000 * 1000
ActionRow = tuple[str, str, int, int]


def action_data(rows: Iterable[ActionRow], values: Mapping[str, float] | None = None) -> ActionData:
    """Of (user, action, outcome, timestamp) rows in order of arrival; `values` also adds actions nobody met."""
    rows, values = list(rows), values or {}
    ids = sorted({action for _, action, _, _ in rows} | set(values))
    users = sorted({user for user, _, _, _ in rows})
    user_column = np.array([users.index(user) for user, _, _, _ in rows], np.int32)
    times = np.array([time for _, _, _, time in rows], np.int64)
    order = np.lexsort((np.arange(len(rows)), times, user_column))
    return ActionData(
        tuple(ids),
        np.array([values.get(action, 0.0) for action in ids], np.float64),
        tuple(users),
        user_column[order],
        np.array([ids.index(action) for _, action, _, _ in rows], np.int32)[order],
        np.array([outcome for _, _, outcome, _ in rows], np.int8)[order],
        times[order],
    )


def random_actions(users: int, actions: int, rows: int, days: int, seed: int) -> ActionData:
    rng = np.random.default_rng(seed)
    columns = rng.integers(users, size=rows), rng.integers(actions, size=rows), rng.integers(3, size=rows)
    times = START + rng.integers(days * DAY, size=rows) // 3600 * 3600
    return action_data((f"u{u}", f"a{a}", int(t), int(when)) for u, a, t, when in zip(*columns, times, strict=True))


def two_tastes(users: int = 200, interactions: int = 12, offers: int = 6, seed: int = 7) -> TrainingData:
    """Even users meet even items and take `climb`, odd users odd ones and take `swim`; `nap` is for everybody alike.

    Every user is offered each action `offers` times within six weeks, in random order.
    """
    rng = np.random.default_rng(seed)
    seen, asked = [], []
    for user in range(users):
        seen += [
            (f"u{user:03}", f"i{2 * int(rng.integers(15)) + user % 2:02}", START - DAY * (interactions - step))
            for step in range(interactions)
        ]
        for action, chance in (("climb", 0.85 - 0.75 * (user % 2)), ("swim", 0.1 + 0.75 * (user % 2)), ("nap", 0.5)):
            times = START + DAY * 6 * np.arange(offers) + rng.integers(DAY, size=offers)
            likes = np.where(rng.random(offers) < chance, TAKEN, NOT_TAKEN - np.arange(offers) % 2)
            asked += [(f"u{user:03}", action, int(like), int(when)) for like, when in zip(likes, times, strict=True)]
    return replace(training_data(seen), actions=action_data(asked))
