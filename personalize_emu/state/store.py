"""The records of one emulator by ARN, in order of creation, with further entries per record. Readers take no lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any, Generic, TypeVar

from personalize_emu.state.commit_lock import CommitLock, ReentrantLock
from personalize_emu.state.resources import OWNED_KINDS, Resource

R = TypeVar("R", bound=Resource)
E = TypeVar("E")


class Table(Generic[E]):
    """Entries for the records of some kinds, by ARN: state of a resource besides its members.

    The store creates an entry with each record and removes it with the record. A job that still holds a removed entry
    can write to it without effect, even if the ARN has been created again.
    """

    def __init__(self, new_entry: Callable[[], E]) -> None:
        self._new_entry = new_entry
        self._entries: dict[str, E] = {}

    def __getitem__(self, arn: str) -> E:
        """Raises KeyError if there is no such record."""
        return self._entries[arn]

    def get(self, arn: str) -> E | None:
        return self._entries.get(arn)

    def items(self) -> list[tuple[str, E]]:
        """A copy, oldest record first."""
        return list(self._entries.items())

    def copy_of(self, is_wanted: Callable[[str], bool]) -> Table[E]:
        """The entries of now of the records that are wanted, by ARN, for reading only."""
        twin = Table(self._new_entry)
        twin._entries = {arn: entry for arn, entry in self.items() if is_wanted(arn)}
        return twin

    def add(self, arn: str) -> None:
        """Called by the store after the record was inserted."""
        self._entries[arn] = self._new_entry()

    def drop(self, arn: str) -> None:
        """Called by the store after the record was removed."""
        self._entries.pop(arn, None)


class Index:
    """Maps a unique field of the records of one kind to their ARNs. Maintained by the store."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._arns: dict[str, str] = {}

    def get(self, value: str) -> str | None:
        """The ARN of the record whose field has the value."""
        return self._arns.get(value)

    def add(self, record: Resource) -> None:
        self._arns[getattr(record, self._field)] = record.arn

    def drop(self, record: Resource) -> None:
        value = getattr(record, self._field)
        if self._arns.get(value) == record.arn:
            del self._arns[value]


class Store:
    """Stores records. Records are replaced as a whole, so readers never see partial changes.

    lock: makes a check and the change that depends on it atomic.
    """

    def __init__(self) -> None:
        self.lock: ReentrantLock = threading.RLock()
        self._unsaved: dict[str, None] | None = None
        self._touched = False
        self._save: Callable[[Sequence[str]], None] = lambda _: None
        self._records: dict[type[Resource], dict[str, Resource]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._ordinals: dict[str, int] = {}
        self._inserted = 0
        self._changes = 0
        self._tables: dict[type[Resource], list[Table[Any]]] = {}
        self._indexes: dict[type[Resource], list[Index]] = {}
        self._observers: dict[type[Resource], list[Callable[[Any], None]]] = {}

    @property
    def changes(self) -> int:
        """How often a record has been inserted, replaced or removed. Counted after the change."""
        return self._changes

    def save_with(self, save: Callable[[Sequence[str]], None]) -> None:
        """Call `save` with the ARNs of what has changed, whenever the outermost level of the lock is released.

        Must be called before other threads use the store. When `save` raises, the next change is saved with these ARNs.
        """
        self._unsaved, self._save = {}, save
        self.lock = CommitLock(self._commit)

    def touch(self, *arns: str) -> None:
        """Note that entries of these records have changed. Called under the lock."""
        if self._unsaved is not None:
            self._unsaved.update(dict.fromkeys(arns))
            self._touched = True

    def save(self, *arns: str) -> None:
        """As `touch`, in a thread that does not have the lock."""
        if self._unsaved is not None:
            with self.lock:
                self.touch(*arns)

    def _commit(self) -> None:
        # Reads succeed also while what was changed before cannot be saved.
        if self._unsaved and self._touched:
            self._touched = False
            self._save(tuple(self._unsaved))
            self._unsaved.clear()

    def table(self, new_entry: Callable[[], E], *kinds: type[Resource]) -> Table[E]:
        """Create a table with one entry for each record of these kinds; must be called before the first is inserted."""
        table = Table(new_entry)
        for kind in kinds:
            self._tables.setdefault(kind, []).append(table)
        return table

    def index(self, kind: type[Resource], field: str) -> Index:
        """Create an index of the records of a kind; must be called before the first is inserted."""
        index = Index(field)
        self._indexes.setdefault(kind, []).append(index)
        return index

    def observe(self, kind: type[R], observer: Callable[[R], None]) -> None:
        """Call `observer`, which must not raise, under the lock with every new and every changed record of a kind."""
        self._observers.setdefault(kind, []).append(observer)

    def get(self, kind: type[R], arn: str) -> R | None:
        record = self._records.get(kind, {}).get(arn)
        return record if isinstance(record, kind) else None

    def all(self, kind: type[R]) -> list[R]:
        """All records of a kind, oldest first."""
        return [record for record in list(self._records.get(kind, {}).values()) if isinstance(record, kind)]

    def records(self) -> Iterator[Resource]:
        for records in list(self._records.values()):
            yield from list(records.values())

    def find(self, arn: str) -> Resource | None:
        """The record of any kind."""
        return next((records[arn] for records in list(self._records.values()) if arn in records), None)

    def copy_of(self, is_wanted: Callable[[Resource], bool]) -> Store:
        """The records of now that are wanted, with their tags, for reading only."""
        twin = copy(self)
        twin._records = {
            kind: {arn: record for arn, record in list(records.items()) if is_wanted(record)}
            for kind, records in list(self._records.items())
        }
        kept = {arn for records in twin._records.values() for arn in records}
        twin._tags = {arn: tags for arn, tags in list(self._tags.items()) if arn in kept}
        return twin

    def shown_as(self, shown: Callable[[Resource], Resource]) -> Store:
        """The records of now as `shown` changes them, for reading only."""
        twin = copy(self)
        twin._records = {
            kind: {arn: shown(record) for arn, record in list(records.items())}
            for kind, records in list(self._records.items())
        }
        return twin

    def restore(self, record: Resource, ordinal: int, tags: Mapping[str, str]) -> None:
        """Insert a record as it was, at its place in the order of creation."""
        with self.lock:
            self.insert(record)
            self._ordinals[record.arn] = ordinal
            self._inserted = max(ordinal, self._inserted - 1)
            if tags:
                self.set_tags(record.arn, dict(tags))

    def insert(self, record: Resource) -> None:
        with self.lock:
            records = self._records.setdefault(type(record), {})
            if record.arn in records:
                raise KeyError(record.arn)
            # The entries first, so that every visible record has its entries.
            for table in self._tables.get(type(record), ()):
                table.add(record.arn)
            records[record.arn] = record
            for index in self._indexes.get(type(record), ()):
                index.add(record)
            self._inserted += 1
            self._ordinals[record.arn] = self._inserted
            self._changes += 1
            self.touch(record.arn)
            self._tell(record)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Hold the lock; records inserted in a block that raises, or that cannot be saved, are removed again."""
        with self.lock:
            before, done = self._inserted, False
            try:
                yield
                if isinstance(self.lock, CommitLock):
                    self.lock.commit_if_outermost()
                done = True
            finally:
                if not done:
                    for record in [each for each in self.records() if self.ordinal(each) > before]:
                        self.remove(record)

    def ordinal(self, record: Resource) -> int:
        """Position in the order of creation, also for records created in the same millisecond."""
        return self._ordinals.get(record.arn, 0)

    def change(self, record: R, **changes: Any) -> R | None:
        """Replace fields of the current version of `record`; None if it no longer exists."""
        return self.change_if(record, lambda _: True, **changes)

    def change_if(self, record: R, condition: Callable[[R], bool], **changes: Any) -> R | None:
        """As `change`, but only if `condition` holds for the current version; None otherwise."""
        with self.lock:
            current = self.get(type(record), record.arn)
            if current is None or not condition(current):
                return None
            changed = replace(current, **changes)
            self._records[type(record)][record.arn] = changed
            self._changes += 1
            self.touch(record.arn)
            self._tell(changed)
            return changed

    def _tell(self, record: Resource) -> None:
        for observer in self._observers.get(type(record), ()):
            observer(record)

    def owned_by(self, record: Resource) -> Iterator[Resource]:
        """Records that are removed with a record: jobs of a dataset, versions of a solution."""
        for kind, field in OWNED_KINDS.get(type(record), ()):
            yield from (each for each in self.all(kind) if getattr(each, field) == record.arn)

    def remove(self, record: Resource) -> None:
        """Remove a record with its tags, its entries and the records that it owns."""
        with self.lock:
            for owned in self.owned_by(record):
                self.remove(owned)
            self.remove_all((record,))

    def remove_all(self, records: Iterable[Resource]) -> None:
        """Remove records with their tags and entries, and with nothing that they own."""
        with self.lock:
            for record in records:
                self._remove(record)

    def _remove(self, record: Resource) -> None:
        for index in self._indexes.get(type(record), ()):
            index.drop(record)
        self._records.get(type(record), {}).pop(record.arn, None)
        for table in self._tables.get(type(record), ()):
            table.drop(record.arn)
        self._tags.pop(record.arn, None)
        self._ordinals.pop(record.arn, None)
        self._changes += 1
        self.touch(record.arn)

    def tags(self, arn: str) -> dict[str, str]:
        return dict(self._tags.get(arn, {}))

    def set_tags(self, arn: str, tags: dict[str, str]) -> None:
        with self.lock:
            self._tags[arn] = dict(tags)
            self.touch(arn)
