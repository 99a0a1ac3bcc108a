"""Temporal splits: nothing after the cut is trained on, and the truth is what users interacted with next."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from benchmarks.quality import measured, tuned
from benchmarks.temporal import FEWEST_KNOWN, Cut, Scores, cuts, inner, ratio_interval, scored
from benchmarks.temporal_peers import Peer, ease, inverse_gram, popularity
from personalize_emu.recipes.contract.base import TrainingData

USERS, EVENTS = 40, 30


def growing_data() -> TrainingData:
    """Every user has 30 distinct items, one a day; items 20 and up appear only in the last third of the time."""
    rng = np.random.default_rng(1)
    items = np.concatenate([[*rng.permutation(20), *(20 + rng.permutation(20)[:10])] for _ in range(USERS)])
    users = np.repeat(np.arange(USERS), EVENTS)
    times = np.tile(np.arange(EVENTS) * 86_400, USERS) + users * 60
    names = tuple(f"{number:03}" for number in range(USERS))
    return TrainingData(names, names, users.astype(np.int32), items.astype(np.int32), times.astype(np.int64))


DATA = growing_data()


def test_training_ends_before_the_cut_and_the_truth_begins_there() -> None:
    for cut in cuts(DATA, (0.3, 0.8), 4):
        assert cut.training.timestamps.max() < cut.moment
        assert cut.queries
        for query in cut.queries:
            mine = DATA.users == query.user
            names = np.array(cut.training.catalog)
            numbers = np.array(DATA.catalog)[DATA.items]
            earlier = numbers[mine & (DATA.timestamps < cut.moment)]
            later = numbers[mine & (DATA.timestamps >= cut.moment)]
            assert names[query.history.items].tolist() == earlier.tolist()
            assert len(earlier) >= FEWEST_KNOWN
            assert names[query.truth].tolist() == later[np.isin(later, names)][: len(query.truth)].tolist()


def test_sessions_are_asked_after_the_cut_with_what_they_did_so_far() -> None:
    starts = DATA.users[:, None] * 86_400 * 3
    data = TrainingData(DATA.catalog, DATA.user_ids, DATA.users, DATA.items, DATA.timestamps % 1000 + starts[:, 0])
    order = np.lexsort((data.timestamps, data.users))
    data = TrainingData(data.catalog, data.user_ids, data.users, data.items[order], data.timestamps[order])
    found = [cut for cut in cuts(data, (0.3, 0.8), 3, sessions=True) if cut.queries]
    assert found
    for cut in found:
        for query in cut.queries:
            assert query.history.timestamps[0] >= cut.moment
            assert not np.isin(query.truth, query.history.items).any()


def test_peers_are_tuned_before_the_cut_only() -> None:
    first = cuts(DATA, (0.5, 0.8), 2)[0]
    assert all(
        query.history.timestamps[-1] < first.moment for cut in inner(first, DATA, False) for query in cut.queries
    )
    seen: list[int] = []

    def fit(data: TrainingData, setting: dict[str, int]):  # type: ignore[no-untyped-def]
        seen.append(int(data.timestamps.max()))
        return popularity(data, {"half_life": setting["days"]})

    peer = Peer("recent", fit, ({"days": 1}, {"days": 100}))
    assert tuned(peer, DATA, first, False) in peer.settings
    assert max(seen) < first.moment


def test_a_model_fitted_at_an_earlier_cut_answers_in_the_catalog_of_the_later_one() -> None:
    found = cuts(DATA, (0.4, 0.8), 3)
    once = measured(Peer("popularity", popularity, every=3), {}, found)
    assert len(once.scores.users) == sum(len(cut.queries) for cut in found)
    assert (once.scores.ndcg <= 1).all()


def test_no_item_of_the_history_is_recommended_and_ease_is_not_fitted_on_later_items() -> None:
    cut = cuts(DATA, (0.4, 0.5), 1)[0]
    lists = ease(cut.training, {"regularisation": 10.0})(cut.histories)
    for ranked, history in zip(lists, cut.histories, strict=True):
        assert not np.isin(ranked, history.items).any()


def test_ndcg_of_a_perfect_list_is_one() -> None:
    cut = cuts(DATA, (0.4, 0.5), 1)[0]
    perfect = scored(cut, lambda _histories: [query.truth for query in cut.queries])
    assert perfect.ndcg == pytest.approx(1)
    empty = scored(Cut(cut.moment, cut.training, ()), lambda _histories: [])
    assert len(empty.ndcg) == 0


def test_the_interval_resamples_users_not_queries() -> None:
    def of(ndcg: list[float], users: list[int]) -> Scores:
        values = np.array(ndcg)
        return Scores(np.array(users), values, values, values, values)

    peer = of([0.5] * 40, list(range(40)))
    noisy = [0.4, 0.6] * 20
    assert ratio_interval([of(noisy, list(range(40)))], [peer])[0] == pytest.approx(1.0)
    many = ratio_interval([of(noisy, list(range(40)))], [peer])
    two_users = [0, 1] * 20
    few = ratio_interval([of(noisy, two_users)], [of([0.5] * 40, two_users)])
    assert few[2] - few[1] > many[2] - many[1]


def test_the_inverse_is_the_same_through_users_and_through_items() -> None:
    rng = np.random.default_rng(4)
    tall = sp.csr_matrix((rng.random((12, 7)) < 0.4).astype(np.float64))
    bags = np.eye(12, dtype=np.float64)
    for matrix in (tall, tall.T.tocsr()):
        items = matrix.shape[1]
        expected = np.linalg.inv((matrix.T @ matrix).toarray() + 3.0 * np.eye(items))
        times_inverse, diagonal = inverse_gram(matrix, 3.0)
        assert np.allclose(times_inverse(sp.csr_matrix(bags[:items, :items])), expected)
        assert np.allclose(diagonal, np.diag(expected))
