"""Evaluates bound filters as masks over records (spec 08 section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from personalize_emu.filters.binding import Alternatives, Bound, BoundExpression, OneOf, Value, holds
from personalize_emu.filters.check import EVENTS
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.expressions import CURRENT_ITEM
from personalize_emu.filters.interactions import RecordEvents
from personalize_emu.filters.records import View


def nothing_known(column: str) -> Value | None:
    """Used without a current user or item."""
    del column
    return None


def no_interactions(dataset: str) -> RecordEvents:
    del dataset
    return RecordEvents(frozenset())


@dataclass(frozen=True)
class FilterContext:
    """What a filter reads of the user and item of a request.

    user_known: False without a user, or for a user without data (F-43). user, item: return the value of the current
    user or item in a column. interactions: returns the events of a dataset.
    """

    user_known: bool = False
    user: Callable[[str], Value | None] = nothing_known
    item: Callable[[str], Value | None] = nothing_known
    interactions: Callable[[str], RecordEvents] = no_interactions


def settled(expressions: Sequence[BoundExpression], given: FilterContext) -> FilterContext:
    """The same context for these expressions, which reads all they need now; it can be sent to another process."""
    tests = {(test.owner == CURRENT_ITEM, test.condition.column) for each in expressions for test in each.tests}
    datasets = {each.owner for each in expressions if each.owner in EVENTS}
    return FilterContext(
        given.user_known,
        {column: given.user(column) for of_item, column in tests if not of_item}.get,
        {column: given.item(column) for of_item, column in tests if of_item}.get,
        {dataset: given.interactions(dataset) for dataset in datasets}.__getitem__,
    )


def admitted(expressions: Sequence[BoundExpression], view: View, filter_context: FilterContext) -> Mask:
    """bool[ids of the view]: the union of the included records, without the excluded ones (F-41).

    An expression whose tests fail has no effect (F-42).
    """
    effective = [expression for expression in expressions if _applies(expression, filter_context)]
    included = [_matching(expression, view, filter_context) for expression in effective if expression.includes]
    excluded = [_matching(expression, view, filter_context) for expression in effective if not expression.includes]
    kept = _union(included) if included else None
    if not excluded:
        return np.ones(len(view), np.bool_) if kept is None else kept
    rest = ~_union(excluded)
    return rest if kept is None else rest & kept


def _union(masks: Sequence[Mask]) -> Mask:
    return masks[0] if len(masks) == 1 else np.logical_or.reduce(masks)


def _applies(expression: BoundExpression, filter_context: FilterContext) -> bool:
    for test in expression.tests:
        of_item = test.owner == CURRENT_ITEM
        if not of_item and not filter_context.user_known:
            return False
        value = filter_context.item if of_item else filter_context.user
        if not holds(test.condition, value(test.condition.column)):
            return False
    return True


def _matching(expression: BoundExpression, view: View, filter_context: FilterContext) -> Mask:
    if expression.owner not in EVENTS:
        return view.mask(expression.alternatives)
    return view.mask_of(_matching_ids(expression.alternatives, filter_context.interactions(expression.owner)))


def _matching_ids(alternatives: Alternatives, interactions: RecordEvents) -> frozenset[str]:
    parts = [
        frozenset.intersection(*(interactions.matching(_on_events(condition)) for condition in conditions))
        for conditions in alternatives
    ]
    return frozenset().union(*parts)


def _on_events(condition: Bound) -> OneOf:
    if not isinstance(condition, OneOf):
        raise TypeError("events are tested for their type only")
    return condition
