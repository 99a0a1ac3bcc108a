"""Updates during which a resource stays in use (spec README rule 9).

The resource keeps its status and configuration. A member of the resource describes the update: its status goes from
CREATE PENDING to ACTIVE or CREATE FAILED, and it takes effect at ACTIVE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from personalize_emu.service.core.context import Context
from personalize_emu.service.core.group_keys import with_usable_key
from personalize_emu.service.lifecycle.creation import start_job
from personalize_emu.state.jobs import Job, WorkerPool
from personalize_emu.state.lifecycle import (
    ACTIVE,
    CREATE_FAILED,
    CREATE_IN_PROGRESS,
    CREATE_PENDING,
    CREATING,
    creation_duration,
)
from personalize_emu.state.resources import Stateful
from personalize_emu.wire.errors import ResourceInUseException

S = TypeVar("S", bound=Stateful)
T = TypeVar("T")


def require_no_update(record: Stateful, update: Mapping[str, Any] | None) -> None:
    """One update at a time, and no deletion meanwhile (E-25, R-SOL-16, R-CMP-16)."""
    if update is not None and update["status"] in CREATING:
        raise ResourceInUseException(f"Resource {record.arn} has an update in {update['status']} state.")


def begin_update(
    context: Context,
    record: S,
    member: str,
    target: Mapping[str, Any],
    work: Callable[[], T],
    finished: Callable[[S, T], dict[str, Any]],
) -> None:
    """Start an update to `target`. It supersedes one that is still running, which then changes nothing any more.

    Args:
        member: field of the record that describes the update.
        target: the new values, as described in that field; None for those that are not described.
        work: the slow part, usually another training; raises JobFailed.
        finished: given the current record and the result of the work, makes the result visible and returns the fields
            to change; called under the store's lock.
    """
    store, clock = context.state.store, context.clock
    now = clock.now()
    description = {name: value for name, value in target.items() if value is not None}
    description |= {"status": CREATE_PENDING, "creationDateTime": now, "lastUpdatedDateTime": now}
    store.change(record, **{member: description})

    def move(status: str, fields: Callable[[S], dict[str, Any]] = lambda _: {}, **more: str) -> bool:
        with store.lock:
            current = store.get(type(record), record.arn)
            if current is None or getattr(current, member) is not description:
                return False
            return replace_description(current, {"status": status, **more}, fields(current))

    def replace_description(current: S, changes: dict[str, Any], fields: dict[str, Any]) -> bool:
        nonlocal description
        description = description | changes | {"lastUpdatedDateTime": clock.now()}
        return store.change(current, **{member: description}, **fields) is not None

    def succeeded(result: T) -> None:
        move(ACTIVE, lambda current: finished(current, result))
        context.run_deferred()

    def failed(reason: str) -> None:
        # Actions that `finished` had put off for the case of success.
        context.deferred.clear()
        move(CREATE_FAILED, failureReason=reason)

    job: Job[T] = Job(
        f"update {record.arn}",
        creation_duration(context.settings, record.kind),
        lambda: move(CREATE_IN_PROGRESS),
        with_usable_key(context, record, work),
        succeeded,
        failed,
        pool=WorkerPool.TRAINING,
    )
    context.afterwards(lambda: start_job(context, job, f"{record.kind}-update", record))
