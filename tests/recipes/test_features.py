"""Columns of other rows: what is not known stays unknown."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from personalize_emu.recipes.contract.features import Categories, Features, Numbers, Profiles, Texts

GENRES = Categories("GENRES", ("a", "b"), sp.csr_matrix(np.array([[1, 0], [1, 1], [0, 0]], np.float32)))
FEATURES = Features(3, (GENRES,), (Numbers("YEAR", np.array([1.0, np.nan, 3.0])),), (Texts("TITLE", ("x", "", "z")),))


def test_rows_can_be_taken_in_any_order_and_be_unknown() -> None:
    taken = FEATURES.taken(np.array([2, -1, 1, 1]))
    assert taken.count == 4
    assert taken.categories[0].members.toarray().tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]
    assert np.array_equal(taken.numbers[0].values, [3.0, np.nan, np.nan, np.nan], equal_nan=True)
    assert taken.texts[0].texts == ("z", "", "", "")


def test_nothing_is_known_of_anybody_where_there_are_no_profiles() -> None:
    nobody = Profiles((), FEATURES.taken(np.zeros(0, np.int64)))
    along = nobody.along(["ann", "bob"])
    assert along.count == 2
    assert along.categories[0].members.shape == (2, 2)
    assert along.categories[0].members.nnz == 0
    assert np.isnan(along.numbers[0].values).all()
    assert nobody.along([]).categories[0].members.shape == (0, 2)
