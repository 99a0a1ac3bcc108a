"""Writes one state to a data directory: what has changed, at each release of the store's lock, and events at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from personalize_emu.data.schemas.columns import USER_ID
from personalize_emu.durability.blobs import Blobs
from personalize_emu.durability.database import Database, Statement
from personalize_emu.durability.entries import Entries, KeptEntry
from personalize_emu.durability.large_values import LargeValues
from personalize_emu.durability.records import event_text, record_text, text_of
from personalize_emu.service.state.dataset_contents import BulkLayer, StreamedEvent
from personalize_emu.service.state.emulator_state import EmulatorState, Keepable, Keeping
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.resources import Dataset

_PUT_RECORD = "REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?)"
_DROP_RECORD = "DELETE FROM resources WHERE arn = ?"
PUT_BLOB = "INSERT INTO blobs VALUES (?, ?)"
DROP_BLOBS = "DELETE FROM blobs WHERE arn = ?"
_PUT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?)"
_DROP_USERS = (
    "DELETE FROM events WHERE dataset = ? AND position < ? AND user IN (SELECT value FROM json_each(?))"
)
_DROP_EVENTS = "DELETE FROM events WHERE dataset = ?"
PUT_FACT = "REPLACE INTO facts VALUES (?, ?)"
TABLES = ("resources", "blobs", "events", "services", "figures", "recommendations")
EVERYTHING = tuple(Statement(f"DELETE FROM {table}") for table in TABLES)


@dataclass(frozen=True)
class DatasetJournal:
    """See `EventJournal`. number: of the dataset. generation: of the state."""

    database: Database
    number: int
    generation: int

    def write(self, first: int, events: Sequence[StreamedEvent]) -> None:
        rows = [
            (self.number, position, event.row.get(USER_ID), event_text(event))
            for position, event in enumerate(events, first)
        ]
        if rows:
            self.database.queue([Statement(_PUT_EVENT, rows)], self.generation)
        self.database.flush()


class StateJournal:
    """Of one state. After `Database.start_over`, which a reset calls, it writes nothing any more."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self.large = LargeValues(blobs)
        self._numbers: dict[str, int] = {}
        self._generation = database.generation

    @property
    def keeping(self) -> Keeping:
        return Keeping(self._prepare, self.journal_of)

    def journal_of(self, number: int) -> DatasetJournal:
        return DatasetJournal(self._database, number, self._generation)

    def follow(self, state: EmulatorState) -> None:
        """Write what changes from now on."""
        self._numbers = {dataset.arn: state.store.ordinal(dataset) for dataset in state.store.all(Dataset)}
        state.store.save_with(partial(self._save, state, Entries(state, self.large)))

    def _prepare(self, value: Keepable) -> None:
        try:
            if isinstance(value, BulkLayer):
                self.large.layer(value)
            else:
                self.large.trained(value)
        except OSError as error:
            raise JobFailed(f"The data directory cannot be written to: {error.strerror}.") from error

    def _save(self, state: EmulatorState, entries: Entries, arns: Sequence[str]) -> None:
        """Write records that have changed, with their tags and entries, in one transaction. Raises NotWritten."""
        if self._generation != self._database.generation:
            return
        try:
            kept = {arn: entries.kept(arn) for arn in arns}
        except OSError as error:
            _refuse(error)
        parts = [part for arn in arns for part in self._statements(state, arn, kept[arn])]
        self._database.queue(parts, self._generation)
        self._database.flush()
        self._blobs.refer({arn: entry.names for arn, entry in kept.items()})

    def _statements(self, state: EmulatorState, arn: str, kept: KeptEntry) -> Iterator[Statement]:
        store, record = state.store, state.store.find(arn)
        yield Statement(DROP_BLOBS, ((arn,),))
        if record is None:
            yield Statement(_DROP_RECORD, ((arn,),))
            yield Statement(_DROP_EVENTS, [(number,) for number in (self._numbers.pop(arn, None),) if number])
            return
        ordinal, entry = store.ordinal(record), text_of(kept.node)
        row = (arn, type(record).__name__, ordinal, record_text(record), text_of(store.tags(arn)), entry)
        yield Statement(_PUT_RECORD, (row,))
        yield Statement(PUT_BLOB, [(arn, name) for name in kept.names])
        if isinstance(record, Dataset):
            self._numbers[arn] = ordinal
            rows = [(ordinal, each.end, text_of(sorted(each.user_ids))) for each in kept.forgotten]
            yield Statement(_DROP_USERS, rows)


def _refuse(error: OSError) -> NoReturn:
    raise NotWritten(f"The change could not be written to the data directory: {error.strerror}.") from error
