"""Base scorers against slow, obvious versions; ensemble weights from the newest slice in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.temporal import cuts, scored, without_seen
from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.ensemble import newest_slice as slice_module
from personalize_emu.recipes.ensemble.newest_slice import newest_slice
from personalize_emu.recipes.ensemble.stacking import Ensemble, fit_ensemble, learned_ensemble_weights, prior_weights
from personalize_emu.recipes.ensemble.stacking import _scales as stacking_scales
from personalize_emu.recipes.scorers.base import Scorer, kernels_of
from personalize_emu.recipes.scorers.content import ContentScorer, kinds_of
from personalize_emu.recipes.scorers.ease import fit_ease_scorer
from personalize_emu.recipes.scorers.latent import fit_latent_scorer
from personalize_emu.recipes.scorers.popularity import fit_popularity_scorer
from personalize_emu.recipes.scorers.time_aware_knn import fit_time_aware_knn
from personalize_emu.recipes.scorers.transitions import fit_transition_scorer
from tests.recipes.described_data import painted
from tests.recipes.made_data import DAY, chains, checkerboard, fashions, history, random_data, training_data

DATA = random_data(users=60, items=40, rows=900, seed=2)
KERNELS = kernels_of(recency=True, steps=32)


def scorers_of(data: TrainingData) -> tuple[Scorer, ...]:
    visits, count = data.visits, len(data.catalog)
    return (
        fit_ease_scorer(visits, count, KERNELS),
        fit_time_aware_knn(visits, count, KERNELS),
        fit_transition_scorer(visits, count, KERNELS),
        fit_latent_scorer(visits, count, KERNELS),
        fit_popularity_scorer(visits, count),
    )


def own(data: TrainingData, user: int) -> History:
    rows = slice(int(data.offsets[user]), int(data.offsets[user + 1]))
    return History(data.items[rows], data.timestamps[rows])


@pytest.mark.parametrize("scorer", scorers_of(DATA), ids=lambda scorer: type(scorer).__name__)
def test_one_history_is_scored_as_among_many(scorer: Scorer) -> None:
    histories = [own(DATA, user) for user in (0, 7, 30)]
    together = scorer.scores(histories)
    assert together.shape == (len(scorer.columns), 3, len(DATA.catalog))
    assert together.dtype == np.float32
    for row, each in enumerate(histories):
        assert scorer.scores([each])[:, 0] == pytest.approx(together[:, row], rel=1e-4, abs=1e-5)


def test_recent_popularity_halves_with_each_half_life() -> None:
    data = training_data([("u", "old", 0), ("u", "new", 30 * DAY), ("v", "old", 0)])
    recent = fit_popularity_scorer(data.visits, 2).scores([history(data, "new")])[3, 0]
    assert np.exp(recent) - 0.02 == pytest.approx([1.0, 1.0], rel=1e-4)


def test_age_is_measured_at_the_question_and_never_before_the_training() -> None:
    data = training_data([("u", "old", 0), ("u", "new", 10 * DAY)])
    scorer = fit_popularity_scorer(data.visits, 2)
    early, late = (scorer.scores([history(data, "old", start=day * DAY)])[-1, 0] for day in (1, 30))
    assert np.exp(-early) - 1 / 24 == pytest.approx([0, 10], abs=1e-4)
    assert np.exp(-late) - 1 / 24 == pytest.approx([20, 30], abs=1e-4)


def test_knn_counts_similar_owners_and_near_sessions() -> None:
    rows = [(f"u{user}", item, 0) for user in range(5) for item in ("a", "then")]
    rows += [(f"v{user}", item, 100 * DAY) for user in range(5) for item in ("a", "now")]
    rows += [("w", "b", 50 * DAY), ("w", "c", 50 * DAY)]
    data = training_data(rows)
    scorer = fit_time_aware_knn(data.visits, len(data.catalog), KERNELS)
    scores = dict(zip(data.catalog, scorer.scores([history(data, "a", start=100 * DAY)])[0, 0], strict=True))
    assert scores["now"] > scores["then"] > scores["c"] == 0


def test_content_scores_items_of_the_features_of_the_history() -> None:
    data = painted()
    features = kinds_of(data.item_features)
    assert features is not None
    scorer = ContentScorer(features, KERNELS)
    item = next(item for item in data.catalog if item.startswith("red"))
    scores = scorer.scores([history(data, item)])[0, 0]
    red = np.array([item.startswith("red") for item in data.catalog])
    assert scores[red].mean() > scores[~red].mean()


def test_scorers_of_the_slice_know_nothing_of_it() -> None:
    found = newest_slice(DATA)
    assert found is not None
    start = found.training.timestamps.max()
    assert len(found.training.items) == pytest.approx(0.85 * len(DATA.items), rel=0.05)
    for example in found.examples:
        assert not np.isin(example.truth, example.history.items).any()
        assert len(np.unique(example.truth)) == len(example.truth) <= slice_module.TRUTH_LENGTH
    assert any((example.history.timestamps <= start).all() for example in found.examples)


def test_a_part_of_large_data_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_module, "MOST_INTERACTIONS", 300)
    found = newest_slice(DATA)
    assert found is not None
    assert len(found.training.items) < 400


def test_users_of_whom_little_is_known_are_learned_from_only_where_there_are_no_others() -> None:
    found = newest_slice(
        training_data([(f"u{user}", f"i{(user + t) % 7}", user) for user in range(90) for t in (0, 1)])
    )
    assert found is None or all(len(example.history.items) < 3 for example in found.examples)
    found = newest_slice(DATA)
    assert found is not None
    assert all(len(np.unique(example.history.items)) >= 3 for example in found.examples)


def test_with_too_little_to_learn_from_the_prior_weights_stay() -> None:
    data = training_data([("u", "a", 1), ("v", "b", 2)])
    assert learned_ensemble_weights(data, scorers_of) is None
    ensemble = fit_ensemble(data, scorers_of)
    assert ensemble.weights.tolist() == prior_weights(ensemble.scorers).tolist()


def test_evidence_never_counts_against_an_item() -> None:
    ensemble = fit_ensemble(fashions(), scorers_of)
    assert all(w >= 0 for w, column in zip(ensemble.weights, ensemble.columns, strict=True) if column.evidence)


def test_the_same_data_give_the_same_weights() -> None:
    first, second = (learned_ensemble_weights(DATA, scorers_of) for _ in range(2))
    assert first is not None
    assert second is not None
    assert np.array_equal(first, second)


def test_standardised_columns_are_on_one_scale() -> None:
    ensemble = Ensemble(scorers_of(DATA), np.zeros(10), len(DATA.catalog))
    table = ensemble.standardised([own(DATA, 3), own(DATA, 4)])
    assert table.mean(axis=2) == pytest.approx(0, abs=1e-4)
    deviations = table.std(axis=2)
    assert np.all((np.abs(deviations - 1) < 1e-3) | (deviations == 0))
    sparse = np.zeros((1, 100_000), np.float32)
    sparse[0, 7] = 1
    assert (sparse * stacking_scales(sparse)[:, None]).max() == pytest.approx(10, rel=1e-3)


def temporal_ndcg(data: TrainingData, weights: np.ndarray | None) -> float:
    found = cuts(data, (0.6, 0.9), 3)
    ensembles = [fit_ensemble(cut.training, scorers_of, weights) for cut in found]
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
    board = checkerboard(users=60, items=40, visits=14)
    shifted = replace(board, timestamps=board.timestamps + board.users * 20)
    walk = chains(users=80)
    for data, floor in ((shifted, 0.4), (replace(walk, timestamps=walk.timestamps + 7 * walk.users), 0.6)):
        assert temporal_ndcg(data, None) > floor
