"""UpdateSolution: the few things of a solution that can change (R-SOL-13 to R-SOL-16, R-SOL-22, T-53)."""

from __future__ import annotations

from typing import Any

from personalize_emu.service.auto_training import cancel_training, schedule_training
from personalize_emu.service.changes import require_active
from personalize_emu.service.context import Context, Params
from personalize_emu.service.datasets import schemas_of_group
from personalize_emu.service.recipe_catalog import recipe_by_arn
from personalize_emu.service.solution_config import check_solution_update, schedule_days
from personalize_emu.service.updates import begin_update, require_no_update
from personalize_emu.state.jobs import no_work
from personalize_emu.state.resources import Document, Solution

_UPDATABLE = ("performAutoTraining", "performIncrementalUpdate", "solutionUpdateConfig")


def update_solution(context: Context, params: Params) -> dict[str, Any]:
    """The old configuration applies until the update is ACTIVE (R-SOL-15)."""
    solution = context.get(Solution, params["solutionArn"])
    recipe = recipe_by_arn(solution.recipe_arn or "")
    require_active(solution)
    require_no_update(solution, solution.latest_solution_update)
    check_solution_update(recipe, solution.event_type, params, schemas_of_group(context, solution.dataset_group_arn))
    target = {member: params[member] for member in _UPDATABLE if member in params}

    def updated(current: Solution, _: None) -> dict[str, Any]:
        _follow_schedule(context, current, target)
        return _changed_fields(current, target) | {"last_updated_date_time": context.clock.now()}

    begin_update(context, solution, "latest_solution_update", target, no_work, updated)
    return {"solutionArn": solution.arn}


def _changed_fields(solution: Solution, target: Document) -> dict[str, Any]:
    """Members that the update does not name keep their values (R-SOL-22)."""
    return {
        "perform_auto_training": target.get("performAutoTraining", solution.perform_auto_training),
        "perform_incremental_update": target.get("performIncrementalUpdate", solution.perform_incremental_update),
        "solution_config": _changed_config(solution, target),
    }


def _changed_config(solution: Solution, target: Document) -> Document | None:
    changes = target.get("solutionUpdateConfig", {})
    return {**(solution.solution_config or {}), **changes} if changes else solution.solution_config


def _follow_schedule(context: Context, solution: Solution, target: Document) -> None:
    """A new frequency starts the schedule again, and so does switching it on (R-SOL-15)."""
    trains = target.get("performAutoTraining", solution.perform_auto_training)
    before = schedule_days(solution.solution_config or {})
    after = schedule_days(_changed_config(solution, target) or {})
    if not trains:
        cancel_training(context, solution.arn)
    elif after != before or not solution.perform_auto_training:
        schedule_training(context, solution.arn)
