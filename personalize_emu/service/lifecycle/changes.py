"""How resources come into being, change and go: one mechanism for every kind.

A resource is at rest (ACTIVE, failed, stopped) or on its way; what may happen to it follows from that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.core.tags import checked_tags
from personalize_emu.service.service_metrics import record_end
from personalize_emu.state.jobs import Job, JobFailed, WorkerPool, attempt, no_work
from personalize_emu.state.lifecycle import (
    ACTIVE,
    CREATING,
    DELETABLE,
    DELETE_IN_PROGRESS,
    DELETE_PENDING,
    FAILED,
    course_of,
    creation_duration,
    deletion_duration,
)
from personalize_emu.state.resources import Dataset, Resource, Stateful, member_name
from personalize_emu.wire.errors import InvalidInputException, ResourceInUseException

R = TypeVar("R", bound=Resource)
S = TypeVar("S", bound=Stateful)
T = TypeVar("T")


def new_record(context: Context, kind: type[R], resource_name: str, **fields: Any) -> R:
    """A record of a resource that is made now: with its ARN, its times and, of kinds that have one, its first status.

    resource_name: what follows the slash in the ARN. fields: all others, and the status if it is another one.
    """
    now = context.clock.now()
    common: dict[str, Any] = {"creation_date_time": now, "last_updated_date_time": now}
    common[kind.arn_field] = context.arn(kind.type_word, resource_name)
    if issubclass(kind, Stateful):
        common["status"] = course_of(kind.kind).pending
    return kind(**(common | fields))


def create(context: Context, kind: type[R], params: Params, *, resource_name: str = "", **fields: Any) -> R:
    """The end of every Create, after all other checks of the request (P-56): insert a new record with its tags.

    params: the request, which has its name and its tags. resource_name: as for `new_record`; else its name.

    Raises:
        ResourceAlreadyExistsException: the ARN is taken (R-GEN-4).
        LimitExceededException: a quota is used up.
        TooManyTagsException, InvalidInputException: see `checked_tags`.
    """
    field = "job_name" if "jobName" in params else "name"
    name = params[member_name(field)]
    record = new_record(context, kind, resource_name or name, **{field: name}, **fields)
    context.insert(record, checked_tags(params))
    return record


def require_active(record: Stateful) -> None:
    """A parent must be ACTIVE before children are created (R-GEN-20)."""
    if record.status == ACTIVE:
        return
    text = f"Resource {record.arn} is in {record.status} state."
    if record.status in FAILED:
        raise InvalidInputException(text)
    raise ResourceInUseException(text)


def require_usable(dataset: Dataset) -> None:
    """A dataset that is still being created has children already, which wait for it (R-GEN-20)."""
    if dataset.status not in CREATING:
        require_active(dataset)


def queues_of(*datasets: Dataset) -> tuple[str, ...]:
    """Where children wait for those of their datasets that are still being created."""
    return tuple(dataset.arn for dataset in datasets if dataset.status in CREATING)


def require_made(context: Context, *dataset_arns: str) -> None:
    """What children ask when they have waited. Raises JobFailed when a dataset has not come to be."""
    for arn in dataset_arns:
        dataset = context.state.store.get(Dataset, arn)
        if dataset is None:
            raise JobFailed(f"Resource Arn {arn} does not exist.")
        if dataset.status in FAILED:
            raise JobFailed(f"Resource {arn} is in {dataset.status} state.")


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
    pool: WorkerPool = WorkerPool.TRANSFER,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Lead an inserted record through the states of its kind, to ACTIVE or CREATE FAILED as a rule (R-GEN-10).

    work: what takes time, run in the background by a worker of `pool`; raises JobFailed.
    finished: makes the result of the work visible and returns further fields of the record to set. Called
    under the store's lock, only while the record still exists. What it raises is the end of the creation, so what
    cannot be taken back comes last in it; what may fail without harm is put off with `afterwards`.
    ready: called when the record's turn has come; raises JobFailed when what it stands on has failed meanwhile.
    """
    store, clock = context.state.store, context.clock
    course, ordinal = course_of(record.kind), store.ordinal(record)

    def is_at(current: Resource, status: str) -> bool:
        """Not another resource that has got the same ARN meanwhile."""
        return isinstance(current, Stateful) and current.status == status and store.ordinal(current) == ordinal

    def begun() -> bool:
        moved = store.change_if(
            record,
            lambda current: is_at(current, course.pending),
            status=course.in_progress,
            last_updated_date_time=clock.now(),
        )
        if moved is not None:
            ready()
        return moved is not None

    def succeeded(result: T) -> None:
        with store.lock:
            current = store.get(type(record), record.arn)
            if current is not None and is_at(current, course.in_progress):
                fields = finished(result) or {}
                store.change(current, status=course.done, last_updated_date_time=clock.now(), **fields)
                context.afterwards(lambda: record_end(context, record, failed=False))
        context.run_deferred()

    def failed(reason: str) -> None:
        # What was to follow on success.
        context.deferred.clear()
        changed = store.change_if(
            record,
            lambda current: is_at(current, course.pending) or is_at(current, course.in_progress),
            status=course.failed,
            failure_reason=reason,
            last_updated_date_time=clock.now(),
        )
        if changed is not None:
            context.afterwards(lambda: record_end(context, record, failed=True))
        context.run_deferred()

    duration = creation_duration(context.settings, record.kind)
    job: Job[T] = Job(f"create {record.arn}", duration, begun, work, succeeded, failed, queues, pool=pool)
    context.afterwards(lambda: context.state.jobs.start(job))


def begin_plain_creation(context: Context, record: Stateful) -> None:
    """As `begin_creation`, where nothing but time is needed."""
    begin_creation(context, record, no_work, lambda _: None)


def begin_deletion(
    context: Context, record: S, *gone: Callable[[], object], shows_progress: bool = True
) -> None:
    """Lead a record through the DELETE states until it is gone (R-GEN-17).

    A deletion cannot be undone (R-GEN-15) and has no state of failure (R-GEN-9), so it always goes on to its end.

    gone: the steps that remove what belonged to the record, under the store's lock; each is taken whatever happens
    in the others.
    shows_progress: False for kinds without DELETE IN_PROGRESS (R-DSG-5).
    """
    store, clock, name = context.state.store, context.clock, f"delete {record.arn}"
    store.change(record, status=DELETE_PENDING, last_updated_date_time=clock.now())

    def begun() -> bool:
        if shows_progress:
            store.change(record, status=DELETE_IN_PROGRESS, last_updated_date_time=clock.now())
        return store.get(type(record), record.arn) is not None

    def end(_: object) -> None:
        with store.lock:
            for step in gone:
                attempt(name, step)
            store.remove(record)

    duration = deletion_duration(context.settings)
    job = Job(name, duration, begun, no_work, end, end)
    context.afterwards(lambda: context.state.jobs.start(job))
