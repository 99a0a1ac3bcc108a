"""Data of dataset groups that are encrypted, and are read when KMS decrypts the data key of their group.

After a start every group with a key is locked. It is opened at once if its KMS key can be used then, and otherwise with
the first call after that. Until then its resources can be described and deleted; what is encrypted stays as it is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from personalize_emu.durability.encryption.sealing import Sealer, sealer_of
from personalize_emu.service.core.context import Context
from personalize_emu.service.core.group_keys import encryption_context, group_arn_of, tells_of_key_only
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import GroupKey
from personalize_emu.state.resources import Resource

Node = dict[str, Any]
SEALED = "sealed"
SEALED_PARTS = frozenset({"contents", "trained", "refresh", "report", "ledger", "failure_reason"})
"""Of the node of an entry: what has, or depends on, data of users. Reasons of failures can quote rows of a file."""

RESTARTED = "the emulator was restarted"
"""Reason of failures of what was under way at the end of a process."""


def quotes_no_data(reason: str) -> bool:
    """Whether the reason of a failure is kept in clear: also one that came while its entry cannot be decrypted."""
    return reason == RESTARTED or tells_of_key_only(reason)


def entry_name(arn: str) -> str:
    """What the encrypted part of an entry is bound to."""
    return f"entry of {arn}"


def sealer_for(state: EmulatorState, group_arn: str | None) -> Sealer | None:
    """None for groups without a key, and while it is not decrypted."""
    entry = state.groups.get(group_arn) if group_arn else None
    return None if entry is None or entry.key is None or entry.key.plain is None else sealer_of(entry.key.plain)


@dataclass(frozen=True)
class LockedEntry:
    """ordinal: of its resource. text: as in the database. group_arn: of the group whose key opens it."""

    ordinal: int
    text: str
    group_arn: str


Restore = Callable[[Resource, Node, Sealer], None]
"""Fills the entry of a resource from the decrypted part of its node."""
GoOn = Callable[[Mapping[str, Node]], None]
"""Takes up schedules of resources by their nodes."""


class LockedGroups:
    """entries: by the ARN of their resource; changed under the store's lock."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state
        self._opening = threading.Lock()
        self.entries: dict[str, LockedEntry] = {}

    def lock(self, record: Resource, node: Node) -> bool:
        """Note the encrypted part of an entry that was read; False if it has none."""
        if SEALED not in node:
            return False
        state = self._state
        group_arn = group_arn_of(state.store, record) or ""
        self.entries[record.arn] = LockedEntry(state.store.ordinal(record), node[SEALED], group_arn)
        return True

    def kept(self, arn: str) -> LockedEntry | None:
        """The encrypted part that a resource still has; None also for another resource with that ARN."""
        found, record = self.entries.get(arn), self._state.store.find(arn)
        if found is None:
            return None
        if record is None or self._state.store.ordinal(record) != found.ordinal:
            # Another thread may have found it, too.
            self.entries.pop(arn, None)
            return None
        return found

    def open(self, context: Context, group_arn: str, restore: Restore, go_on: GoOn) -> None:
        """Read the data of a group.

        Raises:
            KeyUnavailable: KMS does not decrypt its data key.
            WronglySealed, UnusableDirectory and others: the data are damaged. The group stays locked.
        """
        state = self._state
        with self._opening:
            entry = state.groups.get(group_arn)
            if group_arn not in state.group_keys.locked:
                return
            if entry is None or entry.key is None:
                state.group_keys.locked.pop(group_arn)
                return
            plain = self._decrypted(context, group_arn, entry.key)
            nodes = self._restored(group_arn, sealer_of(plain), restore)
            with state.store.lock:
                for arn in nodes:
                    self.entries.pop(arn, None)
                entry.key = replace(entry.key, plain=plain)
                state.group_keys.locked.pop(group_arn)
        go_on(nodes)

    @staticmethod
    def _decrypted(context: Context, group_arn: str, key: GroupKey) -> bytes:
        return context.aws_services.decrypted_data_key(key.key_arn, key.wrapped, encryption_context(group_arn))

    def _restored(self, group_arn: str, sealer: Sealer, restore: Restore) -> dict[str, Node]:
        """The decrypted nodes. Nobody sees what is restored before the group has its key."""
        nodes: dict[str, Node] = {}
        for arn, locked in list(self.entries.items()):
            record = self._state.store.find(arn)
            if locked.group_arn == group_arn and record is not None and self.kept(arn) is not None:
                nodes[arn] = json.loads(sealer.open(entry_name(arn), bytes.fromhex(locked.text)))
                restore(record, nodes[arn], sealer)
        return nodes
