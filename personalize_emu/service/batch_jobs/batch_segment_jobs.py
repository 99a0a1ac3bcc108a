"""Batch segment jobs as resources: what a request may ask for, and what clients see (R-BSJ, spec 11 section 1.2).

What the jobs do is in the batch package.
"""

from __future__ import annotations

from typing import Any

from personalize_emu.filters.check import EVENTS, CheckedFilter
from personalize_emu.service.batch_jobs.batch_requests import (
    jobs_listed,
    meaning_of,
    recipe_for,
    requested_count,
    requested_places,
    requested_resources,
    require_rights,
)
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.lifecycle.changes import create
from personalize_emu.state.resources import BatchSegmentJob
from personalize_emu.wire.errors import InvalidInputException

MOST_USERS = 5_000_000
"""Of one segment (B-13, Q-58)."""
BY_ATTRIBUTE = "aws-item-attribute-affinity"


def insert_batch_segment_job(context: Context, params: Params) -> tuple[BatchSegmentJob, CheckedFilter | None]:
    """The checks of CreateBatchSegmentJob, its record, and what its filter means."""
    version, record = requested_resources(context, params)
    recipe = recipe_for(version, "segment")
    count = requested_count(params, MOST_USERS)
    places = requested_places(params["jobInput"], params["jobOutput"])
    checked = meaning_of(context, record, version, "UserID")
    if checked is not None and recipe.name == BY_ATTRIBUTE and any(c.owner in EVENTS for c in checked.columns):
        raise InvalidInputException(f"Recipe {recipe.name} does not support filters on interactions.")
    require_rights(context, params["roleArn"], places)
    job = create(
        context,
        BatchSegmentJob,
        params,
        solution_version_arn=version.arn,
        job_input=params["jobInput"],
        job_output=params["jobOutput"],
        role_arn=params["roleArn"],
        num_results=count,
        filter_arn=params.get("filterArn"),
    )
    return job, checked


def describe_batch_segment_job(context: Context, params: Params) -> dict[str, Any]:
    return {"batchSegmentJob": context.get(BatchSegmentJob, params["batchSegmentJobArn"]).members()}


def list_batch_segment_jobs(context: Context, params: Params) -> dict[str, Any]:
    jobs = jobs_listed(context, BatchSegmentJob, params)
    return context.list_page(jobs, params, "batchSegmentJobs", query="ListBatchSegmentJobs")
