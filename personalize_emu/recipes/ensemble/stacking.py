"""The ensemble: a weighted sum of the base scorers, its weights learned on the newest slice in time (stacking).

Every column of scores is standardised over the items of the catalog, sums of counts by their logarithms. The weighted
sum is a logit; the weights maximise the likelihood of what users did next among candidates (conditional logit), under
base scorers that were fitted on what came before. Active users, whose history goes on where the training data end, have
weights of their own: they go on with what they began, while returning users look for what is new since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.ensemble.known_users import NOBODY, KnownUsers, known_users
from personalize_emu.recipes.ensemble.newest_slice import Example, Origin, newest_slice
from personalize_emu.recipes.ensemble.one_history import LARGEST, Term, summed, term_of
from personalize_emu.recipes.numerics.conditional_logit import Example as Choice
from personalize_emu.recipes.numerics.conditional_logit import fit_conditional_logit
from personalize_emu.recipes.numerics.logits import centre, in_logarithms
from personalize_emu.recipes.scorers.base import Column, Scorer, Table

CANDIDATES = 40
"""Of each column, that an example is learned from: the items at its top, so that no scorer decides which are seen."""
STRENGTHS, FOLDS = (128.0, 16.0, 2.0), 4
"""The prior weights count as much as about so many users, spread over the weights. The strength of greatest NDCG@10 on
users left out is chosen, in so many folds.
"""
CUTOFF = 10
FEWEST_EXAMPLES = 20
"""Of a kind of question; of fewer, the weights of all examples stand for it, and of fewer altogether the prior ones."""
CELLS = 1 << 22
"""Scores held at once (16 MB)."""
CACHED_CELLS = 1 << 16
"""And of these, standardised at once (256 KB)."""

FitScorers = Callable[[Sequence[TrainingData]], Iterator[tuple[Scorer, ...]]]
"""Fits the scorers of several parts of the data, each by itself, and yields them in order."""
Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """weights: float64[2, columns], for active and for returning users, along the columns of all scorers. item_count:
    of the catalog.
    """

    scorers: tuple[Scorer, ...]
    weights: Weights
    item_count: int
    users: KnownUsers

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return tuple(column for scorer in self.scorers for column in scorer.columns)

    def relevance(self, histories: Sequence[History]) -> Table:
        """float32[histories, items]: a logit of every item, up to a constant for each history."""
        if len(histories) == 1:
            return self._of_one(histories[0])[None]
        parts = [self._weighed(batch) for batch in self._batches(histories)]
        return np.concatenate(parts) if parts else np.empty((0, self.item_count), np.float32)

    def parts(self, history: History, item: int) -> Iterator[tuple[str, float]]:
        """Name of each column that has a weight, and what it adds to the logit of an item; adds up to `relevance`."""
        weights = self.weights[int(self.users.returning([history])[0])].tolist()
        for (scorer, place), column, weight in zip(self._places, self.columns, weights, strict=True):
            if weight:
                yield column.name, term_of(scorer.part(place, history), column, weight, self.item_count).of_item(item)

    def standardised(self, histories: Sequence[History]) -> Table:
        """float32[columns, histories, items]: every row of mean 0 and, as a rule, deviation 1."""
        table = self._scores(histories)
        table *= _scales(table)[..., None]
        return table

    def _of_one(self, history: History) -> NDArray[np.float32]:
        """float32[items]"""
        kind = int(self.users.returning([history])[0])
        fixed = tuple([scorer.is_fixed(place, history) for scorer, place in self._places])
        terms = list(self._terms(kind, history, tuple([not same for same in fixed])))
        total = self._sum_of_fixed(kind, fixed) + np.float32(sum(term.constant for term in terms))
        for term in terms:
            if term.items is None:
                total += term.values
            else:
                total[term.items] += term.values
        return total

    def _terms(self, kind: int, history: History, chosen: tuple[bool, ...]) -> Iterator[Term]:
        """Of the chosen columns that have a weight."""
        weights = self.weights[kind].tolist()
        for (scorer, place), column, weight, wanted in zip(self._places, self.columns, weights, chosen, strict=True):
            if wanted and weight:
                yield term_of(scorer.part(place, history), column, weight, self.item_count)

    def _sum_of_fixed(self, kind: int, fixed: tuple[bool, ...]) -> NDArray[np.float32]:
        """float32[items]: of the columns that are the same for every history."""
        found = self._sums_of_fixed.get((kind, fixed))
        if found is None:
            empty = History(np.empty(0, np.int32), np.empty(0, np.int64))
            terms = self._terms(kind, empty, fixed)
            found = self._sums_of_fixed[kind, fixed] = summed(terms, self.item_count)
        return found

    @cached_property
    def _sums_of_fixed(self) -> dict[tuple[int, tuple[bool, ...]], NDArray[np.float32]]:
        """By kind of user and which columns they are of; filled when they are first asked for."""
        return {}

    @cached_property
    def _places(self) -> list[tuple[Scorer, int]]:
        """Of each column the scorer, and its number there."""
        return [(scorer, place) for scorer in self.scorers for place in range(len(scorer.columns))]

    def _weighed(self, histories: Sequence[History]) -> Table:
        """A scorer at a time, so that no table has all columns; what is the same for all histories is added once."""
        kinds = self.users.returning(histories).astype(np.int64)
        fixed = tuple([all(scorer.is_fixed(place, each) for each in histories) for scorer, place in self._places])
        total = np.empty((len(histories), self.item_count), np.float32)
        for kind in np.unique(kinds).tolist():
            total[kinds == kind] = self._sum_of_fixed(kind, fixed)
        first = 0
        for scorer in self.scorers:
            columns = range(first, first + len(scorer.columns))
            wanted = [column for column in columns if not fixed[column] and self.weights[:, column].any()]
            if wanted:
                table = scorer.scores(histories)
                for column, rows in product(wanted, self._slices(len(histories))):
                    total[rows] += self._weighed_column(table[column - first, rows], column, kinds[rows])
            first = columns.stop
        return total

    def _slices(self, count: int) -> Iterator[slice]:
        """So many histories in parts that stay in a cache while they are worked on."""
        size = max(1, CACHED_CELLS // max(1, self.item_count))
        return (slice(start, start + size) for start in range(0, count, size))

    def _weighed_column(self, scores: Table, column: int, kinds: NDArray[np.int64]) -> Table:
        """In the memory of float32[histories, items]."""
        if self.columns[column].sums:
            in_logarithms(scores)
        scores *= (_scales(scores) * self.weights[kinds, column]).astype(np.float32)[:, None]
        return scores

    def _scores(self, histories: Sequence[History]) -> Table:
        table = np.concatenate([scorer.scores(histories) for scorer in self.scorers])
        for row, column in zip(table, self.columns, strict=True):
            if column.sums:
                in_logarithms(row)
        return table

    def _batches(self, histories: Sequence[History]) -> Iterator[Sequence[History]]:
        for start in range(0, len(histories), self.batch_size):
            yield histories[start : start + self.batch_size]

    @cached_property
    def batch_size(self) -> int:
        """How many histories are scored at once."""
        return max(1, CELLS // max(1, len(self.columns) * self.item_count))


def _scales(table: Table) -> Table:
    """Take the mean from each row of float32[..., items]; what brings their deviation to 1, and their largest value to
    LARGEST at most, float32[...].
    """
    scales = centre(table)
    best = table.max(axis=-1, initial=0)
    bounded: Table = np.minimum(scales, LARGEST / np.maximum(best, np.float32(1e-30)))
    return bounded


def prior_weights(scorers: Sequence[Scorer]) -> Weights:
    """float64[2, columns]"""
    return np.tile([column.prior for scorer in scorers for column in scorer.columns], (2, 1))


def learned_ensemble_weights(data: TrainingData, fit: FitScorers) -> Weights | None:
    """float64[2, columns]; None where the newest slice has too little to learn from."""
    origins = newest_slice(data)
    return _weights_of(origins, fit([origin.training for origin in origins]), len(data.catalog))


def _weights_of(
    origins: Sequence[Origin], fitted: Iterator[tuple[Scorer, ...]], item_count: int
) -> Weights | None:
    """fitted: the scorers of each origin; of what follows none is taken."""
    learned: list[tuple[Example, Choice]] = []
    for origin in origins:
        scorers = next(fitted)
        ensemble = Ensemble(scorers, prior_weights(scorers), item_count, NOBODY)
        learned += _cases(ensemble, origin.examples)
    if len(learned) < FEWEST_EXAMPLES:
        return None
    floor = np.array([0.0 if column.sums else -np.inf for column in ensemble.columns])
    kinds = [[pair for pair in learned if pair[0].active == active] for active in (True, False)]
    return np.stack(
        [_learned(kind if len(kind) >= FEWEST_EXAMPLES else learned, ensemble.weights[0], floor) for kind in kinds]
    )


def _learned(learned: Sequence[tuple[Example, Choice]], prior: Weights, floor: Weights) -> Weights:
    """float64[columns]"""
    choices = [choice for _, choice in learned]
    _, users = np.unique([example.user for example, _ in learned], return_inverse=True)
    count = int(users.max()) + 1
    best = max(STRENGTHS, key=lambda strength: _gain_of(strength, choices, users, prior, floor))
    return fit_conditional_logit(choices, prior, best / count, floor)


def _gain_of(
    strength: float, choices: Sequence[Choice], users: NDArray[np.int64], prior: Weights, floor: Weights
) -> float:
    """Sum of NDCG@CUTOFF over the choices, each under weights learned from other users. users: int64[choices]."""
    gain = 0.0
    for fold in range(FOLDS):
        left_out = users % FOLDS == fold
        inside = [choice for choice, out in zip(choices, left_out.tolist(), strict=True) if not out]
        weights = fit_conditional_logit(inside, prior, strength / max(1, len(np.unique(users[~left_out]))), floor)
        gain += sum(_ndcg(choice, weights) for choice, out in zip(choices, left_out.tolist(), strict=True) if out)
    return gain


def _ndcg(choice: Choice, weights: Weights) -> float:
    """With as many hits in the ideal list as there are to find."""
    ranked = np.argsort(-(choice.features @ weights), kind="stable")[:CUTOFF]
    discounts = 1 / np.log2(np.arange(CUTOFF) + 2)
    relevant = choice.relevance > 0
    return float(discounts[: len(ranked)] @ relevant[ranked] / discounts[: relevant.sum()].sum())


def _cases(ensemble: Ensemble, examples: Sequence[Example]) -> Iterator[tuple[Example, Choice]]:
    for start in range(0, len(examples), ensemble.batch_size):
        batch = examples[start : start + ensemble.batch_size]
        table = ensemble.standardised([example.history for example in batch])
        for row, example in enumerate(batch):
            case = _case(table[:, row], example)
            if case is not None:
                yield example, case


def _case(scores: Table, example: Example) -> Choice | None:
    """scores: float32[columns, items]."""
    scores[:, example.history.items] = -np.inf
    candidates = np.unique(np.concatenate([top_k(column, CANDIDATES) for column in scores]))
    relevance = np.isin(candidates, example.truth).astype(np.float32)
    return Choice(scores[:, candidates].T.copy(), relevance) if relevance.any() else None


def fit_ensemble(data: TrainingData, fit: FitScorers, weights: Weights | None = None) -> Ensemble:
    """The scorers of all of `data`; with those weights, or with weights learned from `data`."""
    origins = newest_slice(data) if weights is None else ()
    fitted = fit([*(origin.training for origin in origins), data])
    learned = _weights_of(origins, fitted, len(data.catalog)) if weights is None else weights
    scorers = next(fitted)
    chosen = prior_weights(scorers) if learned is None else learned
    return Ensemble(scorers, chosen, len(data.catalog), known_users(data))
