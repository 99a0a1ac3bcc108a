"""Metadata as vectors: what is alike lies close, and nothing depends on what was not there when fitting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import scipy.sparse as sp

from personalize_emu.recipes.encode import MOST_PLAIN_VALUES, Encoder
from personalize_emu.recipes.features import Categories, Features, Numbers, Texts

WORDS = {
    "space": ["rocket", "orbit", "astronaut", "planet", "launch", "engine", "lunar"],
    "kitchen": ["butter", "oven", "flour", "recipe", "bake", "salt", "whisk"],
}


def categories(name: str, rows: Sequence[str]) -> Categories:
    values = sorted({value for row in rows for value in row.split("|") if value})
    members = sp.lil_matrix((len(rows), len(values)), dtype=np.float32)
    for number, row in enumerate(rows):
        for value in filter(None, row.split("|")):
            members[number, values.index(value)] = 1
    return Categories(name, tuple(values), members.tocsr())


def described(count: int = 60, seed: int = 1) -> Features:
    """Even rows tell of space, odd ones of the kitchen, in every column."""
    rng = np.random.default_rng(seed)
    themes = [("space", "kitchen")[row % 2] for row in range(count)]
    return Features(
        count,
        (categories("THEME", [f"{theme}|all" for theme in themes]),),
        (Numbers("PRICE", np.array([10.0 + 90 * (row % 2) + rng.random() for row in range(count)])),),
        (Texts("ABOUT", tuple(" ".join(rng.choice(WORDS[theme], 6)) for theme in themes)),),
    )


def products(matrix: np.ndarray) -> np.ndarray:
    return matrix @ matrix.T


def test_rows_alike_lie_closer_than_others() -> None:
    features = described()
    for part in (
        features,
        Features(60, features.categories),
        Features(60, (), features.numbers),
        Features(60, (), (), features.texts),
    ):
        encoder = Encoder.fit(part)
        matrix = encoder.matrix(part)
        assert matrix.shape == (60, encoder.width)
        assert matrix.dtype == np.float32
        found = products(matrix)
        within, between = found[::2, ::2], found[::2, 1::2]
        assert within[~np.eye(30, dtype=bool)].mean() > 2 * between.mean() + 0.05
        assert np.diag(found).max() <= 3.001


def test_rare_categories_say_more_and_universal_ones_nothing() -> None:
    rows = ["all|rare"] * 2 + ["all|common"] * 30 + ["all"] * 28
    features = Features(60, (categories("TAGS", rows),))
    found = products(Encoder.fit(features).matrix(features))
    assert found[0, 1] > found[2, 3] > found[40, 41] == 0
    assert found[0, 2] == 0


def test_the_same_seed_gives_the_same_bytes_and_other_rows_use_what_was_learned() -> None:
    features = described()
    encoder = Encoder.fit(features, seed=3)
    again = Encoder.fit(described(), seed=3)
    assert encoder.matrix(features).tobytes() == again.matrix(features).tobytes()
    shuffled = np.arange(60)[::-1].copy()
    assert np.allclose(encoder.matrix(features.taken(shuffled)), encoder.matrix(features)[::-1])


def test_what_was_not_known_when_fitting_is_nothing() -> None:
    """Categories, words, columns, missing values; numbers out of range count as the last one in it."""
    encoder = Encoder.fit(described())
    strange = Features(
        2,
        (categories("THEME", ["garden", ""]), categories("OTHER", ["x", "y"])),
        (Numbers("PRICE", np.array([np.nan, np.nan])),),
        (Texts("ABOUT", ("unheard of", "")),),
    )
    assert not encoder.matrix(strange).any()
    assert not encoder.matrix(Features(2)).any()
    dear = [encoder.matrix(Features(1, (), (Numbers("PRICE", np.array([price])),))) for price in (101.0, 1e30)]
    assert np.abs(dear[0] - dear[1]).max() < 0.1
    assert Encoder.fit(Features(3)).matrix(Features(3)).shape == (3, 0)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_or_rows_without_anything(rows: int) -> None:
    features = Features(
        rows,
        (categories("THEME", ["a"] * rows),),
        (Numbers("PRICE", np.full(rows, 7.0)), Numbers("NONE", np.full(rows, np.nan))),
        (Texts("ABOUT", ("one and the same text",) * rows), Texts("EMPTY", ("",) * rows)),
    )
    matrix = Encoder.fit(features).matrix(features)
    assert matrix.shape[0] == rows
    assert np.isfinite(matrix).all()


def test_many_categories_are_folded_and_still_told_apart() -> None:
    brands = [f"brand{row // 2}" for row in range(4 * MOST_PLAIN_VALUES)]
    features = Features(len(brands), (categories("BRAND", brands),))
    encoder = Encoder.fit(features)
    assert encoder.width == MOST_PLAIN_VALUES
    found = products(encoder.matrix(features)[:200])
    same = found[np.arange(0, 200, 2), np.arange(1, 200, 2)]
    others = found[::2, ::2][~np.eye(100, dtype=bool)]
    assert same.min() > 0.3
    assert np.abs(others).mean() < 0.05 * same.mean()


def test_the_name_of_an_item_counts_twice() -> None:
    named = Features(1, (), (), (Texts("TITLE", ("moon",)), Texts("ABOUT", ("cake",))), item_name="TITLE")
    texts = ["moon", "cake", "moon moon", "cake tin", "tin tin cake"]
    encoder = Encoder.fit(Features(5, (), (), (Texts("ABOUT", tuple(texts)),)))
    vector = encoder.matrix(named)[0]
    moon, cake = encoder.matrix(Features(2, (), (), (Texts("ABOUT", ("moon", "cake")),)))
    assert vector @ moon > vector @ cake > 0
