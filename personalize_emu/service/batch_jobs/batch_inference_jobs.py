"""Batch inference jobs as resources: what a request may ask for, and what clients see (R-BIJ, spec 11 section 1.1).

What the jobs do is in the batch package.
"""

from __future__ import annotations

from typing import Any

from personalize_emu.service.batch_jobs.batch_requests import (
    jobs_listed,
    meaning_of,
    recipe_for,
    requested_count,
    requested_places,
    requested_resources,
    require_rights,
)
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts
from personalize_emu.service.configuration.campaign_config import check_exploration, check_ranking_influence
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import schemas_of_group
from personalize_emu.service.lifecycle.changes import create
from personalize_emu.state.resources import BatchInferenceJob, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException

DEFAULT_MODE = "BATCH_INFERENCE"
THEMES = "THEME_GENERATION"


def insert_batch_inference_job(context: Context, params: Params) -> BatchInferenceJob:
    """The checks of CreateBatchInferenceJob and its record.

    Looks at the form of the locations only; what is there, the job finds out (B-16).
    """
    version, record = requested_resources(context, params)
    recipe = recipe_for(version, "inference")
    count = requested_count(params)
    places = requested_places(params["jobInput"], params["jobOutput"])
    _check_config(context, recipe, version, params)
    meaning_of(context, record, version, "ItemID")
    _check_themes(context, recipe, version, params)
    require_rights(context, params["roleArn"], places)
    return create(
        context,
        BatchInferenceJob,
        params,
        solution_version_arn=version.arn,
        job_input=params["jobInput"],
        job_output=params["jobOutput"],
        role_arn=params["roleArn"],
        num_results=count,
        filter_arn=params.get("filterArn"),
        batch_inference_job_mode=params.get("batchInferenceJobMode", DEFAULT_MODE),
        batch_inference_job_config=params.get("batchInferenceJobConfig"),
        theme_generation_config=params.get("themeGenerationConfig"),
    )


def describe_batch_inference_job(context: Context, params: Params) -> dict[str, Any]:
    return {"batchInferenceJob": context.get(BatchInferenceJob, params["batchInferenceJobArn"]).members()}


def list_batch_inference_jobs(context: Context, params: Params) -> dict[str, Any]:
    jobs = jobs_listed(context, BatchInferenceJob, params)
    return context.list_page(jobs, params, "batchInferenceJobs", query="ListBatchInferenceJobs")


def _check_config(context: Context, recipe: RecipeFacts, version: SolutionVersion, params: Params) -> None:
    """B-8."""
    config = params.get("batchInferenceJobConfig", {})
    check_exploration(recipe, config.get("itemExplorationConfig", {}))
    schemas = schemas_of_group(context, version.dataset_group_arn)
    check_ranking_influence(recipe, config.get("rankingInfluence", {}), schemas)


def _check_themes(context: Context, recipe: RecipeFacts, version: SolutionVersion, params: Params) -> None:
    """Refuses what cannot be meant (B-10, B-60)."""
    config = params.get("themeGenerationConfig")
    if params.get("batchInferenceJobMode", DEFAULT_MODE) != THEMES:
        return
    if recipe.name != "aws-similar-items":
        raise InvalidInputException(f"Recipe {recipe.name} does not support batchInferenceJobMode {THEMES}.")
    if config is None:
        raise InvalidInputException(f"batchInferenceJobMode {THEMES} requires themeGenerationConfig.")
    column = config["fieldsForThemeGeneration"]["itemName"]
    items = schemas_of_group(context, version.dataset_group_arn).get("ITEMS")
    field = items.field(column) if items is not None else None
    if field is None:
        raise InvalidInputException(f"fieldsForThemeGeneration names no column of ITEMS: {column}.")
    if field.type != "string":
        raise InvalidInputException(f"fieldsForThemeGeneration names a column that is no string: {column}.")
