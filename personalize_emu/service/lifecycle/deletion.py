"""Deletion of resources: one mechanism for every kind (spec 04).

    begin_deletion ─▶ DELETE PENDING ─▶ DELETE IN_PROGRESS ─▶ removed, with its entries and the records it owns
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from personalize_emu.service.core.context import Context
from personalize_emu.state.jobs import Job, attempt, no_work
from personalize_emu.state.lifecycle import (
    DELETABLE,
    DELETE_IN_PROGRESS,
    DELETE_PENDING,
    deletion_duration,
)
from personalize_emu.state.resources import Resource, Stateful
from personalize_emu.wire.errors import ResourceInUseException

S = TypeVar("S", bound=Stateful)


def require_deletable(record: Stateful) -> None:
    """A resource that is being created, updated or deleted cannot be deleted (R-GEN-14, P-79)."""
    if record.status not in DELETABLE:
        raise ResourceInUseException(f"Resource {record.arn} cannot be deleted in {record.status} state.")


def refuse_while_in_use(record: Resource, user: Resource | None) -> None:
    """A resource cannot be deleted while another one depends on it (R-GEN-16). user: one that does, if any."""
    if user is not None:
        raise ResourceInUseException(f"Resource {record.arn} is in use: {user.kind} {user.arn}.")


def begin_deletion(
    context: Context, record: S, *cleanup: Callable[[], object], has_in_progress: bool = True
) -> None:
    """Move a record through the DELETE states and remove it, with its entries and what it owns (R-GEN-17).

    A deletion cannot be undone (R-GEN-15) and has no failed state (R-GEN-9), so it always reaches its end.

    Args:
        cleanup: further steps under the store's lock, just before the removal; each runs even if another one raises.
        has_in_progress: False for kinds without DELETE IN_PROGRESS (R-DSG-5).
    """
    store, clock, name = context.state.store, context.clock, f"delete {record.arn}"
    store.change(record, status=DELETE_PENDING, last_updated_date_time=clock.now())

    def begun() -> bool:
        if has_in_progress:
            store.change(record, status=DELETE_IN_PROGRESS, last_updated_date_time=clock.now())
        return store.get(type(record), record.arn) is not None

    def end(_: object) -> None:
        with store.lock:
            for step in cleanup:
                attempt(name, step)
            store.remove(record)

    duration = deletion_duration(context.settings)
    job = Job(name, duration, begun, no_work, end, end)
    context.afterwards(lambda: context.state.jobs.start(job))
