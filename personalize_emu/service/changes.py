"""How resources come into being, change and go: one mechanism for every kind.

A resource is at rest (ACTIVE, failed, stopped) or on its way; what may happen to it follows from that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from personalize_emu.service.context import Context
from personalize_emu.service.service_metrics import record_end
from personalize_emu.state.jobs import Job
from personalize_emu.state.lifecycle import (
    ACTIVE,
    DELETABLE,
    DELETE_IN_PROGRESS,
    DELETE_PENDING,
    FAILED,
    course_of,
    creation_duration,
    deletion_duration,
)
from personalize_emu.state.resources import Resource, Stateful
from personalize_emu.wire.errors import InvalidInputException, ResourceInUseException

S = TypeVar("S", bound=Stateful)
T = TypeVar("T")


def require_active(record: Stateful) -> None:
    """A parent must be ACTIVE before children are created (R-GEN-20)."""
    if record.status == ACTIVE:
        return
    text = f"Resource {record.arn} is in {record.status} state."
    if record.status in FAILED:
        raise InvalidInputException(text)
    raise ResourceInUseException(text)


def require_deletable(record: Stateful) -> None:
    """What is changing cannot be deleted (R-GEN-14, P-79)."""
    if record.status not in DELETABLE:
        raise ResourceInUseException(f"Resource {record.arn} cannot be deleted in {record.status} state.")


def refuse_while_used_by(record: Resource, user: Resource | None) -> None:
    """Nothing can be deleted while something else stands on it (R-GEN-16)."""
    if user is not None:
        raise ResourceInUseException(f"Resource {record.arn} is in use: {user.kind} {user.arn}.")


def begin_creation(
    context: Context,
    record: S,
    work: Callable[[], T],
    finished: Callable[[T], dict[str, Any] | None],
    *,
    queues: tuple[str, ...] = (),
) -> None:
    """Lead an inserted record through the states of its kind, to ACTIVE or CREATE FAILED as a rule (R-GEN-10).

    work: what takes time, run in the background; raises JobFailed.
    finished: makes the result of the work visible and returns further fields of the record to set. Called
    under the store's lock, only while the record still exists.
    """
    store, clock = context.world.store, context.clock
    course = course_of(record.kind)

    def begun() -> bool:
        moved = store.change_if(
            record,
            lambda current: current.status == course.pending,
            status=course.in_progress,
            last_updated_date_time=clock.now(),
        )
        return moved is not None

    def succeeded(result: T) -> None:
        with store.lock:
            current = store.get(type(record), record.arn)
            if current is not None and current.status == course.in_progress:
                fields = finished(result) or {}
                store.change(current, status=course.done, last_updated_date_time=clock.now(), **fields)
                record_end(context, record, failed=False)
        context.run_deferred()

    def failed(reason: str) -> None:
        changed = store.change_if(
            record,
            lambda current: current.status == course.in_progress,
            status=course.failed,
            failure_reason=reason,
            last_updated_date_time=clock.now(),
        )
        if changed is not None:
            record_end(context, record, failed=True)

    duration = creation_duration(context.settings, record.kind)
    job: Job[T] = Job(f"create {record.arn}", duration, begun, work, succeeded, failed, queues)
    context.afterwards(lambda: context.world.jobs.start(job))


def begin_plain_creation(context: Context, record: Stateful) -> None:
    """As `begin_creation`, where nothing but time is needed."""
    begin_creation(context, record, lambda: None, lambda _: None)


def begin_deletion(
    context: Context, record: S, gone: Callable[[], None], *, shows_progress: bool = True
) -> None:
    """Lead a record through the DELETE states until it is gone (R-GEN-17).

    gone: removes what belonged to the record; called under the store's lock.
    shows_progress: False for kinds without DELETE IN_PROGRESS (R-DSG-5).
    """
    store, clock = context.world.store, context.clock
    store.change(record, status=DELETE_PENDING, last_updated_date_time=clock.now())

    def begun() -> bool:
        if shows_progress:
            store.change(record, status=DELETE_IN_PROGRESS, last_updated_date_time=clock.now())
        return store.get(type(record), record.arn) is not None

    def succeeded(_: None) -> None:
        with store.lock:
            gone()
            store.remove(record)

    def never(reason: str) -> None:
        raise AssertionError(f"deletion does no work that could fail, yet: {reason}")

    duration = deletion_duration(context.settings)
    job = Job(f"delete {record.arn}", duration, begun, lambda: None, succeeded, never)
    context.afterwards(lambda: context.world.jobs.start(job))
