"""Which interactions a solution is trained on and how much each counts (T-12, T-13, T-20 to T-22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from personalize_emu.data.records.interactions import Interactions
from personalize_emu.data.records.live_events import LiveEvents
from personalize_emu.data.schemas.avro import Field
from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.service.state.feature_columns import features_of, not_chosen

_NO_FLOOR = float("-inf")


@dataclass(frozen=True)
class EventSelection:
    """Which interactions count, and how much (T-12, T-13, T-20 to T-22).

    event_types: type to (least event value, weight relative to the mean weight, T-23); None takes every type.
    threshold: least event value over all types, None for none.
    any_case: event types that differ in case only are one type; their names are in lower case here.
    """

    event_types: Mapping[str, tuple[float, float]] | None
    threshold: float | None
    any_case: bool = False
    weighted: bool = False
    """Whether the solution weighs its event types, which adds metrics (M-3, M-28)."""

    @classmethod
    def of(
        cls, event_type: str | None, config: Mapping[str, Any], *, any_case: bool = False
    ) -> EventSelection:
        listed = config.get("eventsConfig", {}).get("eventParametersList") or ()
        weights = [float(entry.get("weight", 1.0)) for entry in listed]
        types = {
            entry["eventType"]: (entry.get("eventValueThreshold", _NO_FLOOR), weight * len(weights) / sum(weights))
            for entry, weight in zip(listed, weights, strict=True)
        }
        # Where both are given, the list counts: it is the newer and the finer member.
        if event_type is not None and not listed:
            types = {event_type: (_NO_FLOOR, 1.0)}
        threshold = config.get("eventValueThreshold")
        if any_case:
            types = {name.casefold(): terms for name, terms in types.items()}
        least = None if threshold is None else float(threshold)
        return cls(types or None, least, any_case, weighted=bool(listed))

    def terms_of(self, event_type: str | None) -> tuple[float, float]:
        """Least event value and weight of one type, where only some types count."""
        name = event_type or ""
        return (self.event_types or {}).get(name.casefold() if self.any_case else name, (_NO_FLOOR, 0.0))

    def admitted(self, events: LiveEvents) -> NDArray[np.bool_]:
        """bool[events]: which streamed events count."""
        kept = np.ones(len(events), np.bool_)
        # Comparisons with NaN are false: what needs a value does not count without one.
        if self.threshold is not None:
            kept &= events.values >= self.threshold
        if self.event_types is not None:
            terms = np.array([self.terms_of(event_type) for event_type in events.event_types])[events.types]
            floors, weights = terms[:, 0], terms[:, 1]
            kept &= (weights > 0) & ((floors == _NO_FLOOR) | (events.values >= floors))
        return kept


def training_data(
    found: Interactions, selection: EventSelection, more_items: set[str], context_fields: Sequence[Field] = ()
) -> TrainingData:
    """Number users and items anew over the selected rows; the catalog also holds items without any (R-41).

    What `found` has of the context fields and of impressions comes along.
    """
    keep, weights = _selected(found, selection)
    items = found.items[keep]
    user_numbers, users = np.unique(found.users[keep], return_inverse=True)
    seen_items = {found.item_ids[number] for number in np.unique(items)}
    catalog = tuple(sorted(seen_items | more_items))
    number_of = {item: number for number, item in enumerate(catalog)}
    renumber = np.array([number_of.get(item, -1) for item in found.item_ids], dtype=np.int32)
    items = renumber[items] if len(items) else items.astype(np.int32)
    more = None if found.more is None else found.more.filter(pa.array(keep))
    return TrainingData(
        catalog=catalog,
        user_ids=tuple(found.user_ids[number] for number in user_numbers),
        users=users.astype(np.int32),
        items=items,
        timestamps=found.timestamps[keep],
        weights=weights,
        context=features_of(more, context_fields) if more is not None and context_fields else None,
        shown=None if more is None else not_chosen(more, items, number_of),
    )


def _selected(
    found: Interactions, selection: EventSelection
) -> tuple[NDArray[np.bool_], NDArray[np.float32] | None]:
    """bool[n] rows that count, and float32 weights of those where types are weighed."""
    if selection.event_types is None:
        return np.ones(len(found.users), dtype=bool), None
    weights = np.zeros(len(found.users), dtype=np.float32)
    for code, event_type in enumerate(found.event_types):
        floor, weight = selection.terms_of(event_type)
        rows = found.event_type_codes == code
        if floor != _NO_FLOOR:
            values = found.event_values
            rows &= False if values is None else np.nan_to_num(values, nan=_NO_FLOOR) >= floor
        weights[rows] = weight
    keep = weights > 0
    return keep, weights[keep] if selection.weighted else None
