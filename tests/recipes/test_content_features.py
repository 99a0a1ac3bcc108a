"""What is known of items in histories and items as points."""

from __future__ import annotations

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.features import Features, Numbers, Texts
from personalize_emu.recipes.scorers.content import Kinds, kinds_of
from personalize_emu.recipes.scorers.histories import Kernel, weighted_rows
from personalize_emu.recipes.scorers.latent import fit_latent_items
from tests.recipes.described_data import categories
from tests.recipes.made_data import checkerboard, training_data

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
