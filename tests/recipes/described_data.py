"""Training data with metadata of the items, whose right answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.recipes.contract.features import Categories, Features, Numbers, Texts
from tests.recipes.made_data import training_data


def categories(name: str, values: Sequence[Sequence[str]]) -> Categories:
    """The categories of each row."""
    known = tuple(sorted({value for several in values for value in several}))
    owners = [row for row, several in enumerate(values) for _ in several]
    places = [known.index(value) for several in values for value in several]
    members = sp.csr_matrix((np.ones(len(places), np.float32), (owners, places)), (len(values), len(known)))
    return Categories(name, known, members)


def painted(
    red: int = 30, cold: Sequence[str] = (), users: int = 120, interactions: int = 8, seed: int = 11
) -> TrainingData:
    """As many blue items as red ones; every user likes one colour, and its items of a size about the user's own.

    Sizes run from 0 to 1. Among `cold` are names like `red-0.5-new`; what is called `plain-...` is not described.
    """
    rng = np.random.default_rng(seed)
    items = {f"{colour}-{place / red:.3f}": place / red for colour in ("red", "blue") for place in range(red)}
    names = {colour: np.array([item for item in items if item.startswith(colour)]) for colour in ("red", "blue")}
    rows = []
    for user in range(users):
        colour, size = ("red", "blue")[user % 2], rng.random()
        weights = np.exp(-8 * np.abs(np.array([items[item] for item in names[colour]]) - size))
        for time, item in enumerate(rng.choice(names[colour], interactions, replace=False, p=weights / weights.sum())):
            rows.append((f"u{user:03}", str(item), 1_000 + 60 * time))
    data = training_data(rows, [*items, *cold])
    return replace(data, item_features=paint(data.catalog))


def paint(catalog: Sequence[str]) -> Features:
    """COLOUR, SIZE and a TEXT that says the colour; nothing of plain items."""
    parts = [item.split("-") for item in catalog]
    colours = [() if name == "plain" else (name,) for name, *_ in parts]
    sizes = np.array([np.nan if name == "plain" else float(size) for name, size, *_ in parts])
    wording: Mapping[str, str] = {"red": "warm as fire", "blue": "cool as water", "plain": ""}
    texts = tuple(wording[name] for name, *_ in parts)
    return Features(len(catalog), (categories("COLOUR", colours),), (Numbers("SIZE", sizes),), (Texts("TEXT", texts),))
