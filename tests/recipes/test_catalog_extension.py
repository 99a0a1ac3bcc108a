"""Models that learn of new items without a training (R-72g, T-72)."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History, Model, TrainingRun
from personalize_emu.recipes.contract.features import Features, Numbers
from personalize_emu.recipes.contract.saving import load_model, saved
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.wrappers.catalog_extension import CatalogExtension, extended, in_catalog
from tests.recipes.made_data import checkerboard, history

DATA = checkerboard()
NEWCOMERS = ("a-first", "i05x", "z-last")


@pytest.fixture(scope="module")
def trained() -> Model:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    return recipe.fit(DATA, TrainingRun({}, 1))


def asked(model: Model, *items: str) -> History:
    numbers = [model.number_of[item] for item in items]
    return History(np.array(numbers, np.int32), np.arange(len(items), dtype=np.int64))


def shares(model: Model, *items: str) -> dict[str, float]:
    raised = np.exp(model.scores(asked(model, *items)).astype(np.float64))
    return dict(zip(model.catalog, (raised / raised.sum()).tolist(), strict=True))


def test_old_items_shrink_by_one_factor(trained: Model) -> None:
    """R-72g, T-72: so they keep their order; new_items of which nothing is known are equal."""
    more = extended(trained, NEWCOMERS)
    for seen in (("i00",), ("i01", "i03"), ()):
        before, after = shares(trained, *seen), shares(more, *seen)
        ratios = np.array([after[item] / before[item] for item in before])
        assert 0 < ratios.mean() < 1
        assert ratios.std() < 1e-6
        assert len({after[item] for item in NEWCOMERS}) == 1
        assert max(after[item] for item in NEWCOMERS) < min(after[item] for item in before)


def test_numbers_follow_ids(trained: Model) -> None:
    """RT-32: equal scores are settled by id, so the catalog stays sorted."""
    more = extended(trained, [*NEWCOMERS, *DATA.catalog[:3]])
    assert list(more.catalog) == sorted({*DATA.catalog, *NEWCOMERS})
    assert [more.catalog[number] for number in np.flatnonzero(~more.trained_items)] == sorted(NEWCOMERS)


def test_events_with_newcomers_say_nothing(trained: Model) -> None:
    more = extended(trained, NEWCOMERS)
    assert shares(more, "i00", "z-last", "i04") == pytest.approx(shares(more, "i00", "i04"))
    assert np.array_equal(more.scores(asked(more, "z-last")), more.scores(asked(more)))


def test_many_at_once_and_one_by_one(trained: Model) -> None:
    more = extended(trained, NEWCOMERS)
    histories = [asked(more, "i00", "z-last"), asked(more), asked(more, "i01")]
    assert np.allclose(more.scores_many(histories), [more.scores(each) for each in histories], atol=1e-5)
    assert more.scores_many([]).shape == (0, len(more.catalog))


def test_extending_again_and_for_nothing(trained: Model) -> None:
    """One wrapper, however often; none where nothing is new."""
    assert extended(trained, DATA.catalog) is trained
    once = extended(trained, NEWCOMERS[:1])
    twice = extended(once, NEWCOMERS[1:])
    assert isinstance(twice, CatalogExtension)
    assert twice.base is trained
    assert set(twice.catalog) == {*DATA.catalog, *NEWCOMERS}


class Reader(CatalogExtension):
    """Reads the relevance of items it does not have from their only number."""

    def scores_with_others(self, histories: Sequence[History], features: Features) -> tuple[np.ndarray, np.ndarray]:
        given = features.numbers[0].values.astype(np.float32)
        return self.scores_many(histories), np.tile(given, (len(histories), 1))


def test_a_model_that_reads_features_scores_newcomers(trained: Model) -> None:
    """Features come along the whole catalog, and go to the base along the new_items."""
    catalog = sorted({*DATA.catalog, *NEWCOMERS})
    relevance = np.array([-float(place) for place in range(len(catalog))])
    features = Features(len(catalog), numbers=(Numbers("WORTH", relevance),))
    sequential = Reader(trained.catalog, trained)
    more = CatalogExtension(
        tuple(catalog), sequential, features.taken(np.array([catalog.index(item) for item in NEWCOMERS]))
    )
    expected = [-catalog.index(item) for item in NEWCOMERS]
    assert more.scores(asked(more, "i00"))[more.new_items].tolist() == expected
    again = extended(more, catalog, features)
    assert again.catalog == more.catalog
    assert again.scores(asked(again, "i00"))[more.new_items].tolist() == expected


def test_data_in_another_catalog() -> None:
    moved = in_catalog(DATA, tuple(sorted({*DATA.catalog, *NEWCOMERS})))
    assert [moved.catalog[item] for item in moved.items] == [DATA.catalog[item] for item in DATA.items]
    assert np.array_equal(moved.users, DATA.users)
    assert history(moved, "z-last").items.tolist() == [len(moved.catalog) - 1]


def test_an_extended_model_is_saved(trained: Model) -> None:
    more = extended(trained, NEWCOMERS)
    back = load_model(BytesIO(saved(more)))
    assert np.array_equal(back.scores(asked(more, "i02")), more.scores(asked(more, "i02")))


def test_metadata_added_after_the_extension_counts(trained: Model) -> None:
    """T-72: their metadata may come, or change, after them."""
    more = extended(trained, NEWCOMERS)
    catalog = [*DATA.catalog, *NEWCOMERS]
    given = Features(len(catalog), numbers=(Numbers("SIZE", np.arange(len(catalog), dtype=np.float64)),))
    later = extended(more, catalog, given)
    assert isinstance(later, CatalogExtension)
    assert later.features is not None
    sizes = later.features.numbers[0].values.tolist()
    assert sizes == [float(sorted(catalog).index(item)) for item in sorted(NEWCOMERS)]
