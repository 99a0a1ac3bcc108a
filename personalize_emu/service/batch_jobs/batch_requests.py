"""What both kinds of batch jobs ask of a request before they begin (spec 11 section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from personalize_emu.filters.check import CheckedFilter
from personalize_emu.filters.errors import InvalidExpression
from personalize_emu.s3_locations import InvalidLocation, Location, parse_location
from personalize_emu.service.access.role_access import READ_AND_WRITE, require_access, require_role
from personalize_emu.service.access.s3_inputs import output_folder
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts, recipe_by_arn
from personalize_emu.service.catalog.recipe_facts import BatchJob as Work
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.filters import checked_filter
from personalize_emu.service.lifecycle.changes import require_active
from personalize_emu.service.training.versions import require_trained
from personalize_emu.state.resources import BatchJob, Filter, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException

J = TypeVar("J", bound=BatchJob)
DEFAULT_RESULTS = 25
"""R-BIJ-7, B-13."""


@dataclass(frozen=True)
class Places:
    """source: an object or a folder. folder: where output goes; its key is empty or ends with a slash."""

    source: Location
    folder: Location


def requested_places(job_input: Params, job_output: Params) -> Places:
    """Raises InvalidInputException: wrong syntax, or output where the input is (B-4, B-12, E-16)."""
    path = job_input["s3DataSource"]["path"]
    try:
        source = parse_location(path)
    except InvalidLocation as error:
        raise InvalidInputException("Invalid S3 input path") from error
    folder = output_folder(job_output["s3DataDestination"]["path"])
    if folder == output_folder(path):
        raise InvalidInputException("Invalid S3 output path")
    return Places(source, folder)


def places_of(job: BatchJob) -> Places:
    """Of a job whose request has been checked."""
    return requested_places(job.job_input, job.job_output)


def requested_resources(context: Context, params: Params) -> tuple[SolutionVersion, Filter | None]:
    """The version of a request, and its filter if it names one: there and ready, before anything else (P-56).

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


def recipe_for(version: SolutionVersion, work: Work) -> RecipeFacts:
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


def meaning_of(
    context: Context, record: Filter | None, version: SolutionVersion, entity: str
) -> CheckedFilter | None:
    """What the filter of a request means, None when there is none. entity: ItemID or UserID, what it must be for.

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


def jobs_listed(context: Context, kind: type[J], params: Params) -> list[J]:
    """Those of the version that a List names, of all versions where it names none."""
    jobs = context.all(kind)
    if "solutionVersionArn" not in params:
        return jobs
    context.find(SolutionVersion, params["solutionVersionArn"])
    return [job for job in jobs if job.solution_version_arn == params["solutionVersionArn"]]


def require_rights(context: Context, role_arn: str, places: Places) -> None:
    """Raises as require_role and require_access, which see."""
    require_role(context, role_arn)
    require_access(context, role_arn, READ_AND_WRITE, places.source.bucket, [places.source.key])
    require_access(context, role_arn, READ_AND_WRITE, places.folder.bucket, [places.folder.key])
