"""CreateBatchInferenceJob: validates the request and runs the job."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from personalize_emu.batch.executors import workers_at
from personalize_emu.batch.inference import FilteredItems, Inference, LineFilter
from personalize_emu.batch.themes import Themes, themes_of
from personalize_emu.batch.transfer import transfer
from personalize_emu.data.schemas.columns import ITEM_ID
from personalize_emu.data.schemas.dataset_types import ITEMS
from personalize_emu.recipes.contract.base import Progress
from personalize_emu.runtime.exploration import explorer
from personalize_emu.runtime.filtering import group_of, records_of
from personalize_emu.service.batch_jobs import THEMES, insert_batch_inference_job
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.lifecycle.creation import begin_creation, with_progress
from personalize_emu.service.refresh.refresh import refresh_now
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.resources import BatchInferenceJob

MOST_LINES = 50_000_000
MOST_THEMES = 100
"""Maximum number of lines of an input file, without and with themes (B-20, B-61, Q-56)."""


def create_batch_inference_job(context: Context, params: Params) -> dict[str, Any]:
    job = insert_batch_inference_job(context, params)
    begin_batch_inference_job(context, job)
    return {"batchInferenceJobArn": job.arn}


def begin_batch_inference_job(context: Context, job: BatchInferenceJob) -> None:
    """Begin a job that has been created, or again one that a restart has interrupted."""
    work = partial(_answer, context, job)
    begin_creation(context, job, partial(with_progress, context.state, job.arn, work), lambda _: None)


def _answer(context: Context, job: BatchInferenceJob, progress: Progress) -> None:
    """Update the latest version first, so that new items can be recommended (R-72h, B-55), then process the files."""
    refresh_now(context.state, job.solution_version_arn)
    trained = _with_ranking_influence(job, context.state.versions[job.solution_version_arn].served)
    exploring = explorer(context, trained, job.batch_inference_job_config)
    themes = _themes(context, job, trained, progress) if job.batch_inference_job_mode == THEMES else None
    line_filter = filtered = None
    if job.filter_arn:
        line_filter = LineFilter(context, trained, job.filter_arn)
        records = records_of(context, group_of(context, trained), ITEMS, ITEM_ID)
        filtered = FilteredItems(records, trained.model.catalog)
    answer = Inference(trained, job.num_results, filtered, exploring, themes)
    most = MOST_LINES if themes is None else MOST_THEMES
    with workers_at(context.settings) as workers:
        transfer(context, job, answer, most_lines=most, workers=workers, progress=progress, prepare=line_filter)


def _with_ranking_influence(job: BatchInferenceJob, trained: TrainedVersion) -> TrainedVersion:
    """RT-70."""
    influence = (job.batch_inference_job_config or {}).get("rankingInfluence", {})
    return replace(trained, model=trained.model.influenced(influence))


def _themes(context: Context, job: BatchInferenceJob, trained: TrainedVersion, progress: Progress) -> Themes:
    """Themes from the current items. Raises JobFailed if their dataset has been deleted."""
    progress("reading items", 0.0)
    records = records_of(context, group_of(context, trained), ITEMS, ITEM_ID)
    if records is None or job.theme_generation_config is None:
        raise JobFailed("There is no ITEMS dataset to make themes from.")
    column = job.theme_generation_config["fieldsForThemeGeneration"]["itemName"]
    field = records.schema.field(column)
    return themes_of(records, trained.model.catalog, field.name if field else column)
