"""The versions of a solution, and whether they may be deployed or asked in bulk."""

from __future__ import annotations

from personalize_emu.service.core.context import Context
from personalize_emu.service.lifecycle.changes import require_active
from personalize_emu.state.resources import Solution, SolutionVersion


def versions_of(context: Context, solution: Solution) -> list[SolutionVersion]:
    """Oldest first."""
    return [v for v in context.all(SolutionVersion) if v.solution_arn == solution.arn]


def require_trained(context: Context, version: SolutionVersion) -> None:
    """A version that work is about to stand on must be ACTIVE, and must not be going with its solution (R-GEN-20)."""
    require_active(version)
    require_active(context.get(Solution, version.solution_arn))
