"""Independent parts of a training in threads: the same bytes, and every task's fault is seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from personalize_emu.recipes.contract.base import TrainingRun
from personalize_emu.recipes.contract.parallel import in_order
from personalize_emu.recipes.contract.saving import saved
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import train
from tests.recipes.made_data import random_data


@pytest.mark.parametrize("threads", [2, 5])
def test_the_model_is_the_same_bytes_whatever_the_number_of_threads(threads: int) -> None:
    recipe = recipe_named("aws-user-personalization-v2")
    assert recipe is not None
    data = random_data(users=60, items=80, rows=3000, seed=4)
    alone = train(recipe, data, TrainingRun({}, 5))
    together = train(recipe, data, TrainingRun({}, 5, threads=threads))
    assert together.metrics == alone.metrics
    assert saved(together.model) == saved(alone.model)


def test_tasks_are_done_at_once_and_their_results_come_in_order() -> None:
    """The first ends only when the second has begun."""
    begun = threading.Event()

    def first() -> bool:
        return begun.wait(20)

    def second() -> bool:
        begun.set()
        return False

    assert list(in_order([first, second], 2)) == [True, False]


def test_alone_a_task_begins_when_its_result_is_asked_for() -> None:
    done: list[int] = []
    results = in_order([partial(done.append, number) for number in range(3)], 1)
    next(results)
    assert done == [0]


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_task_raises_is_raised_in_its_place(threads: int) -> None:
    def broken() -> int:
        raise LookupError("the second")

    tasks: list[Callable[[], int]] = [lambda: 1, broken, lambda: 3]
    results = in_order(tasks, threads)
    assert next(results) == 1
    with pytest.raises(LookupError, match="the second"):
        next(results)
