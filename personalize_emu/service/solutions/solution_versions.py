"""Operations on solution versions (R-SV, spec 07 sections 2 and 3)."""

from __future__ import annotations

from typing import Any

from personalize_emu.service.core.context import Context, Params, already_exists
from personalize_emu.service.core.group_keys import require_usable_key
from personalize_emu.service.core.tags import checked_tags
from personalize_emu.service.lifecycle.creation import require_active
from personalize_emu.service.solutions.version_training import begin_training, stop_training, training_inputs
from personalize_emu.service.training.versions import versions_of
from personalize_emu.state.lifecycle import ACTIVE, FAILED
from personalize_emu.state.resources import Solution, SolutionVersion
from personalize_emu.wire.errors import ResourceInUseException, ResourceNotFoundException


def create_solution_version(context: Context, params: Params) -> dict[str, Any]:
    solution = context.get(Solution, params["solutionArn"])
    require_active(solution)
    mode = params.get("trainingMode", "FULL")
    inputs = training_inputs(context, solution, mode)
    tags, name = checked_tags(params), params.get("name")
    if name is not None and any(v.name == name for v in versions_of(context, solution)):
        raise already_exists(f"{solution.arn}/{name}")
    version = begin_training(context, solution, inputs, mode=mode, training_type="MANUAL", name=name, tags=tags)
    return {"solutionVersionArn": version.arn}


def stop_solution_version_creation(context: Context, params: Params) -> None:
    """R-SV-12, T-64."""
    stop_training(context, context.get(SolutionVersion, params["solutionVersionArn"]))


def describe_solution_version(context: Context, params: Params) -> dict[str, Any]:
    version = context.get(SolutionVersion, params["solutionVersionArn"])
    return {"solutionVersion": version.members()}


def list_solution_versions(context: Context, params: Params) -> dict[str, Any]:
    """Oldest first; an unknown solution is an error, unlike in other lists (P-44, P-73)."""
    versions = context.all(SolutionVersion)
    if "solutionArn" in params:
        versions = versions_of(context, context.get(Solution, params["solutionArn"]))
    return context.list_page(
        versions, params, "solutionVersions", query="ListSolutionVersions", newest_first=False
    )


def get_solution_metrics(context: Context, params: Params) -> dict[str, Any]:
    """M-1, R-SV-16."""
    version = context.get(SolutionVersion, params["solutionVersionArn"])
    require_usable_key(context, version)
    trained = context.state.trained(version.arn)
    if version.status == ACTIVE and trained is not None:
        return {"solutionVersionArn": version.arn, "metrics": dict(trained.metrics)}
    text = f"Resource {version.arn} is in {version.status} state."
    if version.status in FAILED:
        raise ResourceNotFoundException(text)
    raise ResourceInUseException(text)
