"""What GetSolutionMetrics reports of actions (M-3, M-12, M-24, M-31)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.action_data import TAKEN, ActionData, ActionHistory
from personalize_emu.recipes.contract.metrics import CUTOFFS, LIST_LENGTH, coverage, evaluate
from personalize_emu.recipes.contract.split import HELD_OUT_SHARE

RECOMMENDED = 5
"""Length of the lists that precision and recall look at: what an answer holds by default (RT-90)."""
_SHARED = ("coverage", *(f"normalized_discounted_cumulative_gain_at_{cutoff}" for cutoff in CUTOFFS))

Ids = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class HeldOutActions:
    """A test user. moment: epoch seconds of the first offer held out. offered: int32[h] distinct actions of the
    offers held out, ascending; taken: bool[h], whether the user took each."""

    user_id: str
    past: ActionHistory
    moment: int
    offered: Ids
    taken: NDArray[np.bool_]

    @property
    def truth(self) -> Ids:
        return self.offered[self.taken]


def cut_action_user(data: ActionData, user: int) -> HeldOutActions:
    """The newest tenth of a user's action interactions, at least one, is held out."""
    first, end = int(data.offsets[user]), int(data.offsets[user + 1])
    cut = end - max(1, int(HELD_OUT_SHARE * (end - first)))
    offered, places = np.unique(data.actions[cut:end], return_inverse=True)
    taken = np.zeros(len(offered), np.bool_)
    np.logical_or.at(taken, places, data.outcomes[cut:end] == TAKEN)
    past = data.history(slice(first, cut))
    return HeldOutActions(data.user_ids[user], past, int(data.timestamps[cut]), offered.astype(np.int32), taken)


def action_metrics(
    users: Sequence[HeldOutActions], chances: Sequence[NDArray[np.float64]], values: NDArray[np.float64]
) -> dict[str, float]:
    """chances: for each user float64[actions]. values: float64[actions], which settle ties (R-80b).

    Gain, precision and recall look at the users who took anything; the area under the curve at every offer.
    """
    lists = [ranked_actions(row, values)[:LIST_LENGTH] for row in chances]
    takers = [place for place, user in enumerate(users) if len(user.truth)]
    taken = [users[place].truth for place in takers]
    shared = evaluate([lists[place] for place in takers], taken, len(values))
    shared["coverage"] = coverage(lists, len(values))
    precision, recall = _precision_and_recall(lists, [user.truth for user in users], len(values))
    offered = [row[user.offered] for row, user in zip(chances, users, strict=True)]
    outcomes = [user.taken for user in users]
    area = area_under_curve(np.concatenate(offered), np.concatenate(outcomes)) if users else 0.0
    own = {"precision": precision, "recall": recall, "area_under_the_curve": area}
    return {name: shared[name] for name in _SHARED} | own


def ranked_actions(chances: NDArray[np.float64], values: NDArray[np.float64]) -> Ids:
    """int32[actions]: most likely first, then the more valuable, then by id (R-80b, RT-93, RT-94)."""
    return np.lexsort((np.arange(len(chances)), -values, -chances)).astype(np.int32)


def area_under_curve(chances: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> float:
    """The share of pairs of a taken and a declined offer in which the taken one has the greater chance.

    Ties count half. 0 where there are none of either.
    """
    accepted, declined = chances[outcomes], np.sort(chances[~outcomes])
    if not len(accepted) or not len(declined):
        return 0.0
    below = np.searchsorted(declined, accepted, "left") + np.searchsorted(declined, accepted, "right")
    return float(below.mean() / 2 / len(declined))


def _precision_and_recall(lists: Sequence[Ids], truths: Sequence[Ids], actions: int) -> tuple[float, float]:
    """Means over the actions that were recommended, and over those that were taken (M-31)."""
    recommended, taken, both = (np.zeros(actions) for _ in range(3))
    for ranked, truth in zip(lists, truths, strict=True):
        shown = ranked[:RECOMMENDED]
        recommended[shown] += 1
        taken[truth] += 1
        both[np.intersect1d(shown, truth)] += 1
    return _mean_share(both, recommended), _mean_share(both, taken)


def _mean_share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    counted = whole > 0
    return float((part[counted] / whole[counted]).mean()) if counted.any() else 0.0
