"""A second look at the best candidates: a small network over what the experts said and what distinguishes candidates.

It starts as the weighed opinions, made as sure of themselves as they deserve, and learns what to add to them, from
cases in which it is known what came next: half of it how likely each of the next visits is, the sooner the more, half
whether the first of a list is one of them (softmax over the candidates of each case). The second alone makes networks
that know one answer too well where one is all there is; the first alone finds less of what leads the list where there
are many. Dropout, Adam, and rates that fall to nothing. Several of them, each without the users that judge it, go less
astray than one. As much of the corrections is made as makes the judges' next visits likeliest; where they do not become
clearly likelier by any there is no second look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.models.recurrent.adam import Adam, Schedule

HIDDEN = 16
"""Units of each member."""
DROPOUT = 0.4
ROUNDS = 12
AT_ONCE = 32
"""Cases of one update."""
RATE = 0.01
DECAY = 12.0
"""An update takes this share of every weight away, times the rate, over the number of users: what a few did must not be
learned by heart."""
MEMBERS = 5
JUDGES = 0.15
"""Share of the users whom a member does not learn from."""
FEWEST_CASES = 200
PARTS = tuple(part / 10 for part in range(1, 21))
"""Of the corrections, to choose from: networks are too sure of what they learned from few cases, and where there is
much to learn they have not come to its end."""
LEAST_GAIN = 0.003
"""In the mean loss of a judge, for which a second look is worth its time."""
SURE = 2.0
"""Standard errors, between judges of all members, that the gain must be beyond: it is the best of several parts."""
SHARPNESSES = tuple(1.1**power for power in range(-12, 13))
"""To choose from."""
WIDEST = np.float32(4.0)
"""Deviations from the mean beyond which all values are one: rare items have opinions of any size."""
RAREST = np.float32(1e-30)
OUT_OF_REACH = np.float32(-1e9)

Table = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Question:
    """What was to be chosen among. logits: float32[c], before the second look. traits: float32[c, d] of the
    candidates. worth: float32[c], what each choice counts beside the others, 0 for what was not chosen; something was.
    owner: the number of the user.
    """

    logits: Table
    traits: Table
    worth: Table
    owner: int


@dataclass(frozen=True, eq=False)
class Reranker:
    """Of d traits, and one more that follows from the logits.

    centre, factor: float32[d + 1], to values of mean 0 and deviation 1. into: float32[d + 1, h]. bias, out: float32[h].
    slopes: float32[d + 1]. sharpness: what the logits are multiplied by; alone it changes no order.
    """

    centre: Table
    factor: Table
    into: Table
    bias: Table
    out: Table
    slopes: Table
    sharpness: float = 1.0

    def look_again(self, logits: Table, items: NDArray[np.int64], traits: Table) -> None:
        """Correct the logits of some items, in place, by their traits, float32[items, d].

        Those of all others, float32[catalog], go along with the last quarter of these.
        """
        changes = self._changes(logits[items], traits)
        last = np.argsort(logits[items], kind="stable")[: max(1, len(items) // 4)]
        logits *= np.float32(self.sharpness)
        looked_at = logits[items] + changes
        logits += changes[last].mean()
        logits[items] = looked_at

    def corrections(self, logits: Table, traits: Table) -> Table:
        """float32[c]: what to add to the logits, float32[c], of candidates with such traits, float32[c, d]."""
        return self._changes(logits, traits) + np.float32(self.sharpness - 1) * logits

    def _changes(self, logits: Table, traits: Table) -> Table:
        """float32[c]: of the sharpened logits."""
        scaled = np.clip((_with_distance(logits, traits) - self.centre) * self.factor, -WIDEST, WIDEST)
        hidden = scaled @ self.into
        hidden += self.bias
        np.maximum(hidden, 0, out=hidden)
        changes: Table = scaled @ self.slopes + hidden @ self.out
        return changes


class _Weights(NamedTuple):
    """Of m members, each with a stretch of the h * m hidden units. into: float32[d + 1, h * m]. bias, out:
    float32[h * m]. slopes: float32[d + 1, m].
    """

    into: Table
    bias: Table
    out: Table
    slopes: Table

    def of_member(self, number: int) -> _Weights:
        mine = slice(number * HIDDEN, (number + 1) * HIDDEN)
        return _Weights(self.into[:, mine], self.bias[mine], self.out[mine], self.slopes[:, number : number + 1])


@dataclass(frozen=True, eq=False)
class _Stack:
    """Cases padded to one length. logits: float32[n, c]. traits: float32[n, c, d], scaled. worth: float32[n, c], of sum
    1 in each case. owners: int64[n].
    """

    logits: Table
    traits: Table
    worth: Table
    owners: NDArray[np.int64]

    def of(self, rows: NDArray[np.integer]) -> _Stack:
        return _Stack(self.logits[rows], self.traits[rows], self.worth[rows], self.owners[rows])

    def sharpened(self, sharpness: float) -> _Stack:
        return replace(self, logits=self.logits * np.float32(sharpness))


def fit_reranker(questions: Sequence[Question], rng: np.random.Generator) -> Reranker | None:
    """None where there is too little to learn from, or nothing that the logits do not say already."""
    if len(questions) < FEWEST_CASES:
        return None
    traits = [_with_distance(question.logits, question.traits) for question in questions]
    every = np.concatenate(traits)
    centre, spread = every.mean(axis=0), every.std(axis=0)
    factor = np.where(spread > 1e-6, 1 / np.maximum(spread, np.float32(1e-6)), 0).astype(np.float32)
    stack = _stacked(questions, [np.clip((rows - centre) * factor, -WIDEST, WIDEST) for rows in traits])
    sharpness = _sharpness(stack)
    stack = stack.sharpened(sharpness)
    judging = _judging(stack.owners, rng)
    if not len(judging):
        return None
    weights = _learned(stack, ~judging, rng)
    judged = [(stack.of(np.flatnonzero(rows)), weights.of_member(number)) for number, rows in enumerate(judging)]
    part = _part_that_is_so([_gains(judges, _corrections(judges, member)) for judges, member in judged])
    if part is None:
        return None
    share = np.float32(part / len(judging))
    slopes: Table = weights.slopes.sum(axis=1) * share
    return Reranker(centre, factor, weights.into, weights.bias, weights.out * share, slopes, sharpness)


def _sharpness(stack: _Stack) -> float:
    """What to multiply all logits by so that what was chosen is likeliest.

    They were held near the usual trust; to be surer of all that they say would seem a gain of the networks if it were
    left to them. By the loss that these learn by, so not `blend.best_sharpness`, which asks for each visit alone.
    """

    def loss(sharpness: float) -> float:
        sharp = stack.sharpened(sharpness)
        return float(_losses(sharp, np.zeros_like(sharp.logits)).mean())

    return min(SHARPNESSES, key=loss)


def _with_distance(logits: Table, traits: Table) -> Table:
    """float32[c, d + 1]: the traits, and how far each candidate stands below the first."""
    return np.concatenate([traits, (logits.max(initial=-np.inf) - logits)[:, None]], axis=1)


def _stacked(questions: Sequence[Question], scaled: Sequence[Table]) -> _Stack:
    """scaled: of each question the traits as the network sees them, float32[c, d]."""
    longest = max(len(question.logits) for question in questions)
    logits = np.full((len(questions), longest), OUT_OF_REACH, np.float32)
    traits = np.zeros((len(questions), longest, scaled[0].shape[1]), np.float32)
    worth = np.zeros((len(questions), longest), np.float32)
    for row, (question, values) in enumerate(zip(questions, scaled, strict=True)):
        count = len(question.logits)
        logits[row, :count] = question.logits
        traits[row, :count] = values
        worth[row, :count] = question.worth / question.worth.sum()
    return _Stack(logits, traits, worth, np.array([question.owner for question in questions], np.int64))


def _judging(owners: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """bool[members, n]: the cases that each member does not learn from, all of other users. No members where there is
    nobody to judge or to learn from. owners: int64[n].
    """
    users = rng.permutation(np.unique(owners))
    few = max(1, int(JUDGES * len(users)))
    members = min(MEMBERS, len(users) // few) if len(users) > 1 else 0
    rows = [np.isin(owners, users[number * few : (number + 1) * few]) for number in range(members)]
    return np.array(rows, np.bool_).reshape(members, len(owners))


def _learned(stack: _Stack, learning: NDArray[np.bool_], rng: np.random.Generator) -> _Weights:
    """All members go through the same cases in the same order, each passing by those that it does not learn from.

    learning: bool[members, n].
    """
    count = len(stack.owners)
    weights = _start(stack.traits.shape[2], len(learning), rng)
    adam, schedule = Adam(weights), Schedule(RATE, ROUNDS * -(-count // AT_ONCE))
    decay = DECAY / len(np.unique(stack.owners))
    done = 0
    for _ in range(ROUNDS):
        order = rng.permutation(count)
        for start in range(0, count, AT_ONCE):
            rows, rate = order[start : start + AT_ONCE], schedule.rate(done)
            adam.update(_slopes(stack.of(rows), learning[:, rows], weights, rng), rate)
            for values in weights:
                np.multiply(values, np.float32(1 - rate * decay), out=values)
            done += 1
    return weights


def _gains(judges: _Stack, corrections: Table) -> NDArray[np.float64]:
    """float64[parts, judges]: how much the mean loss of each falls. corrections: float32[n, c]."""
    _, numbers, counts = np.unique(judges.owners, return_inverse=True, return_counts=True)
    before = _losses(judges, np.zeros_like(corrections))
    rows = [np.bincount(numbers, before - _losses(judges, np.float32(part) * corrections)) for part in PARTS]
    return np.stack(rows) / counts


def _part_that_is_so(gains: Sequence[NDArray[np.float64]]) -> float | None:
    """The part of the corrections that the judges of all members gain most by; None where they do not clearly gain."""
    of_all = np.concatenate(gains, axis=1)
    best = int(of_all.mean(axis=1).argmax())
    return PARTS[best] if _is_sure(of_all[best]) else None


def _is_sure(gains: NDArray[np.float64]) -> bool:
    """gains: float64[judges]."""
    return bool(gains.mean() > max(LEAST_GAIN, SURE * gains.std() / np.sqrt(len(gains))))


def _start(width: int, members: int, rng: np.random.Generator) -> _Weights:
    """Nothing is added to the logits yet."""
    units = members * HIDDEN
    into = (rng.standard_normal((width, units)) / np.sqrt(width)).astype(np.float32)
    return _Weights(into, *(np.zeros(shape, np.float32) for shape in (units, units, (width, members))))


def _slopes(batch: _Stack, learning: NDArray[np.bool_], weights: _Weights, rng: np.random.Generator) -> _Weights:
    """Gradients of the mean loss of each member over the cases of the batch that it learns from, bool[members, n]."""
    members, count = learning.shape
    traits = batch.traits.reshape(-1, batch.traits.shape[2])
    kept = rng.random(len(weights.out)) >= DROPOUT
    out = _apart(weights.out * np.where(kept, np.float32(1 / (1 - DROPOUT)), np.float32(0)), members)
    hidden = traits @ weights.into
    hidden += weights.bias
    active = hidden > 0
    hidden *= active
    corrections = np.asarray(traits @ weights.slopes + hidden @ out, np.float32).T.reshape(members, count, -1)
    shares = _softmax(batch.logits + corrections)
    right = shares * (batch.worth > 0)
    right /= np.maximum(right.sum(axis=-1, keepdims=True), RAREST)
    right += batch.worth
    right /= 2
    part = learning / np.maximum(learning.sum(axis=1, keepdims=True), 1)
    wrong = ((shares - right) * part[..., None].astype(np.float32)).reshape(members, -1).T
    to_hidden = (wrong @ out.T) * active
    to_out = _together(hidden.T @ wrong)
    to_out *= np.where(kept, np.float32(1 / (1 - DROPOUT)), np.float32(0))
    return _Weights(traits.T @ to_hidden, to_hidden.sum(axis=0), to_out, traits.T @ wrong)


def _apart(values: Table, members: int) -> Table:
    """float32[h * m, m]: each stretch of h in a column of its own, the rest 0."""
    table = np.zeros((members, len(values) // members, members), np.float32)
    table[np.arange(members), :, np.arange(members)] = values.reshape(members, -1)
    return table.reshape(len(values), members)


def _together(table: Table) -> Table:
    """float32[h * m]: what `_apart` put into columns."""
    members = table.shape[1]
    stretches = table.reshape(members, -1, members)
    return stretches[np.arange(members), :, np.arange(members)].ravel()


def _corrections(stack: _Stack, member: _Weights) -> Table:
    """float32[n, c]."""
    hidden = stack.traits @ member.into
    hidden += member.bias
    np.maximum(hidden, 0, out=hidden)
    return np.asarray(hidden @ member.out + (stack.traits @ member.slopes)[..., 0], np.float32)


def _losses(stack: _Stack, corrections: Table) -> Table:
    """[cases]: minus the mean of two logarithms: of the probability that an item taken by such shares was chosen, and,
    by its worth, of that of each that was.
    """
    shares = np.maximum(_softmax(stack.logits + corrections), RAREST)
    first = np.log((shares * (stack.worth > 0)).sum(axis=1))
    each = (np.log(shares) * stack.worth).sum(axis=1)
    return np.asarray(-(first + each) / 2, np.float32)


def _softmax(logits: Table) -> Table:
    shares: Table = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares
