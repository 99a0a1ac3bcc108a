"""Base scorers against slow, obvious versions; ensemble weights from the newest slice in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.temporal import cuts, scored, without_seen
from personalize_emu.recipes.content.item_vectors import vectors_of
from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.ensemble import newest_slice as slice_module
from personalize_emu.recipes.ensemble.known_users import NOBODY, known_users
from personalize_emu.recipes.ensemble.newest_slice import newest_slice
from personalize_emu.recipes.ensemble.stacking import Ensemble, fit_ensemble, learned_ensemble_weights, prior_weights
from personalize_emu.recipes.ensemble.stacking import _scales as stacking_scales
from personalize_emu.recipes.numerics.logits import standardised, sum_of_squares
from personalize_emu.recipes.scorers.base import Scorer, kernels_of
from personalize_emu.recipes.scorers.content import ContentScorer
from personalize_emu.recipes.scorers.ease import EaseScorer, fit_ease_scorer, fit_primal, user_item_matrix
from personalize_emu.recipes.scorers.latent import fit_latent_scorer
from personalize_emu.recipes.scorers.popularity import fit_popularity_scorer
from personalize_emu.recipes.scorers.time_aware_knn import fit_time_aware_knn
from personalize_emu.recipes.scorers.transitions import fit_transition_scorer
from tests.recipes.described_data import painted
from tests.recipes.made_data import DAY, chains, checkerboard, fashions, history, random_data, training_data

DATA = random_data(users=60, items=40, rows=900, seed=2)
KERNELS = kernels_of(recency=True, steps=32)


def scorers_of(data: TrainingData) -> tuple[Scorer, ...]:
    interactions, count = data.interactions, len(data.catalog)
    return (
        fit_ease_scorer(interactions, count, KERNELS),
        fit_time_aware_knn(interactions, count, KERNELS),
        fit_transition_scorer(interactions, count, KERNELS),
        fit_latent_scorer(interactions, count, KERNELS),
        fit_popularity_scorer(interactions, count),
    )


def repr_of(scorer: Scorer) -> str:
    return type(scorer).__name__


def all_scorers_of(parts: Sequence[TrainingData]) -> Iterator[tuple[Scorer, ...]]:
    return map(scorers_of, parts)


def own(data: TrainingData, user: int) -> History:
    rows = slice(int(data.offsets[user]), int(data.offsets[user + 1]))
    return History(data.items[rows], data.timestamps[rows])


@pytest.mark.parametrize("scorer", scorers_of(DATA), ids=lambda scorer: type(scorer).__name__)
def test_one_history_is_scored_as_among_many(scorer: Scorer) -> None:
    histories = [own(DATA, user) for user in (0, 7, 30, *range(10, 20))]
    together = scorer.scores(histories)
    assert together.shape == (len(scorer.columns), 13, len(DATA.catalog))
    assert together.dtype == np.float32
    for row, each in enumerate(histories):
        assert scorer.scores([each])[:, 0] == pytest.approx(together[:, row], rel=1e-4, abs=1e-5)


SHORT = kernels_of(recency=True, steps=2)
"""So that few users share an item with a history."""


def sparse_scorers(data: TrainingData) -> tuple[Scorer, ...]:
    interactions, count = data.interactions, len(data.catalog)
    vectors = vectors_of(painted().item_features)
    assert vectors is not None
    return (
        ContentScorer(vectors, KERNELS),
        fit_time_aware_knn(interactions, count, replace(SHORT, recent=SHORT.last)),
        fit_transition_scorer(interactions, count, SHORT),
        EaseScorer(fit_primal(user_item_matrix(interactions, len(data.user_ids), count), 50.0, 10), KERNELS, count),
    )


WIDE = random_data(users=150, items=500, rows=900, seed=4)


@pytest.mark.parametrize("scorer", [*scorers_of(DATA), *scorers_of(WIDE), *sparse_scorers(WIDE)], ids=repr_of)
def test_a_column_of_one_history_is_that_of_the_table(scorer: Scorer) -> None:
    """Also of items that come twice, of an empty history, and after the training."""
    known = scorer.item_count if isinstance(scorer, EaseScorer) else len(DATA.catalog) // 4
    rng = np.random.default_rng(6)
    for size in (0, 1, 2, 9, 40):
        items = rng.integers(min(known, 10), size=size).astype(np.int32)
        asked = History(items, np.arange(size, dtype=np.int64) * DAY)
        table = scorer.scores([asked])[:, 0]
        for column, expected in enumerate(table):
            part = scorer.part(column, asked)
            found = np.zeros(len(expected), np.float32)
            found[slice(None) if part.items is None else part.items] = part.values
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
            if scorer.is_fixed(column, asked):
                assert expected == pytest.approx(scorer.scores([History(items[:0], asked.timestamps[:0])])[column, 0])


@pytest.mark.parametrize("data", [DATA, WIDE], ids=["few items", "many items"])
def test_the_sum_of_one_history_is_that_of_the_table(data: TrainingData) -> None:
    """With weights of 0 among them, for returning and for active users."""
    scorers = scorers_of(data)
    weights = np.random.default_rng(3).normal(size=(2, len(prior_weights(scorers)[0]))) ** 2
    weights[:, ::3] = 0
    ensemble = Ensemble(scorers, weights, len(data.catalog), known_users(data))
    histories = [
        replace(own(data, user), user_id=data.user_ids[user] if user % 2 else "stranger") for user in range(0, 60, 7)
    ]
    histories.append(replace(own(data, 4), timestamps=own(data, 4).timestamps + 900 * DAY))
    for row, asked in zip(ensemble.relevance(histories), histories, strict=True):
        assert ensemble.relevance([asked])[0] == pytest.approx(row, rel=1e-4, abs=1e-4)


def test_statistics_of_a_large_catalog_are_those_of_double_precision() -> None:
    rng = np.random.default_rng(8)
    scores = (0.1 + rng.random((2, 750_000)) ** 4).astype(np.float32)
    exact = scores.astype(np.float64)
    assert sum_of_squares(scores) == pytest.approx((exact**2).sum(axis=1), rel=5e-6)
    found = standardised(scores)
    expected = (exact - exact.mean(axis=1, keepdims=True)) / exact.std(axis=1, keepdims=True)
    assert np.abs(found - expected).max() < 3e-5


def test_recent_popularity_halves_with_each_half_life() -> None:
    data = training_data([("u", "old", 0), ("u", "new", 30 * DAY), ("v", "old", 0)])
    recent = fit_popularity_scorer(data.interactions, 2).scores([history(data, "new")])[3, 0]
    assert np.exp(recent) - 0.02 == pytest.approx([1.0, 1.0], rel=1e-4)


def test_age_is_measured_at_the_question_and_never_before_the_training() -> None:
    data = training_data([("u", "old", 0), ("u", "new", 10 * DAY)])
    scorer = fit_popularity_scorer(data.interactions, 2)
    early, late = (scorer.scores([history(data, "old", start=day * DAY)])[-1, 0] for day in (1, 30))
    assert np.exp(-early) - 1 / 24 == pytest.approx([0, 10], abs=1e-4)
    assert np.exp(-late) - 1 / 24 == pytest.approx([20, 30], abs=1e-4)


def test_knn_counts_similar_owners_and_near_sessions() -> None:
    rows = [(f"u{user}", item, 0) for user in range(5) for item in ("a", "then")]
    rows += [(f"v{user}", item, 100 * DAY) for user in range(5) for item in ("a", "now")]
    rows += [("w", "b", 50 * DAY), ("w", "c", 50 * DAY)]
    data = training_data(rows)
    scorer = fit_time_aware_knn(data.interactions, len(data.catalog), KERNELS)
    scores = dict(zip(data.catalog, scorer.scores([history(data, "a", start=100 * DAY)])[0, 0], strict=True))
    assert scores["now"] > scores["then"] > scores["c"] == 0


def test_ease_counts_repeats_by_their_logarithm() -> None:
    rows = [(f"u{user}", item, user) for user in range(30) for item in (("a", "x") if user % 2 else ("b", "y"))]
    data = training_data(rows)
    scorer = fit_ease_scorer(data.interactions, len(data.catalog), KERNELS)
    once, often = (scorer.scores([history(data, *["a"] * count, "b")])[0, 0] for count in (1, 7))
    x, y = data.catalog.index("x"), data.catalog.index("y")
    assert once[x] == pytest.approx(once[y])
    assert often[x] / once[x] == pytest.approx(np.log(8) / np.log(2), rel=1e-3)


def test_content_scores_items_of_the_features_of_the_history() -> None:
    data = painted()
    features = vectors_of(data.item_features)
    assert features is not None
    scorer = ContentScorer(features, KERNELS)
    item = next(item for item in data.catalog if item.startswith("red"))
    scores = scorer.scores([history(data, item)])[0, 0]
    red = np.array([item.startswith("red") for item in data.catalog])
    assert scores[red].mean() > scores[~red].mean()


def test_scorers_of_an_origin_know_nothing_after_it() -> None:
    origins = newest_slice(DATA)
    assert [len(origin.training.items) / len(DATA.items) for origin in origins] == pytest.approx(
        slice_module.ORIGINS, abs=0.02
    )
    for origin in origins:
        end = origin.training.timestamps.max()
        for example in origin.examples:
            assert not np.isin(example.truth, example.history.items).any()
            assert len(np.unique(example.truth)) == len(example.truth) <= slice_module.TRUTH_LENGTH
            assert example.active == (example.history.timestamps[0] > end)
            assert example.active or (example.history.timestamps <= end).all()


def test_active_users_begin_between_an_origin_and_the_next() -> None:
    """Sixty users of ten days each, one after the other: whoever is there at an origin returns, who comes later is
    active.
    """
    data = training_data(
        [
            (f"u{user:02}", f"i{(7 * user + step) % 20:02}", (10 * user + step) * DAY)
            for user in range(60)
            for step in range(15)
        ]
    )
    origins = newest_slice(data)
    assert len(origins) == 2
    later = [origin.training.timestamps.max() for origin in origins[1:]] + [data.timestamps.max()]
    for origin, end in zip(origins, later, strict=True):
        starts = [example.history.timestamps[0] for example in origin.examples if example.active]
        assert starts
        assert max(starts) <= end
        assert any(not example.active for example in origin.examples)


def test_where_everything_happened_at_once_there_is_no_origin() -> None:
    assert newest_slice(training_data([(f"u{user}", f"i{user % 7}", 5) for user in range(90)])) == ()


def test_each_kind_of_example_has_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_module, "MOST_EXAMPLES", 60)
    for origin in newest_slice(random_data(users=200, items=40, rows=3000, seed=2)):
        active = sum(example.active for example in origin.examples)
        assert active <= 15 + slice_module.AN_USER
        assert len(origin.examples) - active <= 15


def test_of_many_interactions_one_origin_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_module, "MANY_INTERACTIONS", 500)
    (origin,) = newest_slice(DATA)
    assert len(origin.training.items) == pytest.approx(0.85 * len(DATA.items), rel=0.05)


def test_a_part_of_large_data_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_module, "MOST_INTERACTIONS", 300)
    assert max(len(origin.training.items) for origin in newest_slice(DATA)) < 400


def test_users_of_whom_little_is_known_are_learned_from_only_where_there_are_no_others() -> None:
    rows = [(f"u{user}", f"i{(user + t) % 7}", user) for user in range(90) for t in (0, 1)]
    examples = [example for origin in newest_slice(training_data(rows)) for example in origin.examples]
    assert examples
    assert all(len(example.history.items) < 3 for example in examples)
    examples = [example for origin in newest_slice(DATA) for example in origin.examples]
    assert examples
    assert all(len(np.unique(example.history.items)) >= 3 for example in examples)


def test_returning_users_are_those_of_whom_nothing_is_new() -> None:
    users = known_users(DATA)
    known, other = own(DATA, 3), own(DATA, 4)
    known = replace(known, user_id=DATA.user_ids[3])
    later = replace(known, items=np.append(known.items, 1), timestamps=np.append(known.timestamps, 10**10))
    earlier = replace(known, items=known.items[:-1], timestamps=known.timestamps[:-1])
    nobody = replace(other, user_id="never seen")
    empty = History(np.empty(0, np.int32), np.empty(0, np.int64), DATA.user_ids[3])
    found = users.returning([known, later, earlier, nobody, empty, replace(other, user_id=DATA.user_ids[4])])
    assert found.tolist() == [True, False, False, False, False, True]
    assert not NOBODY.returning([known]).any()


def test_returning_and_active_users_are_scored_with_their_own_weights() -> None:
    plain = fit_ensemble(DATA, all_scorers_of)
    weights = np.zeros_like(plain.weights)
    weights[0, 0] = weights[1, 5] = 1
    ensemble = replace(plain, weights=weights)
    returning = replace(own(DATA, 3), user_id=DATA.user_ids[3])
    active = replace(returning, user_id="new")
    scores = ensemble.relevance([active, returning])
    table = ensemble.standardised([active, returning])
    assert scores[0] == pytest.approx(table[0, 0], abs=1e-5)
    assert scores[1] == pytest.approx(table[5, 1], abs=1e-5)


def test_of_too_few_examples_of_a_kind_all_decide() -> None:
    """Everybody is there from the start, so nobody is active after an origin."""
    rows = [(f"u{user}", f"i{(user * step) % 23}", step * DAY + user) for user in range(40) for step in range(20)]
    weights = learned_ensemble_weights(training_data(rows), all_scorers_of)
    assert weights is not None
    assert np.array_equal(weights[0], weights[1])


def test_with_too_little_to_learn_from_the_prior_weights_stay() -> None:
    data = training_data([("u", "a", 1), ("v", "b", 2)])
    assert learned_ensemble_weights(data, all_scorers_of) is None
    ensemble = fit_ensemble(data, all_scorers_of)
    assert ensemble.weights.tolist() == prior_weights(ensemble.scorers).tolist()


def test_sums_never_lower_the_score_of_an_item() -> None:
    ensemble = fit_ensemble(fashions(), all_scorers_of)
    assert all(w.min() >= 0 for w, column in zip(ensemble.weights.T, ensemble.columns, strict=True) if column.sums)


def test_the_same_data_give_the_same_weights() -> None:
    first, second = (learned_ensemble_weights(DATA, all_scorers_of) for _ in range(2))
    assert first is not None
    assert second is not None
    assert np.array_equal(first, second)


def test_standardised_columns_are_on_one_scale() -> None:
    ensemble = Ensemble(scorers_of(DATA), np.zeros((2, 10)), len(DATA.catalog), NOBODY)
    table = ensemble.standardised([own(DATA, 3), own(DATA, 4)])
    assert table.mean(axis=2) == pytest.approx(0, abs=1e-4)
    deviations = table.std(axis=2)
    assert np.all((np.abs(deviations - 1) < 1e-3) | (deviations == 0))
    sparse = np.zeros((1, 100_000), np.float32)
    sparse[0, 7] = 1
    assert (sparse * stacking_scales(sparse)[:, None]).max() == pytest.approx(10, rel=1e-3)


def temporal_ndcg(data: TrainingData, weights: np.ndarray | None) -> float:
    found = cuts(data, (0.6, 0.9), 3)
    ensembles = [fit_ensemble(cut.training, all_scorers_of, weights) for cut in found]
    gains = [
        scored(cut, lambda asked, ensemble=ensemble: without_seen(ensemble.relevance(asked), asked)).ndcg  # type: ignore[misc]
        for cut, ensemble in zip(found, ensembles, strict=True)
    ]
    return float(np.concatenate(gains).mean())


def test_recent_popularity_dominates_where_the_slice_says_so() -> None:
    """A floor on temporal splits that the prior weights alone do not reach."""
    data = fashions()
    learned = temporal_ndcg(data, None)
    assert learned > 0.08
    assert learned > 2 * temporal_ndcg(data, prior_weights(scorers_of(data)))


def test_groups_and_chains_are_found_on_temporal_splits() -> None:
    board = checkerboard(users=60, items=40, interactions=14)
    shifted = replace(board, timestamps=board.timestamps + board.users * 20)
    walk = chains(users=80)
    for data, floor in ((shifted, 0.4), (replace(walk, timestamps=walk.timestamps + 7 * walk.users), 0.6)):
        assert temporal_ndcg(data, None) > floor
