"""Creation of resources: one mechanism for every kind (spec 04).

    create ─▶ CREATE PENDING ─▶ CREATE IN_PROGRESS ─▶ ACTIVE | CREATE FAILED

Parents must be ACTIVE, except that children of a dataset may be created while it is still being created.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from personalize_emu.recipes.contract.base import Progress
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.core.group_keys import with_usable_key
from personalize_emu.service.core.tags import checked_tags
from personalize_emu.service.service_metrics import record_job_end
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import JobEntry
from personalize_emu.service.state.entries import Progress as ShownProgress
from personalize_emu.state.jobs import Job, JobFailed, JobStopped, WorkerPool, no_work
from personalize_emu.state.lifecycle import (
    ACTIVE,
    CREATING,
    FAILED,
    course_of,
    creation_duration,
)
from personalize_emu.state.resources import Dataset, Resource, Stateful, member_name
from personalize_emu.wire.errors import InvalidInputException, ResourceInUseException

R = TypeVar("R", bound=Resource)
S = TypeVar("S", bound=Stateful)
T = TypeVar("T")
log = logging.getLogger(__name__)


def new_record(context: Context, kind: type[R], resource_name: str, **fields: Any) -> R:
    """A record with its ARN, both times and, if the kind has a status, the first one.

    resource_name: what follows the slash in the ARN. fields: all others; `status` to begin with another one.
    """
    now = context.clock.now()
    common: dict[str, Any] = {"creation_date_time": now, "last_updated_date_time": now}
    common[kind.arn_field] = context.arn(kind.type_word, resource_name)
    if issubclass(kind, Stateful):
        common["status"] = course_of(kind.kind).pending
    return kind(**(common | fields))


def create(context: Context, kind: type[R], params: Params, *, resource_name: str = "", **fields: Any) -> R:
    """The last step of a Create operation, after all other checks (P-56): insert a new record with its tags.

    params: the request; its name and tags are read. resource_name: as for `new_record`; by default the name.

    Raises:
        ResourceAlreadyExistsException: the ARN is taken (R-GEN-4).
        LimitExceededException: a quota is used up.
        TooManyTagsException, InvalidInputException: see `checked_tags`.
    """
    record = _named_record(context, kind, params, resource_name, fields)
    context.insert(record, checked_tags(params))
    return record


def create_untagged(context: Context, kind: type[R], params: Params, **fields: Any) -> R:
    """As `create`, for kinds without tags."""
    record = _named_record(context, kind, params, "", fields)
    context.insert(record)
    return record


def _named_record(
    context: Context, kind: type[R], params: Params, resource_name: str, fields: Mapping[str, Any]
) -> R:
    field = "job_name" if "jobName" in params else "name"
    name = params[member_name(field)]
    return new_record(context, kind, resource_name or name, **{field: name}, **fields)


def require_active(record: Stateful) -> None:
    """A parent must be ACTIVE before children are created (R-GEN-20)."""
    if record.status == ACTIVE:
        return
    text = f"Resource {record.arn} is in {record.status} state."
    if record.status in FAILED:
        raise InvalidInputException(text)
    raise ResourceInUseException(text)


def require_active_or_creating(dataset: Dataset) -> None:
    """Children of a dataset may be created while it is still being created; they wait for it (R-GEN-20)."""
    if dataset.status not in CREATING:
        require_active(dataset)


def creation_queues(*datasets: Dataset) -> tuple[str, ...]:
    """The queues in which a child waits for those of its datasets that are still being created."""
    return tuple(dataset.arn for dataset in datasets if dataset.status in CREATING)


def require_created(context: Context, *dataset_arns: str) -> None:
    """For children that have waited: raises JobFailed when the creation of a dataset has failed."""
    for arn in dataset_arns:
        dataset = context.state.store.get(Dataset, arn)
        if dataset is None:
            raise JobFailed(f"Resource Arn {arn} does not exist.")
        if dataset.status in FAILED:
            raise JobFailed(f"Resource {arn} is in {dataset.status} state.")


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
    """Move an inserted record through the states of its kind, usually to ACTIVE or CREATE FAILED (R-GEN-10).

    Args:
        work: the slow part, run in the background by a worker of `pool`; raises JobFailed.
        finished: makes the result of the work visible and returns further fields of the record to set. Called under
            the store's lock, only while the record exists. If it raises, the creation fails, so irreversible steps come
            last in it, and steps that may fail without harm are passed to `afterwards`.
        ready: called when the waiting in the queues is over; raises JobFailed when what the resource needs has failed.
    """
    store, clock = context.state.store, context.clock
    course, ordinal = course_of(record.kind), store.ordinal(record)

    def is_at(current: Resource, status: str) -> bool:
        """False for another resource that was created with the same ARN meanwhile."""
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
                context.afterwards(lambda: record_job_end(context, record, failed=False))
        context.run_deferred()

    def failed(reason: str) -> None:
        # Actions that `finished` had put off for the case of success.
        context.deferred.clear()
        changed = store.change_if(
            record,
            lambda current: is_at(current, course.pending) or is_at(current, course.in_progress),
            status=course.failed,
            failure_reason=reason,
            last_updated_date_time=clock.now(),
        )
        if changed is not None:
            context.afterwards(lambda: record_job_end(context, record, failed=True))
        context.run_deferred()

    duration = creation_duration(context.settings, record.kind)
    parts = (creation_job(record), duration, begun, with_usable_key(context, record, work), succeeded, failed, queues)
    job: Job[T] = Job(*parts, in_background=context.in_background, pool=pool)
    context.afterwards(lambda: start_job(context, job, record.kind, record))


def creation_job(record: Resource) -> str:
    """The name of the job that creates a resource."""
    return f"create {record.arn}"


def start_job(context: Context, job: Job[Any], kind: str, record: Resource) -> None:
    """Start the job of a resource, with another outcome if one was chosen for it. kind: see `ChooseOutcome`."""
    outcome = context.state.outcome_of(kind, record)
    context.state.jobs.start(job if outcome is None else outcome.applied(job))


def begin_plain_creation(context: Context, record: Stateful) -> None:
    """As `begin_creation`, where nothing but time is needed."""
    begin_creation(context, record, no_work, lambda _: None)


def with_progress(state: EmulatorState, arn: str, work: Callable[[Progress], T]) -> T:
    """The result of `work`, whose stages are shown in the state while it runs. arn: of the resource it is for.

    Raises:
        JobStopped: between two stages, when a stop was asked for, or the emulator was reset or closed.
    """
    entry = state.job_entry(arn) or JobEntry()

    def report(stage: str, share: float) -> None:
        if entry.stop.is_set() or state.jobs.closed:
            raise JobStopped(f"stopped before {stage}")
        entry.progress = ShownProgress(stage, share)
        state.logs.report(arn, stage, share)
        log.debug("%s: %s, %d%%", arn, stage, round(100 * share))

    try:
        return work(report)
    finally:
        entry.progress = None
