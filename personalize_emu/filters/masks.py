"""Which records a filter leaves (spec 08 section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from personalize_emu.filters.binding import Alternatives, Bound, BoundExpression, OneOf, Value, holds
from personalize_emu.filters.check import EVENTS
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.expressions import CURRENT_ITEM
from personalize_emu.filters.interactions import Encounters
from personalize_emu.filters.records import View


def nothing_known(column: str) -> Value | None:
    """The values of nobody."""
    del column
    return None


def no_encounters(dataset: str) -> Encounters:
    del dataset
    return Encounters(frozenset())


@dataclass(frozen=True)
class Asking:
    """What a filter may want to know of who asks.

    user_known: False without a user, or for one of whom there is no trace (F-43). user, item: value of the
    current user or item in a column. encounters: events of a dataset, by record.
    """

    user_known: bool = False
    user: Callable[[str], Value | None] = nothing_known
    item: Callable[[str], Value | None] = nothing_known
    encounters: Callable[[str], Encounters] = no_encounters


def admitted(expressions: Sequence[BoundExpression], view: View, asking: Asking) -> Mask:
    """bool[ids of the view]: the union of what is included, less the union of what is excluded (F-41).

    An expression whose tests fail has no effect (F-42).
    """
    effective = [expression for expression in expressions if _applies(expression, asking)]
    included = [_matching(expression, view, asking) for expression in effective if expression.includes]
    excluded = [_matching(expression, view, asking) for expression in effective if not expression.includes]
    kept = _union(included) if included else None
    if not excluded:
        return np.ones(len(view), np.bool_) if kept is None else kept
    rest = ~_union(excluded)
    return rest if kept is None else rest & kept


def _union(masks: Sequence[Mask]) -> Mask:
    return masks[0] if len(masks) == 1 else np.logical_or.reduce(masks)


def _applies(expression: BoundExpression, asking: Asking) -> bool:
    for test in expression.tests:
        of_item = test.owner == CURRENT_ITEM
        if not of_item and not asking.user_known:
            return False
        value = asking.item if of_item else asking.user
        if not holds(test.condition, value(test.condition.column)):
            return False
    return True


def _matching(expression: BoundExpression, view: View, asking: Asking) -> Mask:
    if expression.owner not in EVENTS:
        return view.mask(expression.alternatives)
    return view.mask_of(_met(expression.alternatives, asking.encounters(expression.owner)))


def _met(alternatives: Alternatives, encounters: Encounters) -> frozenset[str]:
    parts = [
        frozenset.intersection(*(encounters.matching(_on_events(condition)) for condition in conditions))
        for conditions in alternatives
    ]
    return frozenset().union(*parts)


def _on_events(condition: Bound) -> OneOf:
    if not isinstance(condition, OneOf):
        raise TypeError("events are tested for their type only")
    return condition
