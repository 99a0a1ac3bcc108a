"""Showing items of which little is known, so that something is learned of them (R-72e, R-72f).

An item is uncertain while few people have met it, whether they chose it or passed it over. Which uncertain items a
user is shown is a matter of chance, in proportion to how uncertain each is and how relevant the model takes it to be
(Thompson sampling: an item is tried as often as it may turn out to be what is wanted). Where they are put in the
ranking is chance, too: a Poisson process along its places, so that the share of explored items is the same whatever
the scale of the scores and the size of the catalog. The item that ranks first stays first, and what is known keeps
its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import TrainingData
from personalize_emu.recipes.topk import greatest

DAY = 86_400
KNOWN_AFTER = 15
"""Meetings after which an item is certain: what HRNN-Coldstart takes for the end of being cold (R-66)."""
DEEPEST = 500
"""Places of the ranking, from the first, that explored items can take: as many as an answer has at most."""
MOST = 4096
"""Of more candidates than this, so many are drawn first, to be looked at."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Exposure:
    """How well each item is known.

    meetings: int64[items], interactions with it and impressions of it that were passed over (R-72e).
    created: int64[items], epoch seconds (R-42). newest: the latest interaction of the training data, from which ages
    are measured back.
    """

    meetings: NDArray[np.int64]
    created: NDArray[np.int64]
    newest: int

    @cached_property
    def uncertain(self) -> NDArray[np.int64]:
        """int64[u]: the items that are not certain yet, youngest first, those of one age by number."""
        numbers = np.flatnonzero(self.meetings < KNOWN_AFTER)
        return numbers[np.argsort(-self.created[numbers], kind="stable")]

    @cached_property
    def uncertainty(self) -> NDArray[np.float64]:
        """float64[u] of these: 1 for an item that nobody has met, towards 0 at KNOWN_AFTER meetings.

        The spread of an estimate from so many meetings, less what is left of it when the item is certain.
        """
        left = 1 / np.sqrt(1.0 + KNOWN_AFTER)
        spread: NDArray[np.float64] = 1 / np.sqrt(1.0 + self.meetings[self.uncertain])
        remaining: NDArray[np.float64] = (spread - left) / (1 - left)
        return remaining

    @cached_property
    def ages(self) -> NDArray[np.float64]:
        """float64[u]: days from their creation to the latest interaction, ascending."""
        days: NDArray[np.float64] = (self.newest - self.created[self.uncertain]) / DAY
        return days

    def candidates(self, days: float) -> int:
        """How many of `uncertain`, from the first, are at most so many days old."""
        return int(np.searchsorted(self.ages, days, side="right"))


@dataclass(frozen=True)
class Exploration:
    """rate: of items that nobody has met, how many there are for each other item in a list. days: greatest age."""

    rate: float
    days: float

    @classmethod
    def of_weight(cls, weight: float, days: float) -> Exploration:
        """At weight 1 every second item of a list; at the default of 0.3, one in twelve."""
        return cls(weight**2, days)


@dataclass(frozen=True, eq=False)
class Explored:
    """scores: float32[items]. lifted: int64[k], the items that rank higher than by relevance alone."""

    scores: Scores
    lifted: NDArray[np.int64]


def seed_of(*parts: object) -> int:
    """A seed that depends on all of `parts`, the same on every machine."""
    return int.from_bytes(blake2b("\n".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def exposure_of(data: TrainingData, created: NDArray[np.int64], newest: int) -> Exposure:
    """created: int64[items] along the catalog of `data`, of which all interactions count."""
    meetings = np.bincount(data.items, minlength=len(data.catalog)).astype(np.int64)
    return Exposure(meetings if data.shown is None else meetings + data.shown, created, newest)


def nothing_explored(scores: Scores) -> Explored:
    return Explored(scores, np.zeros(0, np.int64))


def explored(
    scores: Scores, exposure: Exposure, terms: Exploration, seed: int, ranked: NDArray[np.bool_] | None = None
) -> Explored:
    """Scores with some uncertain items lifted to places that chance gives them; the same seed, the same places.

    scores: float32[items], logits, -inf where an item must not appear. ranked: bool[items], of which items the
    ranking consists without exploration, None for all.
    """
    count = exposure.candidates(terms.days) if terms.rate > 0 else 0
    if not count:
        return nothing_explored(scores)
    rng = np.random.default_rng(seed)
    places = np.arange(count) if count <= MOST else np.unique(rng.integers(count, size=MOST))
    places = places[scores[exposure.uncertain[places]] > -np.inf]
    if not len(places):
        return nothing_explored(scores)
    items, uncertainty = exposure.uncertain[places], exposure.uncertainty[places]
    # The greatest of these sums are a draw without replacement, in proportion to uncertainty times probability.
    chances = scores[items] + np.log(uncertainty) + rng.gumbel(size=len(items))
    order = np.argsort(-chances, kind="stable")[:DEEPEST]
    ahead = np.cumsum(rng.exponential(size=len(order)) / (terms.rate * uncertainty[order]))
    order = order[ahead < DEEPEST - 2]
    return _lifted(scores, items[order], ahead[: len(order)].astype(np.int64) + 1, ranked)


def _lifted(
    scores: Scores, items: NDArray[np.int64], ahead: NDArray[np.int64], ranked: NDArray[np.bool_] | None
) -> Explored:
    """Each of `items` behind so many others, half way to the next; never lower than it was."""
    known = scores if ranked is None else np.where(ranked, scores, np.float32(-np.inf))
    ranking = greatest(known, int(ahead.max(initial=0)) + 1)
    fitting = ahead < len(ranking)
    items, ahead = items[fitting], ahead[fitting]
    levels = (ranking[ahead - 1] + ranking[ahead]) / np.float32(2)
    higher = levels > known[items]
    lifted = scores.copy()
    lifted[items[higher]] = levels[higher]
    return Explored(lifted, items[higher])
