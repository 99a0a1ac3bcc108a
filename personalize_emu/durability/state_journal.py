"""Writes one state to a data directory: what has changed, at each release of the store's lock, and events at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

from personalize_emu.data.schemas.columns import USER_ID
from personalize_emu.durability.blobs import Blobs
from personalize_emu.durability.database import Database, Statement
from personalize_emu.durability.encryption.locked_groups import LockedGroups, sealer_for
from personalize_emu.durability.encryption.sealing import Sealer
from personalize_emu.durability.entries import Entries, KeptEntry
from personalize_emu.durability.large_values import LargeValues
from personalize_emu.durability.records import event_text, record_text, text_of
from personalize_emu.service.state.dataset_contents import BulkLayer, StreamedEvent
from personalize_emu.service.state.emulator_state import EmulatorState, Keepable, Keeping
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.resources import Dataset, Stateful

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
    """See `EventJournal`. number: of the dataset. generation: of the state. sealer: of its group, if that has a key."""

    database: Database
    number: int
    generation: int
    sealer: Callable[[], Sealer | None] = lambda: None

    def write(self, first: int, events: Sequence[StreamedEvent]) -> None:
        self.queue(enumerate(events, first))
        self.database.flush()

    def queue(self, events: Iterable[tuple[int, StreamedEvent]]) -> None:
        """Have records at their positions written by the next transaction. Raises NotWritten."""
        sealer = self.sealer()
        rows: list[tuple[int, int, str | None, str | bytes]] = [
            (self.number, position, event.row.get(USER_ID), event_text(event)) for position, event in events
        ]
        if sealer is not None:
            rows = [_sealed_row(sealer, *row) for row in rows]
        if rows:
            self.database.queue([Statement(_PUT_EVENT, rows)], self.generation)


def _sealed_row(
    sealer: Sealer, number: int, position: int, user: str | None, event: str | bytes
) -> tuple[int, int, str | None, bytes]:
    """A row of the table of events, encrypted. Its user is a token, which all rows of the user have."""
    return number, position, user and sealer.token(user), sealer.seal(event_name(number, position), str(event))


def event_name(number: int, position: int) -> str:
    """What an encrypted event is bound to. number: of the dataset."""
    return f"event {position} of dataset {number}"


class StateJournal:
    """Of one state. After `Database.start_over`, which a reset calls, it writes nothing any more."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self.large = LargeValues(blobs)
        self._numbers: dict[str, int] = {}
        self._state: EmulatorState | None = None
        self._entries: Entries | None = None
        self._generation = database.generation

    @property
    def keeping(self) -> Keeping:
        return Keeping(self._prepare, self.journal_of)

    def journal_of(self, number: int, group_arn: str) -> DatasetJournal:
        def sealer() -> Sealer | None:
            entry = None if self._state is None else self._state.groups.get(group_arn)
            if self._state is None or entry is None or entry.key is None:
                return None
            sealer = sealer_for(self._state, group_arn)
            if sealer is None:
                raise NotWritten(f"The data key of {group_arn} is not decrypted.")
            return sealer

        return DatasetJournal(self._database, number, self._generation, sealer)

    def entries_of(self, state: EmulatorState) -> Entries:
        """For the state that is to be followed."""
        self._state, self._entries = state, Entries(state, self.large, LockedGroups(state))
        return self._entries

    def follow(self, state: EmulatorState) -> None:
        """Write what changes from now on."""
        entries = self._entries if self._state is state else None
        entries = entries or self.entries_of(state)
        self._numbers = {dataset.arn: state.store.ordinal(dataset) for dataset in state.store.all(Dataset)}
        state.store.save_with(partial(self._save, state, entries))

    def queue_whole(self, state: EmulatorState, lengths: Mapping[str, int]) -> None:
        """Have all records of a state that nothing follows written to an empty database.

        Called under the store's lock. lengths: of the logs, by ARN of the dataset. Raises OSError.
        """
        entries = self.entries_of(state)
        for record in state.store.records():
            kept = entries.kept(record.arn, lengths.get(record.arn))
            self._database.queue(self._statements(state, record.arn, kept), self._generation)

    def _prepare(self, arn: str, value: Keepable) -> None:
        seal = None if self._entries is None else self._entries.seal_of(arn)
        try:
            if isinstance(value, BulkLayer):
                self.large.layer(value, seal)
            else:
                self.large.trained(value, seal)
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
        if kept.has_reason and isinstance(record, Stateful):
            # It is in the entry, encrypted.
            record = replace(record, failure_reason=None)
        row = (arn, type(record).__name__, ordinal, record_text(record), text_of(store.tags(arn)), entry)
        yield Statement(_PUT_RECORD, (row,))
        yield Statement(PUT_BLOB, [(arn, name) for name in kept.names])
        if isinstance(record, Dataset):
            self._numbers[arn] = ordinal
            sealer = sealer_for(state, record.dataset_group_arn)
            user = (lambda user_id: user_id) if sealer is None else sealer.token
            contents = state.contents(arn)
            # Taken here, because they are given once: no file can fail to be written any more.
            forgotten = [] if contents is None else contents.take_forgotten()
            rows = [(ordinal, each.end, text_of(sorted(map(user, each.user_ids)))) for each in forgotten]
            yield Statement(_DROP_USERS, rows)


def _refuse(error: OSError) -> NoReturn:
    raise NotWritten(f"The change could not be written to the data directory: {error.strerror}.") from error
