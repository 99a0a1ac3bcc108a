"""Opinions of several experts, and how their weights are learned (weighing)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalize_emu.recipes import weighing
from personalize_emu.recipes.base import History, TrainingData
from personalize_emu.recipes.experts import (
    NOTHING_AGAINST,
    OPINIONS,
    Experts,
    Judgement,
    Trust,
    fit_experts,
    looks_at,
    usual_trust,
)
from personalize_emu.recipes.models import crowd_in_time
from personalize_emu.recipes.models.kinds import kinds_of
from personalize_emu.recipes.models.reranker import Reranker
from personalize_emu.recipes.split import cut_user
from personalize_emu.recipes.training import no_progress
from personalize_emu.recipes.weighing import Group, cases_of, dealt, learned_judgement
from tests.recipes.described_data import painted
from tests.recipes.made_data import DAY, chains, checkerboard, history, random_data, training_data

DATA = random_data(users=60, items=40, rows=900, seed=2)
LOOKS = looks_at(recency=True, steps=32)


def experts_of(data: TrainingData, trust: Trust | None = None, reranker: Reranker | None = None) -> Experts:
    judgement = Judgement(trust or usual_trust(), reranker)
    kinds = kinds_of(data.item_features)
    return fit_experts(data.visits, len(data.catalog), kinds, LOOKS, judgement, no_progress)


def learned(data: TrainingData) -> Judgement:
    return learned_judgement(data, experts_of, np.random.default_rng(0))


def some_reranker(experts: Experts, seed: int = 3) -> Reranker:
    """One that says something, whatever it is."""
    rng = np.random.default_rng(seed)
    width = len(OPINIONS) + experts.traits.count + 1
    shapes = (width,), (width,), (width, 8), (8,), (8,), (width,)
    parts = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    return Reranker(parts[0], np.abs(parts[1]), *parts[2:])


def some_histories() -> list[History]:
    return [cut_user(DATA.visits, user).history for user in (0, 7, 30)]


def test_one_history_is_judged_as_among_many() -> None:
    rng = np.random.default_rng(1)
    experts = experts_of(DATA, Trust(rng.standard_normal((2, len(OPINIONS))), 1.0, 2.0, 3.0))
    many = experts.relevance_many(some_histories())
    for row, past in zip(many, some_histories(), strict=True):
        assert experts.relevance(past) == pytest.approx(row, rel=1e-3, abs=1e-3)


def test_every_opinion_is_on_the_same_scale() -> None:
    opinions = experts_of(DATA).opinions_many(some_histories())
    assert opinions.shape == (len(OPINIONS), 3, len(DATA.catalog))
    assert opinions.mean(axis=2) == pytest.approx(0, abs=1e-4)
    spread = opinions.std(axis=2)
    assert ((np.abs(spread - 1) < 0.01) | (spread == 0)).all()


def test_the_second_look_is_the_same_for_one_and_many_and_moves_what_it_looks_at() -> None:
    plain = experts_of(DATA)
    experts = replace(plain, reranker=some_reranker(plain))
    many, before = experts.relevance_many(some_histories()), plain.relevance_many(some_histories())
    for row, old, past in zip(many, before, some_histories(), strict=True):
        assert experts.relevance(past) == pytest.approx(row, rel=1e-3, abs=1e-3)
        found = plain.candidates_of([past], len(DATA.catalog))[0]
        others = np.setdiff1d(np.arange(len(DATA.catalog)), found.items)
        assert not np.isin(found.items, past.items).any()
        corrections = experts.reranker.corrections(found.logits, experts.traits_of(past, found))  # type: ignore[union-attr]
        assert row[found.items] - found.logits == pytest.approx(corrections, abs=1e-3)
        shifts = row[others] - old[others]
        assert shifts == pytest.approx(shifts[:1].repeat(len(shifts)), abs=1e-3)


def test_kinds_have_a_say_where_something_is_known_of_items() -> None:
    described, plain = painted(), replace(painted(), item_features=None)
    past = [cut_user(described.visits, 1).history]
    rows = slice(OPINIONS.index("of the kinds of the newest"), OPINIONS.index("of the kinds of all") + 1)
    assert not experts_of(plain).opinions_many(past)[rows].any()
    said = experts_of(described).opinions_many(past)[rows, 0]
    blue = np.array([item.startswith("blue") for item in described.catalog])
    assert (said[:, blue].min(axis=1) > said[:, ~blue].max(axis=1)).all()


def test_what_speaks_for_an_item_never_speaks_against_it() -> None:
    trust = Trust(np.full((2, len(OPINIONS)), -1.0), 0.0, 0.0, 5.0)
    weights = trust.of(some_histories())
    assert (weights[:, NOTHING_AGAINST] == 0).all()
    assert (weights[:, NOTHING_AGAINST.stop :] < 0).all()


def test_only_lengths_that_were_learned_from_change_the_weights() -> None:
    trust = Trust(np.array([[1.0] * len(OPINIONS), [0.5] * len(OPINIONS)]), 2.0, 3.0, 4.0)
    past = [History(np.zeros(n, np.int32), np.arange(n, dtype=np.int64)) for n in (1, 20, 1000)]
    first = trust.of(past)[:, 0]
    assert first.tolist() == pytest.approx([0.5, 1 + 0.5 * (np.log(20) - 3), 1.5])


def test_what_is_popular_at_the_time_of_the_newest_visit() -> None:
    rows = [(f"u{user:02}", "vinyl" if user < 20 else "stream", user * 100 * DAY) for user in range(40)]
    rows += [(f"u{user:02}", "bread", user * 100 * DAY + 1) for user in range(40)]
    data = training_data(rows)
    experts = experts_of(data)
    then = OPINIONS.index("popular at the time")
    vinyl, stream = data.catalog.index("vinyl"), data.catalog.index("stream")
    early, late = (experts.opinions_many([history(data, "bread", start=start)])[then, 0] for start in (DAY, 3900 * DAY))
    assert early[vinyl] > early[stream]
    assert late[stream] > late[vinyl]


def test_the_crowd_of_large_data_is_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_in_time, "MOST_VISITS", 200)
    experts = experts_of(DATA)
    assert len(experts.crowd.sequence) < 300 < len(DATA.visits)
    opinions = experts.opinions_many(some_histories())
    assert not opinions[OPINIONS.index("visited with the newest at the time")].any()
    assert np.isfinite(experts.relevance_many(some_histories())).all()


def test_nobody_is_asked_about_a_user_whom_the_models_know() -> None:
    dealt_users = 0
    for group in dealt(DATA):
        users = len(set(group.owners))
        dealt_users += users
        assert len(group.data.user_ids) + users == len(DATA.user_ids)
    assert dealt_users == len(DATA.user_ids)


def test_users_are_asked_about_at_the_end_and_at_moments_before() -> None:
    (group, *_) = dealt(DATA)
    for owner in set(group.owners):
        moments = [asked for asked, mine in zip(group.asked, group.owners, strict=True) if mine == owner]
        lengths = [len(moment.history.items) for moment in moments]
        assert lengths == sorted(lengths, reverse=True)
        assert len(moments) > 1
        for earlier in moments[1:]:
            end = len(earlier.history.items)
            assert np.array_equal(earlier.history.items, moments[0].history.items[:end])
            assert np.isin(earlier.truth, np.r_[moments[0].history.items[end:], moments[0].truth]).all()


def test_a_part_of_large_data_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "MOST_VISITS", 300)
    monkeypatch.setattr(weighing, "MOST_USERS", 5)
    monkeypatch.setattr(weighing, "MOST_CASES", 8)
    monkeypatch.setattr(weighing, "FEWEST_CASES_ASKED", 8)
    (group,) = dealt(DATA)
    assert len(group.asked) == 8
    assert len(group.data.visits) < 400


def test_cases_hold_what_was_not_had_and_what_came_next() -> None:
    board = checkerboard(users=30)
    group = Group(board, tuple(cut_user(board.visits, user) for user in range(30)), tuple(range(30)))
    experts = experts_of(board)
    for case in cases_of(experts, group, usual_trust()):
        assert case.as_case().opinions.shape == (15, 2 * len(OPINIONS))
        assert case.traits.shape == (15, len(OPINIONS) + experts.traits.count)
        assert (case.soon > 0).sum() == 1


def test_opinions_that_foresee_are_trusted_more() -> None:
    board, walks = checkerboard(users=200), chains(users=200, visits=6)
    follows = OPINIONS.index("followed the last")
    assert learned(walks).trust.weights[0, follows] > learned(board).trust.weights[0, follows]


def test_with_too_little_to_learn_from_the_usual_trust_stays() -> None:
    for few in (chains(users=6, visits=3), training_data([])):
        assert np.array_equal(learned(few).trust.weights, usual_trust().weights)
        assert learned(few).reranker is None


def test_the_same_data_teach_the_same() -> None:
    first, second = (learned(replace(DATA)).trust for _ in range(2))
    assert np.array_equal(first.weights, second.weights)
