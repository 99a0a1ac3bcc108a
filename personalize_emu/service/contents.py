"""What a dataset holds: a bulk layer that imports replace whole, and a log of individual records."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from personalize_emu.data.interactions import Interactions, collect_interactions
from personalize_emu.data.record_log import RecordLog


@dataclass(frozen=True)
class LiveEvent:
    """One streamed interaction. `position` is its place in the record log, `timestamp` epoch seconds."""

    position: int
    timestamp: int
    item_id: str
    event_type: str | None
    event_value: float | None


@dataclass(frozen=True)
class DataMark:
    """How often the bulk layer was replaced, and how long the log was."""

    bulk_changes: int
    log_length: int


class DatasetContents:
    """Both layers of one dataset (spec README rule 8). Readers take no lock: the bulk table is swapped
    whole and the log only grows.
    """

    def __init__(self) -> None:
        self._bulk: pa.Table | None = None
        self._bulk_changes = 0
        self._collected: tuple[pa.Table, Interactions] | None = None
        self.log = RecordLog()
        self._events: defaultdict[str, list[LiveEvent]] = defaultdict(list)
        self._event_ids: set[str] = set()
        self._fingerprints: set[tuple[Any, ...]] = set()
        self._lock = threading.Lock()

    @property
    def bulk(self) -> pa.Table | None:
        return self._bulk

    @bulk.setter
    def bulk(self, table: pa.Table | None) -> None:
        self._bulk = table
        self._bulk_changes += 1

    @property
    def mark(self) -> DataMark:
        """Differs from an earlier one when data have come in since (R-SOL-9)."""
        return DataMark(self._bulk_changes, len(self.log))

    def bulk_interactions(self) -> Interactions | None:
        """The bulk layer with the rows of each user together, made when first asked for after an import."""
        bulk = self._bulk
        if bulk is None:
            return None
        if self._collected is None or self._collected[0] is not bulk:
            self._collected = bulk, collect_interactions(bulk, ())
        return self._collected[1]

    @property
    def has_interactions(self) -> bool:
        return self.bulk is not None or len(self.log) > 0

    def append_events(self, events: Sequence[tuple[str | None, Mapping[str, Any]]]) -> None:
        """Append interaction rows, each with its event id or None.

        An event id that was seen before, and an event equal to an earlier one in every column, change
        nothing (EV-40, EV-41).
        """
        with self._lock:
            for event_id, row in events:
                fingerprint = tuple(sorted(row.items(), key=lambda item: item[0]))
                if fingerprint in self._fingerprints or (event_id and event_id in self._event_ids):
                    continue
                self._fingerprints.add(fingerprint)
                if event_id:
                    self._event_ids.add(event_id)
                position = self.log.append([row]) - 1
                self._events[row["USER_ID"]].append(_live_event(position, row))

    def events_of(self, user_id: str) -> Sequence[LiveEvent]:
        """The streamed events of a user in order of arrival."""
        return self._events.get(user_id, ())


def _live_event(position: int, row: Mapping[str, Any]) -> LiveEvent:
    return LiveEvent(
        position=position,
        timestamp=int(row["TIMESTAMP"]),
        item_id=row["ITEM_ID"],
        event_type=row.get("EVENT_TYPE"),
        event_value=row.get("EVENT_VALUE"),
    )
