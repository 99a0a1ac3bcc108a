"""Interactions in which circumstances or who somebody is decide, as far as a test wants them to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.recipes.contract.features import Categories, Features, Numbers, Profiles
from tests.recipes.made_data import training_data

HOUR = 3600


def column(name: str, codes: np.ndarray, values: tuple[str, ...]) -> Categories:
    """codes: along rows, -1 where nothing is known."""
    known = np.flatnonzero(codes >= 0)
    members = sp.csr_matrix((np.ones(len(known)), (known, codes[known])), (len(codes), len(values)), dtype=np.float32)
    return Categories(name, values, members)


def situations(
    *, users: int = 120, interactions: int = 10, items: int = 40, device: float = 0.0, gender: float = 0.0, seed:
    int = 1
) -> TrainingData:
    """Even items are wanted more on phones by a factor of exp(device), odd ones on desktops; the lower half of the
    items is wanted more by women by exp(gender), the upper half by men. HOUR and PLAN decide nothing.
    """
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(2, items + 2)
    genders, plans = rng.integers(2, size=users), rng.integers(3, size=users)
    numbers = np.arange(items)
    rows, devices = [], []
    for user in range(users):
        for interaction in range(interactions):
            phone = int(rng.integers(2))
            factors = device * ((numbers % 2 == 0) == phone) + gender * ((numbers < items // 2) == (genders[user] == 0))
            chances = popularity * np.exp(factors)
            item = rng.choice(items, p=chances / chances.sum())
            rows.append((f"u{user:04}", f"i{item:03}", interaction * HOUR))
            devices.append(phone)
    data = training_data(rows)
    count = len(rows)
    context = Features(
        count,
        (column("DEVICE", np.array(devices), ("desktop", "phone")),),
        (Numbers("HOUR", rng.integers(24, size=count).astype(float)),),
    )
    user_features = Features(users, (column("GENDER", genders, ("f", "m")), column("PLAN", plans, ("a", "b", "c"))))
    ids = tuple(f"u{user:04}" for user in range(users))
    return replace(data, context=context, profiles=Profiles(ids, user_features))
