"""After a restart: what was under way is ended or begun again, and schedules go on.

| found                               | becomes                                                          |
| ----------------------------------- | ---------------------------------------------------------------- |
| a job of a kind in operations.RESUMED | CREATE PENDING (PENDING), to be begun again; see MOST_RESTARTS |
| being created (a data deletion: run)| CREATE FAILED (FAILED), with RESTARTED as the reason             |
| being stopped                       | CREATE STOPPED                                                   |
| being updated                       | in use as before the update, which has failed                    |
| a recommender being switched        | INACTIVE or ACTIVE, as was asked for                             |
| being deleted                       | removed                                                          |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from personalize_emu.durability.encryption.locked_groups import RESTARTED, Node
from personalize_emu.durability.entries import refreshed_version
from personalize_emu.service.attribution.event_attribution import begin_publication
from personalize_emu.service.core.context import Context
from personalize_emu.service.datasets.event_trackers import remove_event_dataset
from personalize_emu.service.deployments.recommender_training import RecommenderTraining, resume_retraining
from personalize_emu.service.refresh.refresh import resume
from personalize_emu.service.solutions.auto_training import resume_schedule
from personalize_emu.service.solutions.version_training import VersionTraining
from personalize_emu.service.training.training_job import TrainingJob
from personalize_emu.state.lifecycle import (
    ACTIVE,
    CREATE_FAILED,
    CREATE_STOPPED,
    CREATE_STOPPING,
    CREATING,
    DELETING,
    INACTIVE,
    START_IN_PROGRESS,
    START_PENDING,
    STOP_IN_PROGRESS,
    STOP_PENDING,
    UPDATE_FAILED,
    UPDATING,
    course_of,
)
from personalize_emu.state.resources import (
    Campaign,
    Dataset,
    DatasetGroup,
    MetricAttribution,
    Recommender,
    Resource,
    Solution,
    SolutionVersion,
    Stateful,
)
from personalize_emu.wire.errors import AwsError

MOST_RESTARTS = 3
"""A job at work at more restarts than these fails: it may be what ends the process."""
_ENDED: Mapping[str, str] = MappingProxyType(
    {
        CREATE_STOPPING: CREATE_STOPPED,
        STOP_PENDING: INACTIVE,
        STOP_IN_PROGRESS: INACTIVE,
        START_PENDING: ACTIVE,
        START_IN_PROGRESS: ACTIVE,
    }
)
_UPDATES: Mapping[type[Resource], str] = MappingProxyType(
    {
        Solution: "latest_solution_update",
        Campaign: "latest_campaign_update",
        Recommender: "latest_recommender_update",
    }
)

ContextOf = Callable[[str], Context]
"""Given the ARN of a resource, a context of its account and region."""
Resume = Callable[[Context, Any], None]
"""Begins a job again; raises AwsError."""
ResumedKinds = Mapping[type[Resource], Resume]


@dataclass(frozen=True)
class Ended:
    """How many creations and updates have failed, and how many deletions were finished.

    unfinished: jobs that are to be begun again, oldest first.
    """

    failed: int
    deleted: int
    unfinished: tuple[Stateful, ...] = ()


def end_what_was_under_way(context_of: ContextOf, records: list[Resource], resumed: ResumedKinds) -> Ended:
    """records: all there are, oldest first. resumed: kinds of jobs that are begun again."""
    failed = deleted = 0
    unfinished: list[Stateful] = []
    for record in records:
        context = context_of(record.arn)
        if context.state.store.find(record.arn) is None:
            # It went with what it belongs to.
            continue
        if isinstance(record, Stateful) and type(record) in resumed and _is_to_be_resumed(context, record):
            unfinished.append(record)
            continue
        if isinstance(record, Stateful) and record.status in DELETING:
            if isinstance(record, DatasetGroup):
                remove_event_dataset(context, record)
            context.state.store.remove(record)
            deleted += 1
            continue
        changes = _changes(record)
        if changes:
            context.state.store.change(record, **changes, last_updated_date_time=context.clock.now())
            failed += 1
    return Ended(failed, deleted, tuple(unfinished))


def _is_to_be_resumed(context: Context, job: Stateful) -> bool:
    """Whether a job is to be begun again; then its record becomes as it was after its creation."""
    course, entry = course_of(job.kind), context.state.restarts[job.arn]
    if job.status not in course.under_way:
        return False
    # Jobs that have only waited can be waited for any number of times.
    entry.times += job.status == course.in_progress
    if entry.times > MOST_RESTARTS:
        return False
    context.state.store.change(job, status=course.pending)
    return True


def resume_jobs(context_of: ContextOf, jobs: Sequence[Stateful], resumed: ResumedKinds) -> None:
    """Begin jobs again in the background, in this order. What they read must be there."""
    for job in jobs:
        context = replace(context_of(job.arn), in_background=True)
        try:
            with context.state.store.lock:
                resumed[type(job)](context, job)
        except AwsError as error:
            # What it needs has been deleted.
            failed = course_of(job.kind).failed
            context.state.store.change(
                job, status=failed, failure_reason=str(error), last_updated_date_time=context.clock.now()
            )
        context.aws_services.release()
        context.run_deferred()


def _changes(record: Resource) -> dict[str, Any]:
    """Fields of a record that was under way; none for others."""
    if not isinstance(record, Stateful):
        return {}
    if record.status in course_of(record.kind).under_way:
        return {"status": course_of(record.kind).failed, "failure_reason": RESTARTED}
    if isinstance(record, Dataset) and record.status in UPDATING:
        ended = {"status": UPDATE_FAILED, "failureReason": RESTARTED}
        return {"status": ACTIVE, "latest_dataset_update": {**(record.latest_dataset_update or {}), **ended}}
    changes: dict[str, Any] = {"status": _ENDED[record.status]} if record.status in _ENDED else {}
    member = _UPDATES.get(type(record))
    update = None if member is None else getattr(record, member)
    if member is not None and update is not None and update["status"] in CREATING:
        changes[member] = {**update, "status": CREATE_FAILED, "failureReason": RESTARTED}
    return changes


def go_on(context_of: ContextOf, nodes: Mapping[str, Node]) -> None:
    """Take up the schedules of trainings, refreshes and publications. nodes: the entries as read, by ARN."""
    for arn in nodes:
        context = context_of(arn)
        record = context.state.store.find(arn)
        with context.state.store.lock:
            if isinstance(record, Recommender):
                _train_later(context, arn, resume_retraining)
            if isinstance(record, Solution):
                _train_later(context, arn, resume_schedule)
        context.run_deferred()
    go_on_with_data(context_of, nodes)


def go_on_with_data(context_of: ContextOf, nodes: Mapping[str, Node]) -> None:
    """The part of `go_on` that needs data, which may be encrypted."""
    for arn, node in nodes.items():
        context = context_of(arn)
        record = context.state.store.find(arn)
        with context.state.store.lock:
            if isinstance(record, SolutionVersion) and "refresh" in node:
                _refresh(VersionTraining(context, (), record), refreshed_version(node))
            if isinstance(record, Recommender) and "refresh" in node:
                _refresh(RecommenderTraining(context, (), record), refreshed_version(node))
        if isinstance(record, MetricAttribution):
            ledger = context.state.attributions[arn].ledger
            if ledger is not None and ledger.kept().sums:
                begin_publication(context, ledger)
        context.run_deferred()


def _train_later(context: Context, arn: str, schedule: Callable[[Context, str, Any], None]) -> None:
    entry = context.state.trainable_entry(arn)
    if entry is not None and entry.due_training is not None:
        schedule(context, arn, entry.due_training)


def _refresh(training: TrainingJob, data_version: object) -> None:
    try:
        source = training.current_input()
    except AwsError:
        # What it was trained on is gone, so there is nothing to follow.
        return
    resume(training.context, training.arn, source, training.current_input, data_version)
