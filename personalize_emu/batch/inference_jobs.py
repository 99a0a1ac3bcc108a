"""CreateBatchInferenceJob: the request checked, the job begun."""

from __future__ import annotations

from functools import partial
from typing import Any

from personalize_emu.batch.inference import Inference, LineFilter
from personalize_emu.batch.transfer import transfer
from personalize_emu.batch.workers import Workers
from personalize_emu.recipes.base import Progress
from personalize_emu.runtime.exploring import explorer
from personalize_emu.service.batch_inference_jobs import insert_batch_inference_job
from personalize_emu.service.changes import begin_creation
from personalize_emu.service.context import Context, Params
from personalize_emu.service.refreshing import refresh_now
from personalize_emu.service.training_runs import watched
from personalize_emu.state.resources import BatchInferenceJob

MOST_LINES = 50_000_000
"""Of one input file (B-20, Q-56)."""


def create_batch_inference_job(context: Context, params: Params, *, workers: Workers | None = None) -> dict[str, Any]:
    """workers: who computes the answers; by default the thread of the job."""
    job = insert_batch_inference_job(context, params)
    work = partial(_answer, context, job, workers or Workers())
    begin_creation(context, job, partial(watched, context.world, job.arn, work), lambda _: None)
    return {"batchInferenceJobArn": job.arn}


def _answer(context: Context, job: BatchInferenceJob, workers: Workers, progress: Progress) -> None:
    """The latest version is updated first, so that new items can be answered, too (R-72h, B-55)."""
    refresh_now(context.world, job.solution_version_arn)
    trained = context.world.trained[job.solution_version_arn]
    line_filter = LineFilter(context, trained, job.filter_arn) if job.filter_arn else None
    exploring = explorer(context, trained, job.batch_inference_job_config)
    answer = Inference(trained, job.num_results, line_filter, exploring)
    transfer(context, job, answer, most_lines=MOST_LINES, workers=workers, progress=progress)
