"""Several opinions on what a user wants next, weighed as the data at hand have shown them to deserve.

Linear models of the user's own history (affinities), its place among items as points (latent), what others did about
the same time (crowd_in_time), what is known of the items (kinds), popularity and age each have a say on every item.
Opinions are brought to one scale, and their weights are learned (choice) from users that the models had not seen. How
much is known of a user changes whom to trust, so every weight has a part that follows the logarithm of the number of
visits. The best candidates are looked at once more (reranker).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.affinities import Affinities, Kernels, fit_affinities
from personalize_emu.recipes.base import History, Progress, within
from personalize_emu.recipes.models.blend import centre, in_logarithms, standardised
from personalize_emu.recipes.models.candidate_traits import ItemTraits, item_traits
from personalize_emu.recipes.models.crowd_in_time import CrowdInTime, crowd_in_time, newest_times
from personalize_emu.recipes.models.histories import Kernel, weighted_rows
from personalize_emu.recipes.models.kinds import Kinds
from personalize_emu.recipes.models.latent import LatentItems, fit_latent_items
from personalize_emu.recipes.models.next_item_ridge import MEMORY
from personalize_emu.recipes.models.reranker import Reranker
from personalize_emu.recipes.visits import Visits

EASE_REGULARISATION = 100.0
OPINIONS = (
    "visited with the newest",
    "visited with all",
    "visited with the newest at the time",
    "followed the newest",
    "followed the newest at the time",
    "followed the last",
    "had by similar people",
    "of the kinds of the newest",
    "of the kinds of all",
    "comes next",
    "near the newest",
    "popular",
    "popular at the time",
    "young",
)
DEFAULT_WEIGHTS = (0.3, 0.1, 0.2, 0.1, 0.2, 0.1, 0.0, 0.05, 0.0, 0.2, 0.05, 0.0, 0.1, 0.0)
"""Of each opinion, before any are learned."""
IN_LOGARITHMS = slice(0, 9)
"""Opinions that are sums of what speaks for an item."""
NOTHING_AGAINST = slice(0, 11)
"""Opinions that can speak for an item only: few cases must not turn what a user likes into what to keep away."""
POPULAR, POPULAR_NOW, YOUNG = 11, 12, 13
AT_A_TIME = 32
"""Histories whose opinions are held in memory at once."""
AT_HAND = 1 << 18
"""Opinions of items that are brought to scale at once: what a processor's cache holds."""
LOOKED_AT_AGAIN = 200
"""Candidates of a request, twice as many as in the cases that are learned from."""
LONG_AGO = np.float32(0.1)
"""What the most distant people count beside those of the time."""
FAINT = np.float32(0.01)
YOUNGEST = np.float32(0.002)
"""In long time scales: items younger than this do not differ in age."""

Table = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Looks:
    """How the opinions look at a history, beside those of the affinities."""

    kernels: Kernels
    everything: Kernel
    followers: Kernel
    last: Kernel


@dataclass(frozen=True, eq=False)
class Candidates:
    """items: int64[c], ascending. logits: float32[c]. opinions: float32[c, opinions], standardised over all items."""

    items: NDArray[np.int64]
    logits: Table
    opinions: Table


@dataclass(frozen=True, eq=False)
class Trust:
    """weights: float64[2, opinions], of each opinion, and of each times the length of the history less the usual one.

    shortest, usual, longest: lengths (see `lengths_of`) that the weights were learned from; a history beyond is taken
    for one of these.
    """

    weights: NDArray[np.float64]
    shortest: float
    usual: float
    longest: float

    def of(self, histories: Sequence[History]) -> Table:
        """float32[histories, opinions]."""
        factors = np.stack([np.ones(len(histories)), self.unusual(histories)], axis=1)
        weights: Table = (factors @ self.weights).astype(np.float32)
        np.maximum(weights[:, NOTHING_AGAINST], 0, out=weights[:, NOTHING_AGAINST])
        return weights

    def unusual(self, histories: Sequence[History]) -> NDArray[np.float64]:
        """float64[histories]: how much longer than usual each is."""
        lengths: NDArray[np.float64] = np.clip(lengths_of(histories), self.shortest, self.longest) - self.usual
        return lengths


@dataclass(frozen=True, eq=False)
class Experts:
    """Models behind OPINIONS, and how much each is trusted.

    popularity: float32[items], logarithms. first_seen: int64[items], time of the first visit; of items without visits
    that of the newest visit of all. met: bool[items], visited by anybody. reranker: None where a second look is of
    no use.
    """

    affinities: Affinities
    latent: LatentItems
    crowd: CrowdInTime
    popularity: NDArray[np.float32]
    first_seen: NDArray[np.int64]
    met: NDArray[np.bool_]
    traits: ItemTraits
    looks: Looks
    trust: Trust
    reranker: Reranker | None

    @property
    def judgement(self) -> Judgement:
        return Judgement(self.trust, self.reranker)

    def relevance(self, history: History) -> NDArray[np.float32]:
        """float32[items]: a logit of every item, up to a constant."""
        only: NDArray[np.float32] = self.relevance_many([history])[0]
        return only

    def relevance_many(self, histories: Sequence[History]) -> Table:
        """float32[histories, items]."""
        rows = np.empty((len(histories), len(self.popularity)), np.float32)
        for start in range(0, len(histories), AT_A_TIME):
            part = histories[start : start + AT_A_TIME]
            rows[start : start + AT_A_TIME] = self._weighed(part)
        return rows

    def opinions_many(self, histories: Sequence[History]) -> Table:
        """float32[opinions, histories, items]: each row has mean 0 and, unless it says nothing, deviation 1."""
        table, now = self._said(histories)
        self._finish(table, now)
        return np.ascontiguousarray(standardised(table).swapaxes(0, 1))

    def candidates_of(self, histories: Sequence[History], most: int) -> list[Candidates]:
        """The best candidates of each history, by the trust there is, before the second look."""
        found = []
        for start in range(0, len(histories), AT_A_TIME):
            part = histories[start : start + AT_A_TIME]
            for block, rows, table, factors in self._blocks(part):
                for history, row, said, factor in zip(part[block], rows, table, factors, strict=True):
                    found.append(self._candidates(history, row, said, factor, most))
        return found

    def _weighed(self, histories: Sequence[History]) -> Table:
        weighed = np.empty((len(histories), len(self.popularity)), np.float32)
        for block, rows, table, factors in self._blocks(histories):
            if self.reranker is not None:
                for history, row, said, factor in zip(histories[block], rows, table, factors, strict=True):
                    self._look_again(self.reranker, history, row, said, factor)
            weighed[block] = rows
        return weighed

    def _blocks(self, histories: Sequence[History]) -> Iterator[tuple[slice, Table, Table, Table]]:
        """For a few histories at a time: which, weighed opinions, float32[h, items], the opinions less their means,
        float32[h, opinions, items], and what brings these to deviation 1, float32[h, opinions].
        """
        table, now = self._said(histories)
        weights = self.trust.of(histories)
        step = max(1, AT_HAND // max(1, table[:1].size))
        for start in range(0, len(histories), step):
            block = slice(start, start + step)
            self._finish(table[block], now[block])
            factors = centre(table[block])
            yield block, np.matmul((factors * weights[block])[:, None], table[block])[:, 0], table[block], factors

    def _candidates(self, history: History, row: Table, said: Table, factor: Table, most: int) -> Candidates:
        """Of items that somebody met and the owner of the history did not."""
        open_to = np.where(self.met, row, -np.inf)
        open_to[history.items] = -np.inf
        most = min(most, int(np.count_nonzero(open_to > -np.inf)))
        best = np.sort(np.argpartition(-open_to, most - 1)[:most]) if most else np.empty(0, np.int64)
        return Candidates(best, row[best], said[:, best].T * factor)

    def _look_again(self, reranker: Reranker, history: History, row: Table, said: Table, factor: Table) -> None:
        """Correct the logits of the best candidates, in place; those of all others go along with the last of them."""
        found = self._candidates(history, row, said, factor, LOOKED_AT_AGAIN)
        if len(found.items) < 2 or not len(history.items):
            return
        reranker.look_again(row, found.items, self.traits_of(history, found))

    def traits_of(self, history: History, candidates: Candidates) -> Table:
        """float32[candidates, traits]: what the second look goes by."""
        return np.concatenate([candidates.opinions, self.traits.of(history, candidates.items)], axis=1)

    def _said(self, histories: Sequence[History]) -> tuple[Table, NDArray[np.float64]]:
        """Opinions as they come, float32[histories, opinions, items], and times, float64[histories]; see _finish."""
        table = np.empty((len(histories), len(OPINIONS), len(self.popularity)), np.float32)
        times = newest_times([history.timestamps for history in histories])
        near = self.crowd.nearness(times)
        bags = weighted_rows(histories, self.looks.kernels.ease, self.looks.everything, item_count=table.shape[2])
        both, speakers = self.affinities.ease.scores_of(bags)
        table[:, 0], table[:, 1] = both[: len(histories)], both[len(histories) :]
        table[:, 2], table[:, 6] = self._of_stays(speakers, self.crowd.similarity(bags[: len(histories)]), near)
        table[:, 3] = self.affinities.transitions.scores_many(histories, self.looks.kernels.transitions)
        followed = weighted_rows(histories, self.looks.followers, item_count=table.shape[2])
        table[:, 4] = self.crowd.followers(followed, times, np.square(np.square(near)))
        table[:, 5] = self.affinities.transitions.scores_many(histories, self.looks.last)
        if self.traits.kinds is not None:
            kinds = self.traits.kinds.scores_of(bags)
            table[:, 7], table[:, 8] = kinds[: len(histories)], kinds[len(histories) :]
        else:
            table[:, 7:9] = 0
        recent = weighted_rows(histories, self.looks.kernels.ridge, item_count=table.shape[2])
        table[:, 9] = self.affinities.ridge.scores_of(recent)
        table[:, 10] = self.latent.scores_of(recent)
        table[:, POPULAR] = self.popularity
        table[:, POPULAR_NOW] = self.crowd.popular_at(times)
        return table, times / self.crowd.scale

    def _finish(self, table: Table, now: NDArray[np.float64]) -> None:
        """Bring the opinions to scales on which they are compared: most to logarithms; ages are put in."""
        in_logarithms(table[:, IN_LOGARITHMS])
        age = table[:, YOUNG]
        table[:, POPULAR_NOW] += FAINT
        np.subtract(now[:, None], self._first_moments, out=age, casting="same_kind")
        np.maximum(age, 0, out=age)
        age += YOUNGEST
        np.log(table[:, POPULAR_NOW:], out=table[:, POPULAR_NOW:])
        np.negative(age, out=age)

    @cached_property
    def _first_moments(self) -> NDArray[np.float64]:
        return self.first_seen / self.crowd.scale

    def _of_stays(self, speakers: Table | None, similar: Table, near: Table) -> tuple[Table | float, Table]:
        """What EASE says of the people of the time, and what similar people had, float32[histories, items] each.

        similar: float32[histories, users]. speakers: the same or more rows; EASE has them in its dual form only.
        """
        owners = self.crowd.owners
        worth = similar.take(owners, axis=1)
        if speakers is None or speakers.shape[1] != len(self.crowd.norms):
            return 0.0, self.crowd.gathered(worth)
        of_the_time = speakers[: len(near)].take(owners, axis=1) * (near + LONG_AGO)
        ease, had = np.split(self.crowd.gathered(np.concatenate([of_the_time, worth])), 2)
        return ease, had


def lengths_of(histories: Sequence[History]) -> NDArray[np.float64]:
    """float64[histories]: logarithms of the numbers of visits."""
    return np.log([max(1, len(history.items)) for history in histories])


def usual_trust() -> Trust:
    """Before any is learned."""
    return Trust(np.array([DEFAULT_WEIGHTS, [0.0] * len(OPINIONS)]), 0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is made of the opinions: the trust in each, and the second look, None where there is none."""

    trust: Trust
    reranker: Reranker | None = None


def fit_experts(
    visits: Visits, item_count: int, kinds: Kinds | None, looks: Looks, judgement: Judgement, progress: Progress
) -> Experts:
    """Fit the models behind the opinions. kinds: of the items of the catalog."""
    counts = np.bincount(visits.items, visits.weights, minlength=item_count)
    first_seen = np.full(item_count, visits.timestamps.max(initial=0), np.int64)
    np.minimum.at(first_seen, visits.items, visits.timestamps)
    popularity = np.log(counts + 0.5).astype(np.float32)
    return Experts(
        fit_affinities(visits, len(visits.lengths), item_count, within(progress, 0.0, 0.7), EASE_REGULARISATION),
        fit_latent_items(visits, item_count),
        crowd_in_time(visits, item_count),
        popularity,
        first_seen,
        counts > 0,
        item_traits(visits, item_count, popularity, kinds),
        looks,
        judgement.trust,
        judgement.reranker,
    )


def looks_at(recency: bool, steps: int) -> Looks:
    """`steps` (bptt) is how far back the sequence models look."""
    return Looks(
        Kernels(
            ease=Kernel(reach=200, decay=20.0, harmonic=3.0, recency=recency),
            transitions=Kernel(reach=min(12, steps), decay=4.0, recency=recency),
            ridge=Kernel(reach=steps, decay=MEMORY, recency=recency),
        ),
        everything=Kernel(reach=2000, decay=0.0, recency=False),
        followers=Kernel(reach=min(12, steps), decay=5.0, recency=recency),
        last=Kernel(reach=1 if recency else steps, decay=1.0, recency=recency),
    )
