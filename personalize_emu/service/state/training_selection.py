"""Which columns and which interactions a solution is trained on, and how much each interaction counts.

Columns: T-19, T-28. Interactions: T-12, T-13, T-20 to T-23.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from personalize_emu.data.records.interactions import Interactions
from personalize_emu.data.records.live_events import LiveEvents
from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.service.catalog.parameter_values import shown
from personalize_emu.service.state.feature_columns import features_of, not_chosen
from personalize_emu.wire.errors import InvalidInputException

Document = Mapping[str, Any]
KnownColumns = Mapping[str, frozenset[str]]
"""Names of columns by dataset type."""

ALWAYS_TRAINED = frozenset({"USER_ID", "ITEM_ID", "ACTION_ID", "TIMESTAMP"})
"""Cannot be excluded."""


def check_training_columns(config: Document, schemas: Mapping[str, Schema]) -> None:
    """`config` is a trainingDataConfig, of a solution or a recommender.

    Raises:
        InvalidInputException: a dataset the group does not have, or an unknown column (T-28).
    """
    for member in ("excludedDatasetColumns", "includedDatasetColumns"):
        for key, columns in config.get(member, {}).items():
            schema = schemas.get(key.upper())
            if schema is None:
                raise InvalidInputException(f"{member} names an unknown dataset: {shown(key)}.")
            _check_columns(member, key.upper(), columns, schema)


def columns_of(schemas: Mapping[str, Schema]) -> KnownColumns:
    """The columns of each dataset now, for later trainings to compare with."""
    return {dataset_type: frozenset(schema.names) for dataset_type, schema in schemas.items()}


def columns_in_training(
    config: Document, dataset_type: str, schema: Schema, known: KnownColumns | None = None
) -> tuple[str, ...]:
    """Names of the columns that are trained on, in the order of the schema.

    A column that is both included and excluded is left out; ids and times never are.

    Args:
        config: a trainingDataConfig that has been checked.
        known: columns at the creation of the solution or recommender; those added later are left out (D-97).
    """
    excluded = _columns_of(config.get("excludedDatasetColumns", {}), dataset_type) or ()
    included = _columns_of(config.get("includedDatasetColumns", {}), dataset_type)
    usual = (known or {}).get(dataset_type, frozenset(schema.names))
    kept = set(map(str.upper, usual) if included is None else included) - set(excluded) | ALWAYS_TRAINED
    return tuple(name for name in schema.names if name.upper() in kept)


def _columns_of(columns_by_dataset: Mapping[str, Sequence[str]], dataset_type: str) -> frozenset[str] | None:
    """In upper case, of every spelling of the dataset's type; None where it is not named."""
    named = [names for key, names in columns_by_dataset.items() if key.upper() == dataset_type]
    return frozenset(name.upper() for names in named for name in names) if named else None


def _check_columns(member: str, dataset_type: str, columns: Sequence[str], schema: Schema) -> None:
    known = {name.upper() for name in schema.names}
    for column in columns:
        if column.upper() not in known:
            raise InvalidInputException(f"{member} names no column of {dataset_type}: {shown(column)}.")


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

    Context fields and impressions that `found` has are included.
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
