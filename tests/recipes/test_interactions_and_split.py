"""Interactions, the split of M-11 to M-14, and the percentiles of R-71."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import History, NotEnoughData
from personalize_emu.recipes.contract.hyperparameters import items_within, users_within, within
from personalize_emu.recipes.contract.split import cut_user, hash_draws, split_users
from personalize_emu.recipes.training.training import check_enough
from tests.recipes.made_data import checkerboard, random_data, training_data

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("wxyz"), st.integers(1, 4)), min_size=1, max_size=40)


@given(ROWS)
def test_interactions_are_the_distinct_rows_in_order_of_first_arrival(rows: list[tuple[str, str, int]]) -> None:
    data = training_data(rows)
    seen: list[tuple[int, int, int]] = []
    for row in zip(data.users.tolist(), data.items.tolist(), data.timestamps.tolist(), strict=True):
        if row not in seen:
            seen.append(row)
    interactions = data.interactions
    assert (
        list(
            zip(interactions.users.tolist(), interactions.items.tolist(), interactions.timestamps.tolist(), strict=True)
        )
        == seen
    )
    assert interactions.lengths.sum() == len(interactions) == len(seen)


@given(ROWS)
def test_a_history_merges_as_training_rows_do(rows: list[tuple[str, str, int]]) -> None:
    data = training_data([("a", item, time) for _, item, time in rows])
    merged = History(data.items, data.timestamps).merged()
    assert merged.items.tolist() == data.interactions.items.tolist()
    assert merged.timestamps.tolist() == data.interactions.timestamps.tolist()


def test_t22_events_of_weight_0_are_left_out_and_the_greatest_weight_counts() -> None:
    rows = [("a", "x", 1), ("a", "x", 1), ("a", "y", 2), ("b", "x", 3)]
    interactions = training_data(rows, weights=[0.5, 2.0, 0.0, 1.0]).interactions
    assert interactions.weights.tolist() == [2.0, 1.0]
    assert interactions.items.tolist() == [0, 0]


def test_m13_a_tenth_of_the_users_by_a_hash_of_seed_and_id() -> None:
    ids = [f"user-{number}" for number in range(5000)]
    draws = hash_draws(ids, 7)
    assert 0.08 < (draws < 0.1).mean() < 0.12
    assert np.array_equal(hash_draws(ids[::-1], 7)[::-1], draws)
    assert not np.array_equal(hash_draws(ids, 8), draws)


def test_m13_the_newest_tenth_at_least_one_interaction_is_held_out() -> None:
    data = training_data([(f"u{user}", f"i{time:03}", time) for user in range(60) for time in range(2 + user)])
    for user in split_users(data, 1).test_users:
        total = len(user.history.items) + len(user.truth)
        assert len(user.truth) == max(1, total // 10)
        assert user.history.items.max() < user.truth.min()


def test_held_out_interactions_follow_as_many_earlier_moments_as_others() -> None:
    """Interactions of one moment are equally soon, and a second interaction to an item is no later than the first."""
    before = [("a", f"i{number:02}", number) for number in range(36)]
    after = [("a", item, time) for item, time in (("x", 50), ("w", 50), ("y", 60), ("x", 70))]
    data = training_data(before + after)
    cut = cut_user(data.interactions, 0)
    assert {data.catalog[item]: wait for item, wait in zip(cut.truth.tolist(), cut.waits.tolist(), strict=True)} == {
        "w": 0,
        "x": 0,
        "y": 1,
    }


def test_m14_test_users_are_not_in_the_training_set() -> None:
    data = checkerboard()
    split = split_users(data, 3)
    assert 0 < len(split.test_users) < 20
    assert len(split.training.user_ids) + len(split.test_users) == len(data.user_ids)
    assert len(split.training.items) == 6 * len(split.training.user_ids)
    assert split.training.catalog == data.catalog


def test_events_of_one_interaction_lie_on_one_side_of_the_cut() -> None:
    rows = [(f"u{user}", f"i{time}", time) for user in range(50) for time in range(10)]
    doubled = training_data([row for row in rows for _ in range(2)])
    for user in split_users(doubled, 2).test_users:
        assert len(user.truth) == 1
        assert not np.isin(user.truth, user.history.items).any()


@pytest.mark.parametrize("users", [1, 2, 3])
def test_tiny_data_keep_a_training_set(users: int) -> None:
    data = training_data([(f"u{user}", f"i{time}", time) for user in range(users) for time in range(3)])
    split = split_users(data, 0)
    assert len(split.training.items) > 0
    assert bool(split.test_users) == (users > 1)


def test_r71_quantiles_by_linear_interpolation() -> None:
    counts = np.array([0, 1, 2, 3, 4, 5])
    assert within(counts, (0.0, 0.8)).tolist() == [False, True, True, True, True, False]
    assert within(counts, (0.3, 1.0)).tolist() == [False, False, False, True, True, True]


def test_r71_leaves_out_users_and_items() -> None:
    data = training_data([(f"u{user}", f"i{time}", time) for user in range(1, 6) for time in range(user)])
    assert users_within(data, (0.2, 0.8)).user_ids == ("u2", "u3", "u4")
    kept = items_within(data, (0.0, 0.7))
    assert sorted(set(kept.items.tolist())) == [2, 3, 4]
    assert kept.catalog == data.catalog
    assert users_within(data, (0.0, 1.0)) is data


def test_t80_to_t83_minimum_data() -> None:
    few = random_data(30, 50, 999, 1)
    with pytest.raises(NotEnoughData, match=r"^Dataset has fewer than 1000 interactions$"):
        check_enough(few)
    with pytest.raises(
        NotEnoughData, match=r"^Dataset has fewer than 1000 interactions after filtering by event type: View$"
    ):
        check_enough(few, event_type="View")
    lonely = training_data([(f"u{row % 24}", f"i{row}", row) for row in range(1000)])
    with pytest.raises(NotEnoughData, match=r"^Dataset has fewer than 25 users with at least 2 interactions each\.$"):
        check_enough(lonely)
    check_enough(lonely, minimum_users=0)
    check_enough(random_data(30, 50, 1000, 1))


def test_t80_active_users_must_be_one_percent_of_all() -> None:
    once = [(f"once{user}", "x", user) for user in range(2600)]
    active = [(f"often{user}", f"i{time}", time) for user in range(25) for time in range(2)]
    with pytest.raises(NotEnoughData, match="25 users"):
        check_enough(training_data(once + active))
