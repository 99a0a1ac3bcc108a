"""Items added to the catalog of a model without another training (R-72g, T-70, T-72)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Model, ScorePart, TrainingData
from personalize_emu.recipes.contract.features import Features

BELOW = 1.0
"""Items of which nothing but the name is known lie this far, in log-probability, below all others."""


@dataclass(frozen=True, eq=False)
class CatalogExtension(Model):
    """`base` with new_items among its items.

    What the base says of its own items stays as it is, so in a softmax all of them shrink by one factor. Events with
    new_items tell the base nothing.

    catalog: sorted, as equal scores are settled by number. features: of the new_items, ascending by number; None
    where there are none.
    """

    catalog: tuple[str, ...]
    base: Model
    features: Features | None = None

    @property
    def has_scores(self) -> bool:  # type: ignore[override]
        return self.base.has_scores

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """int64[base items]: their numbers here."""
        return places_in(self.catalog, self.base.catalog)

    @cached_property
    def new_items(self) -> NDArray[np.int64]:
        """Numbers of the items that the base does not have, ascending."""
        return np.flatnonzero(self._number_in_base < 0)

    @cached_property
    def trained_items(self) -> NDArray[np.bool_]:
        trained = np.zeros(len(self.catalog), np.bool_)
        trained[self.places] = self.base.trained_items
        return trained

    def scores(self, history: History) -> NDArray[np.float32]:
        known = self._history(history)
        if self.features is None:
            joined = self._joined(self.base.scores(known)[None], None)
        else:
            joined = self._joined(*self.base.scores_with_others([known], self.features))
        only: NDArray[np.float32] = joined[0]
        return only

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        known = [self._history(history) for history in histories]
        if self.features is None:
            return self._joined(self.base.scores_many(known), None)
        return self._joined(*self.base.scores_with_others(known, self.features))

    def parts(self, history: History, item: int) -> tuple[ScorePart, ...]:
        number = int(self._number_in_base[item])
        if number < 0:
            return (ScorePart("item metadata", float(self.scores(history)[item])),)
        return self.base.parts(self._history(history), number)

    def _history(self, history: History) -> History:
        numbers = self._number_in_base[history.items]
        kept = numbers >= 0
        return replace(history, items=numbers[kept], timestamps=history.timestamps[kept])

    def _joined(self, rows: NDArray[np.float32], others: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """rows: float32[histories, base items]; others: float32[histories, new_items], None where nothing is known."""
        scores = np.empty((len(rows), len(self.catalog)), np.float32)
        scores[:, self.places] = rows
        scores[:, self.new_items] = self._lowest(rows)[:, None] if others is None else others
        return scores

    def _lowest(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[rows]: where the cold items of the base stand or, where it has none, below all others."""
        possible, below = rows[:, ~self.base.trained_items], 0.0
        if not possible.shape[1]:
            possible, below = rows, BELOW
        lowest = np.where(possible > -np.inf, possible, np.inf).min(axis=1, initial=np.inf)
        levels: NDArray[np.float32] = np.where(lowest < np.inf, lowest - below, 0).astype(np.float32)
        return levels

    @cached_property
    def _number_in_base(self) -> NDArray[np.int32]:
        """int32[items], -1 for new_items."""
        numbers = np.full(len(self.catalog), -1, np.int32)
        numbers[self.places] = np.arange(len(self.places), dtype=np.int32)
        return numbers


def extended(model: Model, catalog: Iterable[str], features: Features | None = None) -> Model:
    """`model` for all items of `catalog` besides its own; itself when it has them all.

    features: along `catalog`, sorted, where anything is known of its items.
    """
    wanted = sorted(catalog)
    base = model.base if isinstance(model, CatalogExtension) else model
    joined = tuple(sorted({*wanted, *model.catalog}))
    # What is known of new_items may have changed although there are no others.
    if joined == model.catalog and (model is base or features is None):
        return model
    rows = None
    if features is not None:
        row_of = {item: row for row, item in enumerate(wanted)}
        known = base.number_of
        rows = features.taken(np.array([row_of.get(item, -1) for item in joined if item not in known], np.int64))
    return CatalogExtension(joined, base, rows)


def in_catalog(data: TrainingData, catalog: tuple[str, ...]) -> TrainingData:
    """The same rows, by the numbers of a catalog that has the items of theirs and more; nothing else is kept."""
    numbers = places_in(catalog, data.catalog).astype(np.int32)
    return TrainingData(catalog, data.user_ids, data.users, numbers[data.items], data.timestamps, data.weights)


def places_in(catalog: Sequence[str], part: Sequence[str]) -> NDArray[np.int64]:
    """int64[part]: the number in `catalog` of each item of `part`; both are sorted."""
    number_of = {item: number for number, item in enumerate(catalog)}
    return np.fromiter((number_of[item] for item in part), np.int64, len(part))
