"""Items without interactions are recommended through their metadata (R-72d, R-73, R-112)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History, TrainingData, TrainingRun
from personalize_emu.recipes.contract.saving import load_model, save_model
from personalize_emu.recipes.personalized import PersonalModel
from personalize_emu.recipes.registry import recipe_named
from tests.recipes.described_data import paint, painted
from tests.recipes.made_data import history

NEW = [f"{colour}-{size:.3f}-new" for colour in ("red", "blue") for size in np.linspace(0.02, 0.98, 9)]
PLAIN = ["plain-1", "plain-2"]
DATA = painted(cold=[*NEW, *PLAIN])
NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.int64))


def fitted(name: str, data: TrainingData = DATA) -> PersonalModel:
    recipe = recipe_named(name)
    assert recipe is not None
    model = recipe.fit(data, TrainingRun({}))
    assert isinstance(model, PersonalModel)
    return model


@pytest.fixture(scope="module")
def model() -> PersonalModel:
    return fitted("aws-user-personalization")


def numbers(*items: str) -> list[int]:
    return [DATA.catalog.index(item) for item in items]


def test_r112_three_events_rank_items_without_interactions(model: PersonalModel) -> None:
    scores = model.scores(history(DATA, "red-0.100", "red-0.200", "red-0.133"))
    red, blue = ([item for item in NEW if item.startswith(colour)] for colour in ("red", "blue"))
    assert scores[numbers(*red)].min() > scores[numbers(*blue)].max()
    near, far = scores[numbers(*red[:4])], scores[numbers(*red[-4:])]
    assert near.mean() > far.mean()


@pytest.mark.parametrize("name", ["aws-user-personalization", "aws-user-personalization-v2"])
def test_three_events_beat_popularity_on_hidden_items(name: str) -> None:
    """Hide a fifth of the items: of two of them, one that the user met and one not, the met one ranks higher."""
    hidden = np.arange(len(DATA.catalog)) % 5 == 0
    model = fitted(name, DATA.of_rows(~hidden[DATA.items]))
    wins, popular_wins, pairs = 0.0, 0.0, 0
    nobody = model.scores(NOTHING)
    for user in range(len(DATA.user_ids)):
        items = DATA.items[DATA.offsets[user] : DATA.offsets[user + 1]]
        seen, past = np.unique(items[hidden[items]]), items[~hidden[items]][-3:]
        others = np.setdiff1d(np.unique(DATA.items[hidden[DATA.items]]), seen)
        scores = model.scores(History(past, np.arange(len(past), dtype=np.int64)))
        wins += float((scores[seen][:, None] > scores[others][None, :]).sum())
        popular_wins += float((nobody[seen][:, None] > nobody[others][None, :]).sum())
        pairs += len(seen) * len(others)
    assert wins / pairs > 0.75
    assert wins / pairs > popular_wins / pairs + 0.15


def test_cold_items_are_less_likely_on_average_and_undescribed_ones_least(model: PersonalModel) -> None:
    for query in (NOTHING, history(DATA, "red-0.100"), history(DATA, "blue-0.100", "blue-0.900", "red-0.500")):
        scores = model.scores(query)
        unmet = scores[np.setdiff1d(np.flatnonzero(model.trained_items), query.items)]
        assert scores[numbers(*NEW)].mean() < unmet.mean() - 0.5
        assert scores[numbers(*PLAIN)] == pytest.approx(unmet.min() - 1, abs=1e-4)


def test_r72_all_scores_still_sum_to_1(model: PersonalModel) -> None:
    for query in (NOTHING, history(DATA, "red-0.100", NEW[0])):
        assert np.exp(model.scores(query).astype(np.float64)).sum() == pytest.approx(1, abs=1e-4)
        together = model.scores_many([query, NOTHING])[0]
        assert together == pytest.approx(model.scores(query), abs=1e-4)


def test_r74a_rankings_do_not_read_metadata_of_unscored_items() -> None:
    model = fitted("aws-personalized-ranking")
    assert model.cold.content is None
    assert not model.trained_items[numbers(*NEW)].any()


def test_r72g_items_outside_the_catalog_get_the_same_scores(model: PersonalModel) -> None:
    query = history(DATA, "red-0.100", "red-0.200", "red-0.133")
    rows, others = model.scores_with_others([query, NOTHING], paint(["red-0.150", "blue-0.150", "plain-9"]))
    assert np.allclose(rows, model.scores_many([query, NOTHING]))
    assert others is not None
    assert others[0, 0] > others[0, 1]
    assert others[0, 2] == pytest.approx(model.scores(query)[numbers(PLAIN[0])[0]], abs=1e-4)


def test_without_metadata_nothing_changes() -> None:
    model = fitted("aws-user-personalization", replace(DATA, item_features=None))
    scores = model.scores(history(DATA, "red-0.100"))
    assert len(set(scores[numbers(*NEW, *PLAIN)].tolist())) == 1
    assert model.scores_with_others([NOTHING], paint(["red-0.150"]))[1] is None


def test_what_was_learned_of_metadata_is_saved(model: PersonalModel, tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    save_model(model, path)
    query = history(DATA, "red-0.100")
    assert np.array_equal(load_model(path).scores(query), model.scores(query))
