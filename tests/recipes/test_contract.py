"""Known answers that every recipe for users must give on small data, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History, Kind, Model, TrainingData, TrainingRun
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import all_recipes, recipe_named
from tests.recipes.described_data import painted
from tests.recipes.made_data import DAY, chains, checkerboard, history, training_data

NAMES = [recipe.name for recipe in all_recipes()]
PERSONAL = [recipe.name for recipe in all_recipes() if recipe.kind in (Kind.PERSONALIZED, Kind.RANKING)]
RELATED = [recipe.name for recipe in all_recipes() if recipe.kind is Kind.RELATED]
POPULAR = [recipe.name for recipe in all_recipes() if recipe.kind is Kind.POPULAR]
ENSEMBLES = [name for name in PERSONAL if name != "aws-hrnn"]


def fitted(name: str, data: TrainingData) -> Model:
    recipe = recipe_named(name)
    assert recipe is not None
    return recipe.fit(data, TrainingRun({}))


def ranked(model: Model, asked: History, leave_out: bool = False) -> list[str]:
    scores = model.scores(asked)
    if leave_out:
        scores[asked.items] = -np.inf
    order = np.argsort(-scores, kind="stable")
    return [model.catalog[item] for item in order.tolist() if scores[item] > -np.inf]


@pytest.mark.parametrize("name", [*ENSEMBLES, *RELATED])
def test_two_groups_that_share_no_item_stay_apart(name: str) -> None:
    data = checkerboard(users=60)
    model = fitted(name, data)
    for item in ("i02", "i03"):
        top = ranked(model, history(data, item), leave_out=True)[:5]
        assert {int(other[1:]) % 2 for other in top} == {int(item[1:]) % 2}


@pytest.mark.parametrize("name", PERSONAL)
def test_a_chain_is_followed(name: str) -> None:
    data = chains(users=120)
    assert "i06" in ranked(fitted(name, data), history(data, "i03", "i04", "i05"), leave_out=True)[:3]


@pytest.mark.parametrize("name", ENSEMBLES)
def test_three_favourites_bought_in_rotation_are_all_recommended(name: str) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for user in range(50):
        favourites = rng.permutation(40)[:3]
        start = int(rng.integers(20))
        rows += [(f"u{user:02}", f"i{favourites[t % 3]:02}", DAY * (start + 3 * t)) for t in range(12)]
    data = training_data(rows)
    model = fitted(name, data)
    for user in range(0, 50, 10):
        mine = slice(int(data.offsets[user]), int(data.offsets[user + 1]))
        asked = History(data.items[mine], data.timestamps[mine])
        favourites = {data.catalog[item] for item in np.unique(asked.items).tolist()}
        assert favourites <= set(ranked(model, asked)[:10])


@pytest.mark.parametrize("name", [*PERSONAL, *POPULAR, *RELATED])
def test_one_event_or_none_is_enough_for_a_list(name: str) -> None:
    data = checkerboard()
    model = fitted(name, data)
    for asked in (history(data, "i01"), History(np.empty(0, np.int32), np.empty(0, np.int64))):
        assert len(ranked(model, asked)) >= len(data.catalog) - 1


@pytest.mark.parametrize("name", [*PERSONAL, *POPULAR])
def test_who_has_seen_everything_still_gets_a_list(name: str) -> None:
    data = checkerboard()
    assert len(ranked(fitted(name, data), history(data, *data.catalog))) == len(data.catalog)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_a_fading_trend_is_not_recommended_to_newcomers(name: str) -> None:
    """`old` led a year ago, `new` leads now; both have as many interactions in all."""
    rng = np.random.default_rng(1)
    rows = [
        (f"u{user:03}", item, int((day + 30 * rng.random()) * DAY))
        for user in range(200)
        for item, day in ((("old" if user < 100 else "new"), 0 if user < 100 else 330),)
    ]
    rows += [(f"u{rng.integers(200):03}", f"i{rng.integers(20):02}", int(360 * DAY * rng.random())) for _ in range(900)]
    data = training_data(rows)
    order = ranked(fitted(name, data), history(data, "i03", "i07", start=359 * DAY, step=3600), leave_out=True)
    assert order.index("new") < order.index("old")


def shifted(data: TrainingData) -> TrainingData:
    return replace(data, timestamps=data.timestamps + 400 * DAY)


def permuted(data: TrainingData) -> TrainingData:
    """Users in another order: the same rows under ids that sort the other way round."""
    count = len(data.user_ids)
    users = (count - 1 - data.users).astype(np.int32)
    order = np.argsort(users, kind="stable")
    return replace(
        data, users=users[order], items=data.items[order], timestamps=data.timestamps[order], user_ids=data.user_ids
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [shifted], ids=["shifted clocks"])
def test_shifted_clocks_change_nothing(name: str, change: Callable[[TrainingData], TrainingData]) -> None:
    data = chains(users=60)
    other = change(data)
    asked = history(data, "i03", "i04", start=1_000)
    moved = replace(asked, timestamps=asked.timestamps + 400 * DAY)
    before, after = fitted(name, data).scores(asked), fitted(name, other).scores(moved)
    assert after == pytest.approx(before, rel=1e-2, abs=2e-2)


@pytest.mark.parametrize("name", [*RELATED, *POPULAR, *ENSEMBLES])
def test_permuted_rows_keep_the_answer(name: str) -> None:
    data = chains(users=90)
    asked = history(data, "i03", "i04")
    assert ranked(fitted(name, data), asked, True)[:1] == ranked(fitted(name, permuted(data)), asked, True)[:1]


@pytest.mark.parametrize("name", [*RELATED, *ENSEMBLES])
def test_renamed_items_keep_the_answer(name: str) -> None:
    data = chains(users=90)
    renamed = replace(data, catalog=tuple("x" + item for item in data.catalog))
    asked = history(data, "i03", "i04")
    assert ["x" + item for item in ranked(fitted(name, data), asked)] == ranked(fitted(name, renamed), asked)


@pytest.mark.parametrize("name", [*ENSEMBLES, *RELATED])
def test_items_with_the_same_interactions_stand_together(name: str) -> None:
    """Whoever interacted with i03 did so with `twin`, at the same time."""
    data = checkerboard(users=60)
    rows = [
        (data.user_ids[user], name_, int(time))
        for user, item, time in zip(data.users, data.items, data.timestamps, strict=True)
        for name_ in ((data.catalog[item], "twin") if data.catalog[item] == "i03" else (data.catalog[item],))
    ]
    with_twin = training_data(rows)
    model = fitted(name, with_twin)
    order = ranked(model, history(with_twin, "i05"))
    assert abs(order.index("twin") - order.index("i03")) <= 2


def test_ties_go_by_id() -> None:
    """RT-32."""
    assert top_k(np.zeros(40, np.float32), 40).tolist() == list(range(40))


@pytest.mark.parametrize("name", [*PERSONAL, *RELATED, *POPULAR])
def test_one_item_only(name: str) -> None:
    data = training_data([(f"u{user}", "only", 1_000 + user) for user in range(30)])
    model = fitted(name, data)
    for asked in (history(data, "only"), History(np.empty(0, np.int32), np.empty(0, np.int64))):
        scores = model.scores(asked)
        assert scores.shape == (1,)
        assert not np.isnan(scores).any()


@pytest.mark.parametrize("name", ["aws-user-personalization", "aws-user-personalization-v2", "aws-similar-items"])
def test_a_new_item_like_an_old_one_goes_before_other_new_items(name: str) -> None:
    """R-78b, R-112: it has the metadata of the items of the history."""
    data = painted(cold=["red-0.150-new", "blue-0.150-new"])
    model = fitted(name, data)
    scores = model.scores(history(data, "red-0.200", "red-0.133", "red-0.100"))
    assert scores[model.number_of["red-0.150-new"]] > scores[model.number_of["blue-0.150-new"]]


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_of_one_is_the_row_of_a_batch(name: str) -> None:
    data = chains(users=60)
    model = fitted(name, data)
    histories = [
        history(data, "i03", "i04"),
        history(data, "i07"),
        History(np.empty(0, np.int32), np.empty(0, np.int64)),
    ]
    for row, asked in zip(model.scores_many(histories), histories, strict=True):
        assert row == pytest.approx(model.scores(asked), abs=1e-3)
