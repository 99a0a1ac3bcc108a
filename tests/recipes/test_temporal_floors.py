"""Floors of quality on temporal splits of made data, in each of which one kind of evidence is right.

The weights an ensemble has before it learns any are wrong in all of them, and so is each of the other kinds alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.temporal import Cut, Recommend, cuts, scored
from benchmarks.temporal_peers import ease, popularity, recipe_peer
from personalize_emu.recipes.contract.base import TrainingData
from tests.recipes.made_data import DAY, fashions, training_data


def paths() -> TrainingData:
    """Everybody begins with half of the items of a club, in any order, and never returns to it: from then on they go
    from one item to the next around a ring of 80, one a day.
    """
    rng = np.random.default_rng(1)
    rows = []
    for user in range(150):
        place, joined = int(rng.integers(80)), DAY * 60 * rng.random()
        for step, item in enumerate(rng.permutation(40)[:20]):
            rows.append((f"u{user:03}", f"club{user % 2}-{item:02}", int(joined + step * DAY / 20)))
        rows += [
            (f"u{user:03}", f"ring{(place + step) % 80:02}", int(joined + (1 + step) * DAY)) for step in range(20)
        ]
    return training_data(rows)


def generations() -> TrainingData:
    """Eight groups that share no item. Every twenty days each has twelve new ones, and its members take five of them:
    what a group had before is over, and what is popular of late is so in one group of eight.
    """
    rng = np.random.default_rng(3)
    rows = []
    for user in range(160):
        for generation in range(6):
            for item in rng.permutation(12)[:5]:
                moment = int(20 * DAY * (generation + rng.random()))
                rows.append((f"u{user:03}", f"group{user % 8}-{generation}-{item:02}", moment))
    return training_data(rows)


def members_and_visitors() -> TrainingData:
    """Members come back, to what is new in their group (as in `generations`); visitors come once and go round a ring of
    40 items. What is right for the one is wrong for the other.
    """
    rng = np.random.default_rng(5)
    rows = []
    for user in range(80):
        for generation in range(6):
            for item in rng.permutation(12)[:5]:
                moment = int(20 * DAY * (generation + rng.random()))
                rows.append((f"member{user:03}", f"group{user % 4}-{generation}-{item:02}", moment))
    for user in range(400):
        place, moment = int(rng.integers(40)), int(120 * DAY * rng.random())
        rows += [(f"visitor{user:03}", f"ring{(place + step) % 40:02}", moment + 900 * step) for step in range(10)]
    return training_data(rows)


def ndcg(recommend: Callable[[Cut], Recommend], data: TrainingData) -> float:
    """NDCG@10 over all queries of three cuts."""
    gains = [scored(cut, recommend(cut)).ndcg for cut in cuts(data, (0.6, 0.9), 3) if cut.queries]
    return float(np.concatenate(gains).mean())


@pytest.mark.parametrize(
    ("made", "floor"),
    [
        pytest.param(fashions, 0.08, id="recent popularity"),
        pytest.param(paths, 0.8, id="transitions"),
        pytest.param(generations, 0.4, id="similar users of late"),
    ],
)
@pytest.mark.parametrize("recipe", ["aws-user-personalization", "aws-user-personalization-v2"])
def test_the_ensemble_learns_whose_scores_are_right(
    recipe: str, made: Callable[[], TrainingData], floor: float
) -> None:
    """With the weights they have before any are learned, both recipes reach .03, .60 and .17."""
    fit = recipe_peer(recipe).fit
    assert ndcg(lambda cut: fit(cut.training, {}), made()) > floor


def test_returning_users_and_new_ones_have_weights_of_their_own() -> None:
    """Each with those of the other, .31 is reached; with the weights before any are learned, .17."""
    fit = recipe_peer("aws-user-personalization-v2").fit
    assert ndcg(lambda cut: fit(cut.training, {}), members_and_visitors()) > 0.45


def test_no_single_scorer_is_right_everywhere() -> None:
    """What the floors above ask for is out of reach of popularity, old or recent, and of EASE."""
    assert ndcg(lambda cut: ease(cut.training, {"regularisation": 50.0}), paths()) < 0.7
    assert ndcg(lambda cut: ease(cut.training, {"regularisation": 50.0}), fashions()) < 0.05
    for half_life in (2.0, 7.0, 30.0):
        assert ndcg(lambda cut, days=half_life: popularity(cut.training, {"half_life": days}), generations()) < 0.2  # type: ignore[misc]
        assert ndcg(lambda cut, days=half_life: popularity(cut.training, {"half_life": days}), paths()) < 0.3  # type: ignore[misc]
