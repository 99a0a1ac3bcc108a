"""The cold-items benchmark on data with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cold_items import from_metadata, measured, quality, split_items, with_metadata
from benchmarks.user_folds import read
from personalize_emu.recipes.contract.base import TrainingData


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    """Every user has one genre and has seen a third of its films."""
    folder = tmp_path_factory.mktemp("films")
    chance = np.random.default_rng(1)
    seen = [(user, 3 * film + user % 3, film) for user in range(60) for film in range(40) if chance.random() < 0.33]
    rows = "".join(f"{user},{film},{time},watch\n" for user, film, time in seen)
    (folder / "interactions.csv").write_text("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n" + rows)
    genres = ["Comedy|Drama", "War", "Western"]
    meta = "".join(f"{film},{genres[film % 3]},{1950 + film % 7 or ''}\n" for film in range(120))
    (folder / "item-meta.csv").write_text("ITEM_ID,GENRE,YEAR\n" + meta)
    titles = "".join(f"{film},Film {film} (1950),any\n" for film in range(120))
    (folder / "movies.csv").write_text("movieId,title,genres\n" + titles)
    return with_metadata(read(folder), folder, titles=True)


def test_hidden_items_are_removed_and_recommended(films: TrainingData) -> None:
    split = split_items(films, 0)
    assert len(split.hidden) == 12
    assert not np.isin(split.data.items, split.hidden).any()
    assert not any(np.isin(history.items, split.hidden).any() for history in split.histories)
    assert all(np.isin(truth, split.hidden).all() and len(truth) for truth in split.truths)
    ((ndcg, recall, seconds),) = measured(from_metadata, films, 1)
    assert 0.6 < ndcg <= 1
    assert recall == 1.0
    assert seconds > 0


def test_ndcg_and_recall_have_their_usual_definitions() -> None:
    scores = np.array([[0.0, 3.0, 2.0, 9.0, 1.0]], np.float32)
    ndcg, recall = quality(scores, [np.array([2, 4], np.int32)], np.array([1, 2, 4]))
    second_and_third = 1 / np.log2(3) + 1 / np.log2(4)
    assert ndcg == pytest.approx(second_and_third / (1 + 1 / np.log2(3)))
    assert recall == 1.0
