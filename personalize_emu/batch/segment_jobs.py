"""CreateBatchSegmentJob: validates the request and runs the job."""

from __future__ import annotations

from functools import partial
from typing import Any

from personalize_emu.batch.executors import workers_at
from personalize_emu.batch.segment_users import current_users, user_filter
from personalize_emu.batch.segments import Segments
from personalize_emu.batch.transfer import transfer
from personalize_emu.filters.check import CheckedFilter
from personalize_emu.recipes.contract.base import Progress
from personalize_emu.recipes.segments import SegmentModel
from personalize_emu.runtime.filtering import group_of
from personalize_emu.service.batch_jobs import checked_segment_filter, insert_batch_segment_job
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.lifecycle.creation import begin_creation, with_progress
from personalize_emu.state.resources import BatchSegmentJob

MOST_ITEMS = 500
MOST_ATTRIBUTES = 10
"""Maximum number of queries of an input file (B-20, Q-57)."""


def create_batch_segment_job(context: Context, params: Params) -> dict[str, Any]:
    job, checked = insert_batch_segment_job(context, params)
    _begin(context, job, checked)
    return {"batchSegmentJobArn": job.arn}


def resume_batch_segment_job(context: Context, job: BatchSegmentJob) -> None:
    """Begin a job again that a restart has interrupted. Raises AwsError: what it needs is gone."""
    _begin(context, job, checked_segment_filter(context, job))


def _begin(context: Context, job: BatchSegmentJob, checked: CheckedFilter | None) -> None:
    answer = partial(_answer, context, job, checked)
    begin_creation(context, job, partial(with_progress, context.state, job.arn, answer), lambda _: None)


def _answer(context: Context, job: BatchSegmentJob, checked: CheckedFilter | None, progress: Progress) -> None:
    trained = context.state.versions[job.solution_version_arn].served
    if not isinstance(trained.model, SegmentModel):
        raise TypeError(f"{trained.recipe.name} makes no segments")
    progress("reading histories", 0.0)
    users = current_users(context, trained)
    kept = None
    if checked is not None:
        kept = user_filter(context, checked, group_of(context, trained), trained.interactions_arn, users)
    answer = Segments(trained.model, users, job.num_results, trained.attributes, kept)
    most = MOST_ITEMS if trained.attributes is None else MOST_ATTRIBUTES
    with workers_at(context.settings) as workers:
        transfer(context, job, answer, most_lines=most, workers=workers, progress=progress)
