"""Batch inference and batch segment jobs as resources: what a request may ask for, and what clients see (spec 11).

The jobs themselves are in personalize_emu/batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from personalize_emu.filters.check import EVENTS, CheckedFilter
from personalize_emu.filters.errors import InvalidExpression
from personalize_emu.s3_locations import InvalidLocation, Location, parse_location
from personalize_emu.service.access.role_access import READ_AND_WRITE, require_access, require_role
from personalize_emu.service.access.s3_inputs import output_folder
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts, recipe_by_arn
from personalize_emu.service.catalog.recipe_facts import BatchJob as Work
from personalize_emu.service.configuration.campaign_config import check_exploration, check_ranking_influence
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import schemas_of_group
from personalize_emu.service.filters import checked_filter
from personalize_emu.service.lifecycle.creation import create, require_active
from personalize_emu.service.training.versions import require_trained
from personalize_emu.state.resources import BatchInferenceJob, BatchJob, BatchSegmentJob, Filter, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException

J = TypeVar("J", bound=BatchJob)
DEFAULT_RESULTS = 25
"""R-BIJ-7, B-13."""
MOST_USERS = 5_000_000
"""Of one segment (B-13, Q-58)."""
DEFAULT_MODE = "BATCH_INFERENCE"
THEMES = "THEME_GENERATION"
BY_ATTRIBUTE = "aws-item-attribute-affinity"


@dataclass(frozen=True)
class JobLocations:
    """source: an object or a folder. folder: for the output; its key is empty or ends with a slash."""

    source: Location
    folder: Location


def requested_locations(job_input: Params, job_output: Params) -> JobLocations:
    """Raises InvalidInputException: wrong syntax, or output where the input is (B-4, B-12, E-16)."""
    path = job_input["s3DataSource"]["path"]
    try:
        source = parse_location(path)
    except InvalidLocation as error:
        raise InvalidInputException("Invalid S3 input path") from error
    folder = output_folder(job_output["s3DataDestination"]["path"])
    if folder == output_folder(path):
        raise InvalidInputException("Invalid S3 output path")
    return JobLocations(source, folder)


def job_locations(job: BatchJob) -> JobLocations:
    """Those of a job, whose request has been checked."""
    return requested_locations(job.job_input, job.job_output)


def requested_resources(context: Context, params: Params) -> tuple[SolutionVersion, Filter | None]:
    """The version of a request, and its filter if it names one; checked before anything else (P-56).

    Raises:
        ResourceNotFoundException: one of them does not exist.
        ResourceInUseException, InvalidInputException: one of them is not ACTIVE (R-GEN-20).
    """
    version_arn, record = params["solutionVersionArn"], None
    if "filterArn" in params:
        version, record = context.get_two((SolutionVersion, version_arn), (Filter, params["filterArn"]))
    else:
        version = context.get(SolutionVersion, version_arn)
    require_trained(context, version)
    if record is not None:
        require_active(record)
    return version, record


def require_batch_recipe(version: SolutionVersion, work: Work) -> RecipeFacts:
    """Raises InvalidInputException: the recipe is for other jobs, or for none (B-2, B-13, R-20)."""
    recipe = recipe_by_arn(version.recipe_arn or "")
    if recipe is None or recipe.batch != work:
        name = recipe.name if recipe else version.recipe_arn
        raise InvalidInputException(f"Recipe {name} does not support batch {work} jobs.")
    return recipe


def requested_count(params: Params, most: int | None = None) -> int:
    """0 means the default, as in requests (RT-21). Raises InvalidInputException: out of bounds (B-6, B-13)."""
    count: int = params.get("numResults", 0)
    if count < 0:
        raise InvalidInputException("numResults must not be negative")
    if most is not None and count > most:
        raise InvalidInputException(f"numResults must be between 1 and {most}")
    return count or DEFAULT_RESULTS


def checked_job_filter(
    context: Context, record: Filter | None, version: SolutionVersion, entity: str
) -> CheckedFilter | None:
    """The filter of a request, checked against its group; None without one. entity: ItemID or UserID, as it must have.

    Raises:
        InvalidInputException: it is of another dataset group (B-7), of another entity (F-81), or no longer fits
            the schemas of the group.
    """
    if record is None:
        return None
    if record.dataset_group_arn != version.dataset_group_arn:
        raise InvalidInputException(f"Filter {record.arn} belongs to another dataset group")
    try:
        checked = checked_filter(context, record.dataset_group_arn, record.filter_expression)
    except InvalidExpression as error:
        raise InvalidInputException(str(error)) from error
    if checked.entity != entity:
        raise InvalidInputException(f"Filter {record.arn} is for {checked.entity}, not for {entity}")
    return checked


def jobs_of_version(context: Context, kind: type[J], params: Params) -> list[J]:
    """The jobs of the version that a List operation names, or of all versions."""
    jobs = context.all(kind)
    if "solutionVersionArn" not in params:
        return jobs
    context.find(SolutionVersion, params["solutionVersionArn"])
    return [job for job in jobs if job.solution_version_arn == params["solutionVersionArn"]]


def require_bucket_access(context: Context, role_arn: str, locations: JobLocations) -> None:
    """Raises as require_role and require_access, which see."""
    require_role(context, role_arn)
    require_access(context, role_arn, READ_AND_WRITE, locations.source.bucket, [locations.source.key])
    require_access(context, role_arn, READ_AND_WRITE, locations.folder.bucket, [locations.folder.key])


def insert_batch_inference_job(context: Context, params: Params) -> BatchInferenceJob:
    """Check a CreateBatchInferenceJob request and insert the record.

    Locations are only parsed; the job reads what is there (B-16).
    """
    version, record = requested_resources(context, params)
    recipe = require_batch_recipe(version, "inference")
    count = requested_count(params)
    locations = requested_locations(params["jobInput"], params["jobOutput"])
    _check_config(context, recipe, version, params)
    checked_job_filter(context, record, version, "ItemID")
    _check_themes(context, recipe, version, params)
    require_bucket_access(context, params["roleArn"], locations)
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
    jobs = jobs_of_version(context, BatchInferenceJob, params)
    return context.list_page(jobs, params, "batchInferenceJobs", query="ListBatchInferenceJobs")


def _check_config(context: Context, recipe: RecipeFacts, version: SolutionVersion, params: Params) -> None:
    """B-8."""
    config = params.get("batchInferenceJobConfig", {})
    check_exploration(recipe, config.get("itemExplorationConfig", {}))
    schemas = schemas_of_group(context, version.dataset_group_arn)
    check_ranking_influence(recipe, config.get("rankingInfluence", {}), schemas)


def _check_themes(context: Context, recipe: RecipeFacts, version: SolutionVersion, params: Params) -> None:
    """Raises InvalidInputException for a theme configuration that does not fit (B-10, B-60)."""
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


def insert_batch_segment_job(context: Context, params: Params) -> tuple[BatchSegmentJob, CheckedFilter | None]:
    """Check a CreateBatchSegmentJob request and insert the record; returned with its checked filter."""
    version, record = requested_resources(context, params)
    recipe = require_batch_recipe(version, "segment")
    count = requested_count(params, MOST_USERS)
    locations = requested_locations(params["jobInput"], params["jobOutput"])
    checked = checked_job_filter(context, record, version, "UserID")
    if checked is not None and recipe.name == BY_ATTRIBUTE and any(c.owner in EVENTS for c in checked.columns):
        raise InvalidInputException(f"Recipe {recipe.name} does not support filters on interactions.")
    require_bucket_access(context, params["roleArn"], locations)
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


def checked_segment_filter(context: Context, job: BatchSegmentJob) -> CheckedFilter | None:
    """The filter of a job that has been created. Raises AwsError: it is gone, or does not fit the schemas any more."""
    version = context.get(SolutionVersion, job.solution_version_arn)
    record = None if job.filter_arn is None else context.get(Filter, job.filter_arn)
    return checked_job_filter(context, record, version, "UserID")


def describe_batch_segment_job(context: Context, params: Params) -> dict[str, Any]:
    return {"batchSegmentJob": context.get(BatchSegmentJob, params["batchSegmentJobArn"]).members()}


def list_batch_segment_jobs(context: Context, params: Params) -> dict[str, Any]:
    jobs = jobs_of_version(context, BatchSegmentJob, params)
    return context.list_page(jobs, params, "batchSegmentJobs", query="ListBatchSegmentJobs")
