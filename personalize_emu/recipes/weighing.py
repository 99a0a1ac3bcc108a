"""Learning how much to trust each of the experts: on users of the training data that their models have not seen.

Users are dealt into groups; for each group the models are fitted on the others, and what every opinion said of the
group's next visits is compared with what they were. Of large data a part is enough, as there are few weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import HeldOut, TrainingData
from personalize_emu.recipes.experts import OPINIONS, Experts, Trust, lengths_of, usual_trust
from personalize_emu.recipes.models.choice import Case, learned_weights
from personalize_emu.recipes.split import cut_user, rows_of_users, user_coins

GROUPS = 3
MOST_VISITS = 200_000
"""Of more data, so many users as have about this many visits are looked at."""
MOST_USERS = 600
"""With more of them than this, one group is enough."""
CANDIDATES = 100
"""A weight must order what is at the top of lists: items that no opinion puts there are left out."""
STRENGTH = 10.0
"""The defaults count as much as about so many cases, spread over the weights."""
EVENNESS = 0.12
"""Taken off what popularity was found to deserve. Likelihood rewards it a little more than the tops of lists do: on
films, games and ratings this much costs nothing there, and lists cover a tenth more of the catalog."""
SEED = 5
FEWEST_CASES = 20
AT_A_TIME = 32

FitExperts = Callable[[TrainingData], Experts]


def learned_trust(data: TrainingData, fit: FitExperts) -> Trust:
    """The usual one where there is too little to learn from."""
    trust = usual_trust()
    groups = list(dealt(data))
    if not groups:
        return trust
    lengths = lengths_of([user.history for _, users in groups for user in users])
    shortest, usual, longest = np.quantile(lengths, (0.02, 0.5, 0.98))
    trust = Trust(trust.weights, float(shortest), float(usual), float(longest))
    cases = [case for rest, users in groups for case in cases_of(fit(rest), users, trust)]
    if len(cases) < FEWEST_CASES:
        return trust
    weights = learned_weights(cases, trust.weights.ravel(), STRENGTH / len(cases)).reshape(trust.weights.shape)
    weights[0, OPINIONS.index("popular")] -= EVENNESS
    return replace(trust, weights=weights)


def dealt(data: TrainingData) -> Iterator[tuple[TrainingData, list[HeldOut]]]:
    """(data of the other users, users of the group) for each group; the same for the same data."""
    coins = user_coins(data.user_ids, SEED)
    order = np.argsort(coins, kind="stable")
    enough = int(np.searchsorted(np.cumsum(data.visits.lengths[order]), MOST_VISITS)) + 1
    chosen = np.zeros(len(coins), np.bool_)
    chosen[order[:enough]] = True
    part = data if chosen.all() else rows_of_users(data, chosen)
    coins = coins[chosen] / (coins[chosen].max(initial=0) + 1e-9)
    groups = (coins * GROUPS).astype(np.int64)
    testable = part.visits.lengths >= 2
    for group in range(GROUPS if len(coins) <= GROUPS * MOST_USERS else 1):
        mine = np.flatnonzero((groups == group) & testable)[:MOST_USERS]
        others = np.ones(len(coins), np.bool_)
        others[mine] = False
        if len(mine) and others.any():
            yield rows_of_users(part, others), [cut_user(part.visits, int(user)) for user in mine]


def cases_of(experts: Experts, users: Sequence[HeldOut], trust: Trust) -> Iterator[Case]:
    """For each user the candidates among items not had, as `trust` has them, and which of them came next."""
    for start in range(0, len(users), AT_A_TIME):
        batch = users[start : start + AT_A_TIME]
        histories = [user.history for user in batch]
        opinions = experts.opinions_many(histories)
        logits = np.einsum("eui,ue->ui", opinions, trust.of(histories))
        for row, (user, length) in enumerate(zip(batch, trust.unusual(histories), strict=True)):
            logits[row, user.history.items] = -np.inf
            best = best_candidates(logits[row])
            chosen = np.isin(best, user.truth)
            if chosen.any():
                said = opinions[:, row, best].T
                yield Case(np.concatenate([said, said * np.float32(length)], axis=1), chosen)


def best_candidates(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """The numbers of at most CANDIDATES greatest logits above -inf, ascending."""
    most = min(CANDIDATES, int(np.count_nonzero(logits > -np.inf)))
    return np.sort(np.argpartition(-logits, most - 1)[:most]) if most else np.empty(0, np.int64)
