"""Learning how much to trust each of the experts: on users of the training data that their models have not seen.

Users are dealt into groups; for each group the models are fitted on the others, and what every opinion said of the
group's next visits is compared with what they were: at the end of a history and, where there is room for more cases,
at some moments before. Of large data a part is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import HeldOut, TrainingData
from personalize_emu.recipes.experts import (
    DEFAULT_WEIGHTS,
    NOTHING_AGAINST,
    POPULAR,
    Candidates,
    Experts,
    Judgement,
    Trust,
    lengths_of,
    usual_trust,
)
from personalize_emu.recipes.models.choice import Case, learned_weights
from personalize_emu.recipes.models.reranker import Question, fit_reranker
from personalize_emu.recipes.split import cut_user, cut_user_at, rows_of_users, user_coins

GROUPS = 3
MOST_VISITS = 200_000
"""Of more data, so many users as have about this many visits are looked at."""
MOST_USERS = 600
"""With more of them than this in a group, one group is enough."""
MOST_CASES, FEWEST_CASES_ASKED = 1800, 600
CASE_CELLS = 40_000_000
"""Cases times items: fewer cases in large catalogs, as every case is an opinion on all items."""
EARLIER = (0.86, 0.72, 0.58, 0.44, 0.3)
"""How much of a history is known at the moments before its end that are asked about, in this order."""
CANDIDATES = 100
"""A weight must order what is at the top of lists: items that no opinion puts there are left out."""
STRENGTH = 10.0
"""The defaults count as much as about so many users, spread over the weights; moments of one user are much alike."""
EVENNESS = 0.18
"""Taken off what popularity was found to deserve. Likelihood rewards it a little more than the tops of lists do: on
films this much costs nothing there, and lists cover a tenth more of the catalog."""
SEED = 5
FEWEST_CASES = 20

FitExperts = Callable[[TrainingData], Experts]


@dataclass(frozen=True, eq=False)
class Group:
    """data: of the users who are not asked. asked: user and moment, users numbered within the group by `owners`."""

    data: TrainingData
    asked: tuple[HeldOut, ...]
    owners: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Asked:
    """One case: what was open to the user, what is known of it, and what came next.

    traits: float32[candidates, d]. soon: float32[candidates], see `soon_among`. unusual: how much longer the history is
    than usual. owner: the number of the user.
    """

    candidates: Candidates
    traits: NDArray[np.float32]
    soon: NDArray[np.float32]
    unusual: float
    owner: int

    def as_case(self) -> Case:
        """Trust is learned from what came later, too, though it counts less: there is little else to go by."""
        said = self.candidates.opinions
        return Case(np.concatenate([said, said * np.float32(self.unusual)], axis=1), np.sqrt(self.soon))

    def as_question(self, weights: NDArray[np.float64]) -> Question:
        """weights: float64[2, opinions], see Trust."""
        now = (weights[0] + self.unusual * weights[1]).astype(np.float32)
        np.maximum(now[NOTHING_AGAINST], 0, out=now[NOTHING_AGAINST])
        return Question(self.candidates.opinions @ now, self.traits, self.soon, self.owner)


def learned_judgement(data: TrainingData, fit: FitExperts, rng: np.random.Generator) -> Judgement:
    """The usual one where there is too little to learn from. fit: experts of the usual trust."""
    trust = usual_trust()
    groups = list(dealt(data))
    if not groups:
        return Judgement(trust)
    lengths = lengths_of([user.history for group in groups for user in group.asked])
    shortest, usual, longest = np.quantile(lengths, (0.02, 0.5, 0.98))
    trust = Trust(trust.weights, float(shortest), float(usual), float(longest))
    cases = [case for group in groups for case in cases_of(fit(group.data), group, trust)]
    if len(cases) < FEWEST_CASES:
        return Judgement(trust)
    prior = trust.weights.ravel()
    strength = STRENGTH / len({case.owner for case in cases})
    weights = learned_weights([case.as_case() for case in cases], prior, strength, _floor())
    weights = weights.reshape(trust.weights.shape)
    reranker = fit_reranker([case.as_question(weights) for case in cases], rng)
    weights[0, POPULAR] -= EVENNESS
    return Judgement(replace(trust, weights=weights), reranker)


def _floor() -> NDArray[np.float64]:
    """float64[2 * opinions]: what speaks for an item must not speak against it, at the usual length of a history."""
    floor = np.full((2, len(DEFAULT_WEIGHTS)), -np.inf)
    floor[0, NOTHING_AGAINST] = 0.0
    return floor.ravel()


def dealt(data: TrainingData) -> Iterator[Group]:
    """Groups of users to ask, each with the data of the others; the same for the same data."""
    coins = user_coins(data.user_ids, SEED)
    order = np.argsort(coins, kind="stable")
    enough = int(np.searchsorted(np.cumsum(data.visits.lengths[order]), MOST_VISITS)) + 1
    chosen = np.zeros(len(coins), np.bool_)
    chosen[order[:enough]] = True
    part = data if chosen.all() else rows_of_users(data, chosen)
    coins = coins[chosen] / (coins[chosen].max(initial=0) + 1e-9)
    numbers = (coins * GROUPS).astype(np.int64)
    testable = part.visits.lengths >= 2
    most = int(np.clip(CASE_CELLS // max(1, len(data.catalog)), FEWEST_CASES_ASKED, MOST_CASES))
    count = GROUPS if len(coins) <= GROUPS * MOST_USERS else 1
    for number in range(count):
        mine = np.flatnonzero((numbers == number) & testable)[: most // count]
        others = np.ones(len(coins), np.bool_)
        others[mine] = False
        if len(mine) and others.any():
            asked, owners = _moments(part, mine, most // count)
            yield Group(rows_of_users(part, others), asked, tuple(GROUPS * owner + number for owner in owners))


def _moments(data: TrainingData, users: NDArray[np.int64], most: int) -> tuple[tuple[HeldOut, ...], tuple[int, ...]]:
    """The ends of the users' histories, then moments before, up to so many in all; and whose each is."""
    asked = [cut_user(data.visits, int(user)) for user in users]
    owners = users.tolist()
    for share in EARLIER:
        for user, whole in zip(users.tolist(), asked[: len(users)], strict=True):
            known = int(share * len(whole.history.items))
            if known and len(asked) < most:
                asked.append(cut_user_at(data.visits, user, known))
                owners.append(user)
    return tuple(asked), tuple(owners)


def cases_of(experts: Experts, group: Group, trust: Trust) -> Iterator[Asked]:
    """For each moment the candidates among items not had, as the experts have them, and which of them came next."""
    found = experts.candidates_of([user.history for user in group.asked], CANDIDATES)
    unusual = trust.unusual([user.history for user in group.asked]).tolist()
    for user, candidates, length, owner in zip(group.asked, found, unusual, group.owners, strict=True):
        soon = soon_among(candidates.items, user)
        if soon.any():
            yield Asked(candidates, experts.traits_of(user.history, candidates), soon, length, owner)


def soon_among(candidates: NDArray[np.int64], user: HeldOut) -> NDArray[np.float32]:
    """float32[candidates]: of those that came `HeldOut.soon`, of the others 0."""
    worth = np.zeros(len(candidates), np.float32)
    came = np.isin(candidates, user.truth)
    worth[came] = user.soon[np.searchsorted(user.truth, candidates[came])]
    return worth


def best_candidates(logits: NDArray[np.float32], most: int = CANDIDATES) -> NDArray[np.int64]:
    """The numbers of the greatest logits above -inf, ascending."""
    most = min(most, int(np.count_nonzero(logits > -np.inf)))
    return np.sort(np.argpartition(-logits, most - 1)[:most]) if most else np.empty(0, np.int64)
