"""The event types of a user's interactions, which conditions on EVENT_TYPE test (spec 08 section 3.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from personalize_emu.filters.binding import OneOf

MOST_INTERACTIONS = 100
MOST_ACTION_INTERACTIONS = 300
"""Number of newest events of each event type that are considered (F-51, Q-53)."""


@dataclass(frozen=True)
class Event:
    """event_type: in lower case, None if the event has none. timestamp: epoch seconds."""

    record_id: str
    event_type: str | None
    timestamp: int


@dataclass(frozen=True)
class RecordEvents:
    """Pairs of a record id (item, action or user) and the type of an event with it."""

    pairs: frozenset[tuple[str, str | None]]

    def matching(self, condition: OneOf) -> frozenset[str]:
        """Ids with an event of a listed type or, negated, of a type that is not listed (F-55, F-56)."""
        wanted = condition.values
        if wanted is None:
            return frozenset() if condition.negated else frozenset(record_id for record_id, _ in self.pairs)
        if condition.negated:
            return frozenset(record_id for record_id, kind in self.pairs if kind is not None and kind not in wanted)
        return frozenset(record_id for record_id, kind in self.pairs if kind in wanted)


def newest(events: Iterable[Event], limit: int) -> RecordEvents:
    """The `limit` newest events of each type of one user. events: in order of arrival."""
    seen: Counter[str | None] = Counter()
    pairs = set()
    ordered = sorted(events, key=lambda event: event.timestamp)
    for event in reversed(ordered):
        seen[event.event_type] += 1
        if seen[event.event_type] <= limit:
            pairs.add((event.record_id, event.event_type))
    return RecordEvents(frozenset(pairs))


def folded(event_type: str | None) -> str | None:
    """Event types ignore case (F-25)."""
    return None if event_type is None else event_type.casefold()
