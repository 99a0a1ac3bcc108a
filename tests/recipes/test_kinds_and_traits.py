"""What is known of items in histories and beside candidates, and items as points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalize_emu.recipes.base import History
from personalize_emu.recipes.features import Features, Numbers, Texts
from personalize_emu.recipes.models.candidate_traits import ItemTraits, item_traits
from personalize_emu.recipes.models.histories import Kernel, weighted_rows
from personalize_emu.recipes.models.kinds import Kinds, kinds_of
from personalize_emu.recipes.models.latent import fit_latent_items
from tests.recipes.described_data import categories, painted
from tests.recipes.made_data import checkerboard, training_data

DATA = painted()
ALL = Kernel(reach=100, decay=0.0, recency=False)
FEATURES = Features(
    4,
    (
        categories("GENRE", [["war", "love"], ["war"], ["love"], []]),
        categories("LAND", [["fr"], ["fr"], ["it"], ["it"]]),
    ),
    (Numbers("YEAR", np.array([1950.0, 1960.0, np.nan, 2000.0])),),
    (Texts("PLOT", ("a soldier falls in love", "soldiers march", "", "a feast")),),
)


def past(*items: int) -> History:
    return History(np.array(items, np.int32), np.arange(len(items), dtype=np.int64))


def kinds(features: Features = FEATURES) -> Kinds:
    found = kinds_of(features)
    assert found is not None
    return found


def test_every_column_is_a_block_of_unit_rows() -> None:
    found = kinds()
    assert found.blocks == 4
    for block in range(found.blocks):
        lengths = np.sqrt(found.columns[:, found.block_of == block].power(2).sum(axis=1))
        assert np.asarray(lengths).ravel() == pytest.approx(np.asarray(lengths).ravel().round(), abs=1e-5)


def test_items_of_the_kinds_of_a_history_score_more() -> None:
    scores = kinds().scores_of(weighted_rows([past(1)], ALL, item_count=4))[0]
    assert scores[0] > scores[2]
    assert scores[0] > scores[3]


def test_likeness_by_block_is_what_the_whole_matrix_says() -> None:
    found, items = kinds(), np.array([3, 0, 2])
    profiles = np.asarray(found.columns[[0, 1]].todense(), np.float32)
    rows = found.likeness(profiles, items).reshape(2, found.blocks, 3)
    for profile, row in zip(profiles, rows, strict=True):
        for block in range(found.blocks):
            mine = found.block_of == block
            expected = found.columns[items][:, mine] @ profile[mine]
            assert row[block] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "features",
    [
        None,
        Features(3),
        Features(3, (categories("A", [[], [], []]),)),
        Features(3, (categories("NAME", [["x"], ["y"], ["z"]]),)),
        Features(3, (), (Numbers("N", np.array([1.0, 1.0, np.nan])),)),
        Features(3, (), (), (Texts("T", ("", "", "")),)),
        Features(3, (), (), (Texts("T", ("alone", "", "")),)),
    ],
)
def test_columns_that_say_nothing_are_no_kinds(features: Features | None) -> None:
    assert kinds_of(features) is None


def traits(described: bool = True) -> ItemTraits:
    data = DATA if described else replace(DATA, item_features=None)
    popularity = np.log(np.bincount(data.visits.items, minlength=len(data.catalog)) + 0.5).astype(np.float32)
    return item_traits(data.visits, len(data.catalog), popularity, kinds_of(data.item_features))


@pytest.mark.parametrize("described", [True, False])
def test_a_candidate_has_as_many_traits_as_are_counted(described: bool) -> None:
    found, candidates = traits(described), np.arange(7)
    table = found.of(past(3, 9), candidates)
    assert table.shape == (7, found.count)
    assert table.dtype == np.float32
    assert np.isfinite(table).all()
    assert np.isfinite(found.of_pair(3, candidates)).all()


def test_a_candidate_has_the_same_traits_among_others() -> None:
    found = traits()
    table = found.of(past(3, 9, 3), np.array([5, 40, 11]))
    assert found.of(past(3, 9, 3), np.array([40]))[0] == pytest.approx(table[1], abs=1e-6)


def test_colour_and_size_of_the_newest_items_are_compared_with() -> None:
    found = traits()
    number = {item: place for place, item in enumerate(DATA.catalog)}
    near, far = number["red-0.300"], number["blue-0.900"]
    closer = found.of(past(number["red-0.333"]), np.array([near, far]))
    differs = np.flatnonzero(np.abs(closer[0] - closer[1]) > 1e-3)
    assert len(differs) >= 3 * 4


def test_items_of_one_field_are_points_near_each_other() -> None:
    board = checkerboard(users=60)
    latent = fit_latent_items(board.visits, len(board.catalog))
    even = np.array([int(item[1:]) % 2 == 0 for item in board.catalog])
    for item in range(len(even)):
        near = latent.of_item(item)
        near[item] = -9
        assert even[int(near.argmax())] == even[item]


def test_without_pairs_all_items_are_one_point() -> None:
    data = training_data([("u", "a", 1), ("v", "b", 2)])
    assert not fit_latent_items(data.visits, 2).scores_of(weighted_rows([past(0)], ALL, item_count=2)).any()


def test_times_beyond_all_measure_leave_traits_finite() -> None:
    """A moment less a little is the same moment where numbers are so large."""
    found = replace(traits(), scale=1e-12)
    assert np.isfinite(found.of(past(3, 9), np.arange(7))).all()
