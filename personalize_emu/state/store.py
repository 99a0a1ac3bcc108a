"""All records of one emulator, by ARN, in order of creation. Readers take no lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from personalize_emu.state.resources import Resource

R = TypeVar("R", bound=Resource)


class Store:
    """Records are replaced whole, so a reader sees a record before or after a change, never between.

    `lock` makes a check and the change that depends on it one step.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._records: dict[type[Resource], dict[str, Resource]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._ordinals: dict[str, int] = {}
        self._inserted = 0

    def get(self, kind: type[R], arn: str) -> R | None:
        record = self._records.get(kind, {}).get(arn)
        return record if isinstance(record, kind) else None

    def all(self, kind: type[R]) -> list[R]:
        """Every record of a kind, oldest first."""
        return [record for record in list(self._records.get(kind, {}).values()) if isinstance(record, kind)]

    def records(self) -> Iterator[Resource]:
        for records in list(self._records.values()):
            yield from list(records.values())

    def insert(self, record: Resource) -> None:
        with self.lock:
            records = self._records.setdefault(type(record), {})
            if record.arn in records:
                raise KeyError(record.arn)
            records[record.arn] = record
            self._inserted += 1
            self._ordinals[record.arn] = self._inserted

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Holds the lock. What is inserted in a block that raises is taken back."""
        with self.lock:
            before, done = self._inserted, False
            try:
                yield
                done = True
            finally:
                if not done:
                    for record in [each for each in self.records() if self.ordinal(each) > before]:
                        self.remove(record)

    def ordinal(self, record: Resource) -> int:
        """Place in the order of creation; tells apart what was created in the same millisecond."""
        return self._ordinals.get(record.arn, 0)

    def change(self, record: R, **changes: Any) -> R | None:
        """Replace fields of the current state of `record`; None when it no longer exists."""
        return self.change_if(record, lambda _: True, **changes)

    def change_if(self, record: R, condition: Callable[[R], bool], **changes: Any) -> R | None:
        """As `change`, but only when `condition` holds for the current state; None when it does not."""
        with self.lock:
            current = self.get(type(record), record.arn)
            if current is None or not condition(current):
                return None
            changed = replace(current, **changes)
            self._records[type(record)][record.arn] = changed
            return changed

    def remove(self, record: Resource) -> None:
        with self.lock:
            self._records.get(type(record), {}).pop(record.arn, None)
            self._tags.pop(record.arn, None)
            self._ordinals.pop(record.arn, None)

    def tags(self, arn: str) -> dict[str, str]:
        return dict(self._tags.get(arn, {}))

    def set_tags(self, arn: str, tags: dict[str, str]) -> None:
        with self.lock:
            self._tags[arn] = dict(tags)
