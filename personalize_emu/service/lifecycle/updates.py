"""Updates that run beside a resource that goes on as it is (spec README rule 9).

The resource keeps its own status and configuration; a record of the update, shown in a member of the resource,
goes from CREATE PENDING to ACTIVE or CREATE FAILED, and only at ACTIVE takes effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from personalize_emu.service.core.context import Context
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
    """Lead an update to `target` to its end.

    member: field of the record that shows the update. target: what it shows of it, None for what it does not.
    work: what takes time, another training as a rule; raises JobFailed. finished: makes the result visible and
    returns the fields of the record to change, given its current state; called under the store's lock.

    An update that is begun while another one runs supersedes it: the older one changes nothing any more.
    """
    store, clock = context.state.store, context.clock
    now = clock.now()
    shown = {name: value for name, value in target.items() if value is not None}
    shown |= {"status": CREATE_PENDING, "creationDateTime": now, "lastUpdatedDateTime": now}
    store.change(record, **{member: shown})

    def move(status: str, fields: Callable[[S], dict[str, Any]] = lambda _: {}, **more: str) -> bool:
        with store.lock:
            current = store.get(type(record), record.arn)
            if current is None or getattr(current, member) is not shown:
                return False
            return replace_shown(current, {"status": status, **more}, fields(current))

    def replace_shown(current: S, changes: dict[str, Any], fields: dict[str, Any]) -> bool:
        nonlocal shown
        shown = shown | changes | {"lastUpdatedDateTime": clock.now()}
        return store.change(current, **{member: shown}, **fields) is not None

    def succeeded(result: T) -> None:
        move(ACTIVE, lambda current: finished(current, result))
        context.run_deferred()

    def failed(reason: str) -> None:
        # What was to follow on success.
        context.deferred.clear()
        move(CREATE_FAILED, failureReason=reason)

    job: Job[T] = Job(
        f"update {record.arn}",
        creation_duration(context.settings, record.kind),
        lambda: move(CREATE_IN_PROGRESS),
        work,
        succeeded,
        failed,
        pool=WorkerPool.TRAINING,
    )
    context.afterwards(lambda: context.state.jobs.start(job))
