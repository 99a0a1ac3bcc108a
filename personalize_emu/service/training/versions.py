"""Versions of a solution: all, the latest, and whether one can be used by campaigns and batch jobs."""

from __future__ import annotations

from personalize_emu.service.core.context import Context
from personalize_emu.service.lifecycle.creation import require_active
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Solution, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException


def versions_of(context: Context, solution: Solution) -> list[SolutionVersion]:
    """Oldest first."""
    return [v for v in context.all(SolutionVersion) if v.solution_arn == solution.arn]


def latest_version(context: Context, solution: Solution) -> SolutionVersion:
    """The newest ACTIVE one, without any the newest (R-CMP-6). Raises InvalidInputException: there is none."""
    versions = versions_of(context, solution)
    if not versions:
        raise InvalidInputException(f"Solution {solution.arn} has no solution version.")
    active = [version for version in versions if version.status == ACTIVE]
    return (active or versions)[-1]


def newest_full_version(context: Context, solution: Solution) -> TrainedVersion | None:
    """What the newest ACTIVE version that was not trained with UPDATE answers from."""
    full = [v for v in versions_of(context, solution) if v.status == ACTIVE and v.training_mode != "UPDATE"]
    return context.state.trained(full[-1].arn) if full else None


def require_trained(context: Context, version: SolutionVersion) -> None:
    """What campaigns and batch jobs need: an ACTIVE version of a solution that is not being deleted (R-GEN-20)."""
    require_active(version)
    require_active(context.get(Solution, version.solution_arn))
