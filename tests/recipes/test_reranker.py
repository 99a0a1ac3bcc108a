"""The second look at the best candidates: a small network that corrects their logits."""

from __future__ import annotations

import numpy as np
import pytest

from personalize_emu.recipes.models import reranker
from personalize_emu.recipes.models.reranker import FEWEST_CASES, Question, Reranker, fit_reranker

TRAITS = 5


def questions(count: int, seed: int, taste: bool = True, candidates: int = 20) -> list[Question]:
    """People who choose what is near in one of two traits, which one another trait says: no linear model sees it."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        traits = rng.standard_normal((candidates, TRAITS)).astype(np.float32)
        traits[:, 0] = np.sign(rng.standard_normal())
        wanted = np.where(traits[:, 0] > 0, -np.abs(traits[:, 1]), -np.abs(traits[:, 2])) * 6 * taste
        logits = rng.standard_normal(candidates).astype(np.float32) * np.float32(0.2)
        chances = np.exp(wanted + logits)
        worth = np.zeros(candidates, np.float32)
        worth[rng.choice(candidates, p=chances / chances.sum())] = 1
        made.append(Question(logits, traits, worth, number // 3))
    return made


def first_places(asked: list[Question], found: Reranker | None) -> float:
    """Share of the questions in which what was chosen has the greatest logit."""
    right = 0
    for question in asked:
        logits = question.logits.copy()
        if found is not None:
            logits += found.corrections(question.logits, question.traits)
        right += bool(question.worth[np.argmax(logits)])
    return right / len(asked)


def test_it_finds_what_the_logits_do_not_say() -> None:
    found = fit_reranker(questions(1500, 1), np.random.default_rng(0))
    assert found is not None
    unseen = questions(400, 2)
    assert first_places(unseen, found) > 3 * first_places(unseen, None)


def test_where_there_is_nothing_to_find_there_is_no_second_look() -> None:
    found = [fit_reranker(questions(600, seed, taste=False), np.random.default_rng(0)) for seed in range(5)]
    assert sum(each is None for each in found) >= 4


def test_being_surer_throughout_is_no_second_look() -> None:
    """Logits that say half of what they should put everything in the same order."""
    rng = np.random.default_rng(4)
    asked = []
    for number in range(900):
        logits = rng.standard_normal(20).astype(np.float32)
        worth = np.zeros(20, np.float32)
        worth[rng.choice(20, p=np.exp(2 * logits) / np.exp(2 * logits).sum())] = 1
        asked.append(Question(logits, rng.standard_normal((20, TRAITS)).astype(np.float32), worth, number // 3))
    stack = reranker._stacked(asked, [question.traits for question in asked])
    assert reranker._sharpness(stack) == pytest.approx(2, rel=0.1)
    assert fit_reranker(asked, np.random.default_rng(0)) is None


def test_as_much_of_the_corrections_is_made_as_is_so() -> None:
    """Of corrections that are twice what they should be, about half; of those that are half of it, all twice."""
    rng = np.random.default_rng(3)
    shape = (2000, 20)
    so = rng.standard_normal(shape).astype(np.float32)
    chances = np.exp(so) / np.exp(so).sum(axis=1, keepdims=True)
    worth = np.zeros(shape, np.float32)
    worth[np.arange(len(so)), (rng.random((len(so), 1)) > np.cumsum(chances, axis=1)).sum(axis=1).clip(max=19)] = 1
    judges = reranker._Stack(np.zeros(shape, np.float32), np.zeros((*shape, 1), np.float32), worth, np.arange(len(so)))
    for times, expected in ((2, 0.5), (1, 1.0), (0.5, 2.0)):
        gains = reranker._gains(judges, np.float32(times) * so)
        assert reranker._part_that_is_so([gains]) == pytest.approx(expected, abs=0.11)
    nothing = reranker._gains(judges, np.float32(0.3) * rng.standard_normal(shape))
    assert reranker._part_that_is_so([nothing]) is None


def test_few_cases_teach_nothing() -> None:
    assert fit_reranker(questions(FEWEST_CASES - 1, 1), np.random.default_rng(0)) is None


def test_the_same_cases_teach_the_same() -> None:
    first, second = (fit_reranker(questions(400, 1), np.random.default_rng(5)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.into.tobytes() == second.into.tobytes()
    assert first.out.tobytes() == second.out.tobytes()


def test_cases_of_different_lengths_are_learned_from_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reranker, "ROUNDS", 3)
    mixed = questions(300, 1) + questions(300, 4, candidates=7)
    assert fit_reranker(mixed, np.random.default_rng(0)) is not None


def test_gradients_are_those_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against finite differences, without dropout."""
    monkeypatch.setattr(reranker, "DROPOUT", 0.0)
    monkeypatch.setattr(reranker, "HIDDEN", 4)
    rng = np.random.default_rng(1)
    asked = questions(6, 1)
    for question in asked[:4]:
        question.worth[:3] = 1, 0.5, 0.25
    stack = reranker._stacked(asked, [question.traits for question in asked])
    shapes = (TRAITS, 8), (8,), (8,), (TRAITS, 2)
    weights = reranker._Weights(*(rng.standard_normal(shape).astype(np.float32) for shape in shapes))
    learning = np.array([[True] * 6, [True, False, True, True, False, True]])
    found = reranker._slopes(stack, learning, weights, rng)
    for part, slopes in enumerate(found):
        direction = rng.standard_normal(slopes.shape)
        ends = []
        for step in (0.003, -0.003):
            moved = list(weights)
            moved[part] = weights[part] + step * direction
            each = [reranker._Weights(*moved).of_member(number) for number in range(2)]
            losses = [reranker._losses(stack, reranker._corrections(stack, member)) for member in each]
            ends.append(sum(float(loss[rows].mean()) for loss, rows in zip(losses, learning, strict=True)))
        assert (slopes * direction).sum() == pytest.approx((ends[0] - ends[1]) / 0.006, abs=0.01)


@pytest.mark.parametrize("sharpness", [1.0, 1.5])
def test_what_is_not_looked_at_goes_along_with_the_last_that_is(sharpness: float) -> None:
    rng = np.random.default_rng(2)
    width = TRAITS + 1
    parts = [rng.standard_normal(shape).astype(np.float32) for shape in ((width, 4), (4,), (4,), (width,))]
    found = Reranker(np.zeros(width, np.float32), np.ones(width, np.float32), *parts, sharpness)
    logits = np.arange(30, dtype=np.float32)
    items, traits = np.arange(22, 30), rng.standard_normal((8, TRAITS)).astype(np.float32)
    corrections = found.corrections(logits[items], traits)
    after = logits.copy()
    found.look_again(after, items, traits)
    assert after[items] == pytest.approx(logits[items] + corrections, abs=1e-4)
    changes = corrections[:2] - (sharpness - 1) * logits[22:24]
    assert after[:22] - sharpness * logits[:22] == pytest.approx(np.full(22, changes.mean()), abs=1e-4)
