"""The benchmark of quality measures what it says: by the service's definitions and by those in use elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from benchmarks import user_folds
from benchmarks.hits import hits_of, interval, ndcg_of, reciprocal_ranks_of
from benchmarks.peers import Peer, grid, trained, tuned
from personalize_emu.recipes.contract.metrics import evaluate
from personalize_emu.recipes.contract.split import cut_user
from tests.recipes.made_data import random_data

LISTS = [np.array([4, 0, 7, 8, 1], np.int32), np.array([9, 3], np.int32), np.array([2], np.int32)]
TRUTHS = [np.array([0, 1], np.int32), np.array([5], np.int32), np.array([2, 3, 4], np.int32)]
DATA = random_data(users=80, items=40, rows=1500, seed=6)


class Counting:
    """Recommends what most users had, from the `first` place on."""

    def __init__(self, first: int = 0) -> None:
        self.first = first

    def fit(self, matrix: sp.csr_matrix, show_progress: bool) -> None:
        self.counts = np.asarray((matrix > 0).sum(axis=0)).ravel()

    def recommend(self, users: np.ndarray, bags: sp.csr_matrix, N: int, filter_already_liked_items: bool) -> Any:  # noqa: N803
        order = np.argsort(-self.counts, kind="stable")[self.first :]
        seen = [bags[row].indices if filter_already_liked_items else [] for row in range(len(users))]
        rows = [order[~np.isin(order, items)][:N] for items in seen]
        shortest = min(map(len, rows))
        return np.stack([row[:shortest] for row in rows]), np.ones((len(rows), shortest))

    def similar_items(self, item: int, N: int) -> Any:  # noqa: N803
        order = np.argsort(-self.counts, kind="stable")[:N]
        return order, np.ones(len(order))


COUNTING = Peer("counting", grid(first=(20, 0)), lambda setting: Counting(**setting))


def test_m23_ndcg_is_that_of_get_solution_metrics() -> None:
    metrics = evaluate(LISTS, TRUTHS, 10)
    hits = hits_of(LISTS, TRUTHS)
    assert ndcg_of(hits, 5)[0] == pytest.approx(0.6241, abs=1e-4)
    assert ndcg_of(hits, 10).mean() == pytest.approx(metrics["normalized_discounted_cumulative_gain_at_10"], abs=1e-4)
    assert reciprocal_ranks_of(hits).mean() == pytest.approx(metrics["mean_reciprocal_rank_at_25"], abs=1e-4)


def test_standard_ndcg_expects_all_that_there_is_to_find() -> None:
    hits = hits_of(LISTS, TRUTHS)
    assert ndcg_of(hits, 10, TRUTHS)[2] == pytest.approx(1 / (1 + 1 / np.log2(3) + 0.5))
    assert ndcg_of(hits, 10)[2] == 1


def test_the_interval_holds_the_mean() -> None:
    difference = np.random.default_rng(0).normal(0.1, 0.3, 500)
    low, high = interval(difference)
    assert low < difference.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * 0.3 / 500**0.5, rel=0.1)


def test_peers_are_tuned_on_training_users_and_leave_out_seen_items() -> None:
    assert tuned(COUNTING, DATA)[0] == {"first": 0}
    users = [cut_user(DATA.interactions, user) for user in range(5)]
    model = trained(COUNTING, {"first": 0}, DATA, users)
    within, without = model.related()
    for lists in (model.recommended(leave_out=True), without):
        assert not any(np.isin(found, user.history.items).any() for found, user in zip(lists, users, strict=True))
    for lists in (model.recommended(leave_out=False), within):
        assert any(np.isin(lists[0], users[0].history.items))


def test_nothing_is_like_itself() -> None:
    users = [cut_user(DATA.interactions, user) for user in range(5)]
    within, _ = trained(COUNTING, {"first": 0}, DATA, users).related()
    assert not any(user.history.items[-1] in found for found, user in zip(within, users, strict=True))


def test_every_user_is_tested_once() -> None:
    tested = [user.history.user_id for split in user_folds.folds(DATA) for user in split.test_users]
    assert sorted(tested) == sorted(DATA.user_ids)


def test_tables_go_between_the_marks_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_folds, "peers", lambda most: (COUNTING,))
    comparison = user_folds.Comparison(DATA, None, quick=True)
    comparison.run()
    page = tmp_path / "quality.md"
    page.write_text(f"before\n{user_folds.BEGIN}\nlast year\n{user_folds.END}\nafter\n", encoding="utf-8")
    user_folds.write(page, comparison.text())
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "last year" not in text
    assert "| counting" in text
    assert "aws-sims against counting, the best peer" in text


def test_metadata_are_read_along_the_catalog(tmp_path: Path) -> None:
    years = "\n".join(f"n{number},{1950 + number},war" for number in range(30))
    (tmp_path / "item-meta.csv").write_text(f"ITEM_ID,YEAR,GENRE\nb,1999,love|war\na,x,\n{years}\n", encoding="utf-8")
    catalog = ["a", "b", "unknown", *(f"n{number}" for number in range(30))]
    features = user_folds.read_metadata(tmp_path, catalog)
    assert features is not None
    (year,), (genre,) = features.numbers, features.categories
    assert year.values[1] == 1999
    assert np.isnan(year.values[[0, 2]]).all()
    assert genre.values == ("love", "war")
    assert genre.members.toarray()[:4].tolist() == [[0, 0], [1, 1], [0, 0], [0, 1]]
    assert user_folds.read_metadata(tmp_path / "nowhere", catalog) is None
