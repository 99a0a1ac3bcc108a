"""Exploration of items with few interactions (R-72e, R-72f).

An item is the more uncertain the fewer interactions and impressions it has. Items to explore are drawn without
replacement (Gumbel top-k) from the softmax of score plus a bonus for uncertainty, in the spirit of Thompson sampling.
Their places in the ranking are a Poisson process, so that the share of explored items does not depend on the scale of
the scores or the size of the catalog. The first item stays first, and items that are not explored keep their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.recipes.contract.topk import greatest

DAY = 86_400
KNOWN_AFTER = 15
"""Exposures after which an item is known: what HRNN-Coldstart takes for the end of being cold (R-66)."""
LEFT = 0.18
"""Uncertainty of a known item, as a share of that of an item without interactions."""
BONUS = 2.0
"""Of an item without interactions, where 1 is from the least relevant item to the most (R-72f): so much that it goes
before what is known, whatever the model makes of it."""
SELDOMEST = 1e-12
"""The rate of exploring up to which nothing is: less than one item in a million million."""
DEEPEST = 500
"""Places of the ranking, from the first, that explored items can take: as many as an answer has at most."""
MOST = 4096
"""Of more candidates than this, so many are drawn first, to be looked at."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Exposure:
    """How well each item is known.

    exposures: int64[items], interactions with it and impressions of it that were passed over (R-72e).
    created: int64[items], epoch seconds (R-42). newest: the latest interaction of the training data, from which ages
    are measured back.
    """

    exposures: NDArray[np.int64]
    created: NDArray[np.int64]
    newest: int

    @cached_property
    def youngest(self) -> NDArray[np.int64]:
        """int64[items]: youngest first, those of one age by number."""
        return np.argsort(-self.created, kind="stable")

    @cached_property
    def ages(self) -> NDArray[np.float64]:
        """float64[items]: days from their creation to the latest interaction, ascending."""
        days: NDArray[np.float64] = (self.newest - self.created[self.youngest]) / DAY
        return days

    def candidates(self, days: float) -> int:
        """How many of `youngest`, from the first, are at most so many days old."""
        return int(np.searchsorted(self.ages, days, side="right"))


@dataclass(frozen=True)
class Exploration:
    """rate: items without interactions in a list for each other item. days: greatest age."""

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
    exposures = np.bincount(data.items, minlength=len(data.catalog)).astype(np.int64)
    return Exposure(exposures if data.shown is None else exposures + data.shown, created, newest)


def uncertainty(exposures: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[k], 1 for an item without interactions, towards 0 for a popular one.

    exposures: int64[k], at least one, of the items among which some are to be explored. Where three quarters of them
    have more exposures than KNOWN_AFTER, it takes as many as those have to be known.
    """
    quarter = len(exposures) // 4
    known = max(KNOWN_AFTER, int(np.partition(exposures, quarter)[quarter]))
    halved = known * LEFT / (1 - LEFT)
    return np.asarray(halved / (halved + exposures), np.float64)


def nothing_explored(scores: Scores) -> Explored:
    return Explored(scores, np.zeros(0, np.int64))


def explored(
    scores: Scores, exposure: Exposure, terms: Exploration, seed: int, ranked: NDArray[np.bool_] | None = None
) -> Explored:
    """Scores with some uncertain items lifted to places that chance gives them; the same seed, the same places.

    scores: float32[items], logits, -inf where an item must not appear. ranked: bool[items], of which items the
    ranking consists without exploration, None for all.
    """
    count = exposure.candidates(terms.days) if terms.rate > SELDOMEST else 0
    if not count:
        return nothing_explored(scores)
    rng = np.random.default_rng(seed)
    places = np.arange(count) if count <= MOST else np.unique(rng.integers(count, size=MOST))
    items = exposure.youngest[places]
    unknown = uncertainty(exposure.exposures[items])
    allowed = scores[items] > -np.inf
    items, unknown = items[allowed], unknown[allowed]
    if not len(items):
        return nothing_explored(scores)
    # The greatest of these sums are a draw without replacement, in proportion to probabilities with that bonus.
    bonus = BONUS * np.ptp(scores[items]) * unknown
    perturbed = scores[items] + bonus + rng.gumbel(size=len(items))
    order = np.argsort(-perturbed, kind="stable")[: 2 * DEEPEST]
    gaps = rng.exponential(size=len(order)) / (terms.rate * unknown[order])
    return _lifted(scores, items[order], gaps, ranked)


def _lifted(
    scores: Scores, items: NDArray[np.int64], gaps: NDArray[np.float64], ranked: NDArray[np.bool_] | None
) -> Explored:
    """Each of `items` so many places behind the one before it, half way to the next; none lower than it was."""
    known = scores if ranked is None else np.where(ranked, scores, np.float32(-np.inf))
    ranking = greatest(known, DEEPEST)
    own = np.searchsorted(-ranking, -known[items])
    rising, ahead = _places(own, gaps, len(ranking))
    items = items[rising]
    levels = (ranking[ahead - 1] + ranking[ahead]) / np.float32(2)
    higher = levels > known[items]
    lifted = scores.copy()
    lifted[items[higher]] = levels[higher]
    return Explored(lifted, items[higher])


def _places(
    own: NDArray[np.int64], gaps: NDArray[np.float64], deepest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[k], which of the items rise, and int64[k], behind how many others, which is at least 1.

    own: int64[n], how many others each has before it already. What ranks as high by relevance alone takes up no place.
    """
    rising: list[int] = []
    places: list[int] = []
    reached = 1.0
    for number, (place, gap) in enumerate(zip(own.tolist(), gaps.tolist(), strict=True)):
        if reached + gap >= deepest:
            break
        if place > reached + gap:
            reached += gap
            rising.append(number)
            places.append(int(reached))
    return np.array(rising, np.int64), np.array(places, np.int64)
