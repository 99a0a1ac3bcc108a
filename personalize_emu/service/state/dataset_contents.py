"""What a dataset holds: a bulk layer that imports replace whole, and a log of individual records.

Streamed events are stored once (event ids, EV-40) and belong to the user of their session (EV-42, EV-43).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.records.bulk_records import ImportMode, merge_bulk, superseded_by, without_rows
from personalize_emu.data.records.claimed_keys import ClaimedKeys
from personalize_emu.data.records.live_events import LiveEvents, has_events, live_events
from personalize_emu.data.records.record_log import RecordLog
from personalize_emu.data.schemas.columns import NOTED_SESSION, USER_ID, encoded
from personalize_emu.state.jobs import attempt

USER_SLOTS = 1 << 14
"""Counters of changes; users share them by the hash of their id, so that their number does not matter."""


class EventIds:
    """The event ids seen in one dataset group, whichever of its datasets keeps the events (EV-40).

    Each id belongs to the dataset and the user of its first event, and is free again when one of them is deleted.
    Any thread may call any method.
    """

    def __init__(self) -> None:
        self._claimed: dict[object, ClaimedKeys] = {}
        self._lock = threading.Lock()

    def claim(self, event_id: str, dataset: object, user_id: str) -> bool:
        """False when the id was seen before."""
        with self._lock:
            own = self._claimed.setdefault(dataset, ClaimedKeys())
            others = (keys for keys in self._claimed.values() if keys is not own)
            return not any(event_id in keys for keys in others) and own.claim(event_id, user_id)

    def sorts_with(self, dataset: object, more: int) -> bool:
        """As `ClaimedKeys.sorts_with`; True also while another thread uses the ids."""
        if not self._lock.acquire(blocking=False):
            return True
        try:
            own = self._claimed.get(dataset)
            return own is not None and own.sorts_with(more)
        finally:
            self._lock.release()

    def forget_users(self, dataset: object, user_ids: Collection[str]) -> None:
        with self._lock:
            if dataset in self._claimed:
                self._claimed[dataset].forget(user_ids)

    def forget_dataset(self, dataset: object) -> None:
        with self._lock:
            self._claimed.pop(dataset, None)


Row = Mapping[str, Any]


@dataclass(frozen=True)
class StreamedEvent:
    """One interaction of PutEvents or PutActionInteractions.

    row: its USER_ID is the session id where `anonymous`. source: who is credited with it (EV-52).
    """

    row: Row
    event_id: str | None = None
    session_id: str | None = None
    anonymous: bool = False
    source: str = ""


class EventJournal(Protocol):
    """Where the individual records of one dataset are written before they are visible."""

    def write(self, first: int, events: Sequence[StreamedEvent]) -> None:
        """Write records at consecutive positions, and what could not be written before. Raises NotWritten."""

    def queue(self, events: Iterable[tuple[int, StreamedEvent]]) -> None:
        """Have records at their positions written by the next write. Raises NotWritten."""


@dataclass(frozen=True)
class ForgottenUsers:
    """Users whose records at positions below `end` of a log have been removed."""

    user_ids: frozenset[str]
    end: int


def with_users_of_sessions(table: pa.Table) -> pa.Table:
    """Streamed interactions for a full training: anonymous ones get the user of their session.

    table: may have the column NOTED_SESSION; the result does not. A session belongs to its first user (EV-43).
    """
    if NOTED_SESSION not in table.column_names:
        return table
    users, sessions = encoded(table.column(USER_ID)), encoded(table.column(NOTED_SESSION))
    table = table.drop_columns([NOTED_SESSION])
    codes, noted = np.asarray(users.indices).copy(), np.asarray(sessions.indices.fill_null(-1))
    named = np.flatnonzero(noted >= 0)
    if len(named) == len(codes):
        return table
    sessions_seen, first = np.unique(noted[named], return_index=True)
    # Anonymous rows have the session id as their user: its place among the users, -1 where there are none.
    words = np.asarray(pc.index_in(sessions.dictionary, users.dictionary).fill_null(-1))[sessions_seen]
    owner = np.arange(len(users.dictionary), dtype=codes.dtype)
    owner[words[words >= 0]] = codes[named[first]][words >= 0]
    codes[noted < 0] = owner[codes[noted < 0]]
    joined = pa.DictionaryArray.from_arrays(pa.array(codes), users.dictionary)
    return table.set_column(table.schema.get_field_index(USER_ID), USER_ID, joined)


@dataclass(frozen=True)
class DataVersion:
    """Compared to see whether data have come in: how often the bulk layer was replaced, how long the log was."""

    bulk_changes: int
    log_length: int


@dataclass(frozen=True, eq=False)
class BulkLayer:
    """The rows of imports. Another object after every import and every removal of users.

    superseded: id to the number of its rows in the log, from the first, that are older than an import (D-84).
    full_rows: of interactions, so many rows from the first came with an import of mode FULL.
    """

    table: pa.Table | None = None
    superseded: Mapping[str, int] = field(default_factory=dict)
    full_rows: int = 0

    @property
    def full_table(self) -> pa.Table | None:
        """The rows that segments are made from: without incremental imports (R-83)."""
        return None if self.table is None else self.table.slice(0, self.full_rows)


@dataclass(frozen=True, eq=False)
class BulkImport:
    """Rows to be imported into a dataset, and its bulk layer before and after. log_length: when the import began."""

    table: pa.Table
    mode: ImportMode
    id_column: str | None
    before: BulkLayer
    after: BulkLayer
    log_length: int


@dataclass(frozen=True, eq=False)
class UserRemoval:
    """Users to be removed from a dataset, and its bulk layer before and after."""

    user_ids: frozenset[str]
    before: BulkLayer
    after: BulkLayer


class DatasetContents:
    """Both layers of one dataset (spec README rule 8). Readers take no lock: the bulk layer is swapped whole,
    and positions in the log do not change.

    event_ids: of the dataset group; of this dataset alone when not given. journal: None keeps individual records in
    memory only.
    """

    def __init__(self, event_ids: EventIds | None = None, journal: EventJournal | None = None) -> None:
        self._journal = journal
        self._forgotten: list[ForgottenUsers] = []
        self._layer = BulkLayer()
        self._bulk_changes = 0
        self.log = RecordLog()
        self._event_ids = EventIds() if event_ids is None else event_ids
        self._fingerprints = ClaimedKeys()
        self._user_changes: list[int] = []
        self._removals = 0
        self._lock = threading.Lock()

    @property
    def layer(self) -> BulkLayer:
        return self._layer

    @property
    def bulk(self) -> pa.Table | None:
        return self._layer.table

    def prepare_import(
        self, table: pa.Table, mode: ImportMode, id_column: str | None, log_length: int | None = None
    ) -> BulkImport:
        """The slow half of an import (D-78, D-79): changes nothing yet.

        log_length: of the individual records when the import began, which are older than its rows (D-84); None: now.
        """
        before, superseded = self._layer, dict[str, int]()
        log_length = len(self.log) if log_length is None else log_length
        if id_column is not None:
            superseded = superseded_by(before.superseded, table, self.log.rows(0, log_length), mode, id_column)
        full_rows = table.num_rows if mode == "FULL" else before.full_rows
        after = BulkLayer(merge_bulk(before.table, table, mode, id_column), superseded, full_rows)
        return BulkImport(table, mode, id_column, before, after, log_length)

    def finish_import(self, addition: BulkImport) -> None:
        """Make the rows of an import the bulk layer, or part of it."""
        if addition.before is not self._layer:
            addition = self.prepare_import(addition.table, addition.mode, addition.id_column, addition.log_length)
        self._layer = addition.after
        self._bulk_changes += 1

    def add_import(self, table: pa.Table, mode: ImportMode, id_column: str | None) -> None:
        """Both halves of an import."""
        self.finish_import(self.prepare_import(table, mode, id_column))

    @property
    def data_version(self) -> DataVersion:
        """Differs from an earlier one when rows have been added or removed since (R-SOL-9)."""
        return DataVersion(self._bulk_changes, len(self.log))

    @property
    def has_interactions(self) -> bool:
        return self.bulk is not None or self.log.held > 0

    def append_events(self, arrivals: Sequence[StreamedEvent], *, at_once: bool = False) -> bool:
        """Append interaction rows.

        An event id that was seen before, and an event equal to an earlier one in every column, change
        nothing (EV-40, EV-41).

        at_once: return False, without any change, if this would wait for another thread, or for rows or keys to be
        put in order, which takes the longer the more there are. The events are not written yet on return.
        """
        if not self._lock.acquire(blocking=not at_once):
            return False
        try:
            if at_once and self._must_put_in_order(len(arrivals)):
                return False
            self._append([arrival for arrival in arrivals if self._is_new(arrival)], at_once=at_once)
        finally:
            self._lock.release()
        return True

    def _append(self, added: Sequence[StreamedEvent], *, at_once: bool) -> None:
        try:
            if self._journal is not None and at_once:
                self._journal.queue(enumerate(added, len(self.log)))
            elif self._journal is not None:
                self._journal.write(len(self.log), added)
        finally:
            # Also what could not be written: its event ids are taken, and the journal writes it with the next events.
            self.log.append([_with_session(arrival) for arrival in added])
            self._count_users(arrival.row[USER_ID] for arrival in added)
            self.log.fold()

    def put_rows(self, rows: Sequence[Row]) -> None:
        """Append records of users, items or actions."""
        with self._lock:
            try:
                if self._journal is not None:
                    self._journal.write(len(self.log), [StreamedEvent(row) for row in rows])
            finally:
                self.log.append(rows)

    def restore(
        self, layer: BulkLayer, version: DataVersion, events: Iterable[tuple[int, StreamedEvent]], *, streamed: bool
    ) -> None:
        """Fill empty contents with what others had. events: by position. streamed: whether they are interactions."""
        self._layer, self._bulk_changes = layer, version.bulk_changes
        entries = self._claimed(events) if streamed else ((position, event.row) for position, event in events)
        self.log.restore(entries, version.log_length, folded=streamed)

    def _claimed(self, events: Iterable[tuple[int, StreamedEvent]]) -> Iterator[tuple[int, Row]]:
        for position, event in events:
            self._is_new(event)
            yield position, _with_session(event)

    def take_forgotten(self) -> list[ForgottenUsers]:
        """The removals since the last call, oldest first; for the journal, under the store's lock."""
        taken, self._forgotten = self._forgotten, []
        return taken

    def _must_put_in_order(self, more: int) -> bool:
        """Whether so many more events are folded, or their keys sorted; True also while other threads use the ids."""
        keys_are_full = self._fingerprints.sorts_with(more) or self._event_ids.sorts_with(self, more)
        return keys_are_full or self.log.folds_with(more)

    def user_version(self, user_id: str) -> tuple[int, int]:
        """Differs from an earlier one when streamed events of the user have been added or removed since.

        It may also differ when only other users have new events. Changes are counted after they are made.
        """
        changes = self._user_changes
        return self._removals, changes[hash(user_id) % USER_SLOTS] if changes else 0

    def _count_users(self, user_ids: Iterable[str]) -> None:
        for user_id in user_ids:
            if not self._user_changes:
                self._user_changes = [0] * USER_SLOTS
            self._user_changes[hash(user_id) % USER_SLOTS] += 1

    def _is_new(self, arrival: StreamedEvent) -> bool:
        fingerprint, event_id, user_id = _fingerprint(arrival.row), arrival.event_id, arrival.row[USER_ID]
        if event_id and fingerprint in self._fingerprints:
            return False
        if event_id and not self._event_ids.claim(event_id, self, user_id):
            return False
        return self._fingerprints.claim(fingerprint, user_id)

    def forget_event_ids(self) -> None:
        """Free the event ids of a dataset that is being deleted."""
        self._event_ids.forget_dataset(self)

    def streamed(self, log_length: int) -> pa.Table:
        """The first `log_length` streamed interactions for a full training: sessions belong to their users (EV-42)."""
        return with_users_of_sessions(self.log.table(0, log_length))

    def events_of(self, user_id: str, most: int, since: int = 0) -> LiveEvents:
        """The newest streamed events of a user at positions of the log from `since` on: of each type, at least `most`.

        What this takes depends on `most`, and hardly on how many there are.
        """
        now = self.log.state
        return live_events(now.segments, now.entries(), user_id, most, since)

    def has_events_of(self, user_id: str) -> bool:
        """Whether the user has streamed events."""
        now = self.log.state
        return has_events(now.segments, now.entries(), user_id)

    def prepare_removal(self, user_ids: frozenset[str]) -> UserRemoval:
        """The slow half of removing users: changes nothing yet."""
        before = self._layer
        table = before.table
        if table is None or USER_ID not in table.column_names:
            return UserRemoval(user_ids, before, before)
        superseded = {key: rows for key, rows in before.superseded.items() if key not in user_ids}
        kept, full = (without_rows(part, USER_ID, user_ids) for part in (table, table.slice(0, before.full_rows)))
        return UserRemoval(user_ids, before, BulkLayer(kept, superseded, full.num_rows))

    def up_to_date(self, removal: UserRemoval) -> UserRemoval:
        """The removal, from the bulk layer there is now."""
        return removal if removal.before is self._layer else self.prepare_removal(removal.user_ids)

    def remove_users(self, removal: UserRemoval) -> int:
        """Remove every row of the users from both layers; returns the number of rows (D-110, D-115).

        Their event ids and fingerprints are forgotten, so that the same events can be stored again (D-117). A fault in
        that is logged; the rows are removed all the same.
        """
        removal = self.up_to_date(removal)
        with self._lock:
            removed = self.log.remove(USER_ID, removal.user_ids)
            if self._journal is not None:
                self._forgotten.append(ForgottenUsers(removal.user_ids, len(self.log)))
            self._removals += 1
            for step in self._steps_to_forget(removal.user_ids):
                attempt("remove users", step)
            # Last: a new layer invalidates what readers have built from the old one.
            self._layer = replace(removal.after)
        return removed + _rows(removal.before) - _rows(removal.after)

    def _steps_to_forget(self, user_ids: frozenset[str]) -> Iterator[Callable[[], object]]:
        """Forget fingerprints and event ids of users whose rows are removed."""
        yield lambda: self._fingerprints.forget(user_ids)
        yield lambda: self._event_ids.forget_users(self, user_ids)


def _rows(layer: BulkLayer) -> int:
    return 0 if layer.table is None else int(layer.table.num_rows)


def _fingerprint(row: Mapping[str, Any]) -> str:
    """Rows equal in every column have equal ones."""
    return repr(sorted(row.items()))


def _with_session(arrival: StreamedEvent) -> Mapping[str, Any]:
    """The row with the session beside it, where it has a user of its own (EV-42)."""
    return arrival.row if arrival.anonymous else {**arrival.row, NOTED_SESSION: arrival.session_id or ""}
