"""Opinions of several experts, and how their weights are learned (weighing)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalize_emu.recipes import weighing
from personalize_emu.recipes.base import History, TrainingData
from personalize_emu.recipes.experts import OPINIONS, Experts, Trust, fit_experts, looks_at, usual_trust
from personalize_emu.recipes.models import crowd_in_time
from personalize_emu.recipes.split import cut_user
from personalize_emu.recipes.training import no_progress
from personalize_emu.recipes.weighing import cases_of, dealt, learned_trust
from tests.recipes.made_data import DAY, chains, checkerboard, history, random_data, training_data

DATA = random_data(users=60, items=40, rows=900, seed=2)
LOOKS = looks_at(recency=True, steps=32)


def experts_of(data: TrainingData, trust: Trust | None = None) -> Experts:
    return fit_experts(data.visits, len(data.catalog), LOOKS, trust or usual_trust(), no_progress)


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
    for rest, users in dealt(DATA):
        dealt_users += len(users)
        assert len(rest.user_ids) + len(users) == len(DATA.user_ids)
    assert dealt_users == len(DATA.user_ids)


def test_a_part_of_large_data_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "MOST_VISITS", 300)
    monkeypatch.setattr(weighing, "MOST_USERS", 5)
    ((rest, users),) = dealt(DATA)
    assert len(users) == 5
    assert len(rest.visits) < 400


def test_cases_hold_what_was_not_had_and_what_came_next() -> None:
    board = checkerboard(users=30)
    users = [cut_user(board.visits, user) for user in range(30)]
    for case in cases_of(experts_of(board), users, usual_trust()):
        assert case.opinions.shape == (15, 2 * len(OPINIONS))
        assert case.chosen.sum() == 1


def test_opinions_that_foresee_are_trusted_more() -> None:
    board, walks = checkerboard(users=200), chains(users=200, visits=6)
    follows = OPINIONS.index("followed the last")
    assert learned_trust(walks, experts_of).weights[0, follows] > learned_trust(board, experts_of).weights[0, follows]


def test_with_too_little_to_learn_from_the_usual_trust_stays() -> None:
    few = chains(users=12)
    assert np.array_equal(learned_trust(few, experts_of).weights, usual_trust().weights)
    assert np.array_equal(learned_trust(training_data([]), experts_of).weights, usual_trust().weights)


def test_the_same_data_teach_the_same() -> None:
    first, second = (learned_trust(replace(DATA), experts_of) for _ in range(2))
    assert np.array_equal(first.weights, second.weights)
