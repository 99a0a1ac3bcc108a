"""Operations on solutions: a recipe and its configuration for the data of one group (R-SOL, spec 07 section 1)."""

from __future__ import annotations

from itertools import chain
from typing import Any

from personalize_emu.data.schemas.dataset_types import INTERACTIONS
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts, recipe_by_arn
from personalize_emu.service.configuration.solution_config import (
    NO_INTERACTIONS,
    check_solution,
    check_solution_update,
    schedule_days,
    shown_solution_config,
)
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.core.group_keys import require_loaded_data
from personalize_emu.service.datasets.datasets import (
    dataset_of_type,
    records_of_group,
    schemas_of_group,
    unfinished_batch_jobs,
)
from personalize_emu.service.deployments.campaigns import served_versions
from personalize_emu.service.lifecycle.creation import create, require_active
from personalize_emu.service.lifecycle.deletion import begin_deletion, refuse_while_in_use, require_deletable
from personalize_emu.service.lifecycle.updates import begin_update, require_no_update
from personalize_emu.service.recipes import require_type, required_recipe
from personalize_emu.service.solutions.auto_training import schedule_training
from personalize_emu.service.state.training_selection import columns_of
from personalize_emu.service.training.schedule import cancel_training
from personalize_emu.service.training.versions import versions_of
from personalize_emu.state.jobs import no_work
from personalize_emu.state.lifecycle import ACTIVE, CREATE_STOPPING, CREATING
from personalize_emu.state.resources import (
    Campaign,
    DatasetGroup,
    Document,
    Solution,
)
from personalize_emu.wire.errors import InvalidInputException


def create_solution(context: Context, params: Params) -> dict[str, Any]:
    """ACTIVE at once (R-SOL-5)."""
    if "recipeArn" in params:
        require_type(params["recipeArn"], "recipe")
    group = context.get(DatasetGroup, params["datasetGroupArn"])
    recipe = required_recipe(params["recipeArn"]) if "recipeArn" in params else None
    require_active(group)
    schemas = schemas_of_group(context, group.arn)
    check_solution(recipe, params, schemas, legacy=context.settings.legacy_recipes)
    _require_data(context, group, recipe)
    solution = create(
        context,
        Solution,
        params,
        dataset_group_arn=group.arn,
        recipe_arn=params.get("recipeArn"),
        # T-40: AutoML always tunes what it chooses.
        perform_hpo=params.get("performHPO", False) or params.get("performAutoML", False),
        perform_auto_ml=params.get("performAutoML", False),
        perform_auto_training=params.get("performAutoTraining", True),
        perform_incremental_update=params.get("performIncrementalUpdate"),
        event_type=params.get("eventType"),
        solution_config=_shown_config(params, recipe),
        status=ACTIVE,
    )
    context.state.solutions[solution.arn].known_columns = columns_of(schemas)
    context.state.store.touch(solution.arn)
    if solution.perform_auto_training:
        schedule_training(context, solution.arn)
    return {"solutionArn": solution.arn}


def describe_solution(context: Context, params: Params) -> dict[str, Any]:
    solution = context.get(Solution, params["solutionArn"])
    members = solution.members()
    versions = versions_of(context, solution)
    if versions:
        members["latestSolutionVersion"] = versions[-1].members()
    return {"solution": members}


def list_solutions(context: Context, params: Params) -> dict[str, Any]:
    return context.list_page(records_of_group(context, Solution, params), params, "solutions", query="ListSolutions")


def delete_solution(context: Context, params: Params) -> None:
    """Deletes its versions too; campaigns, running versions and batch jobs prevent it (R-SOL-17, R-SOL-23)."""
    solution = context.get(Solution, params["solutionArn"])
    require_deletable(solution)
    require_no_update(solution, solution.latest_solution_update)
    versions = versions_of(context, solution)
    arns = {version.arn for version in versions}
    busy = (version for version in versions if version.status in CREATING | {CREATE_STOPPING})
    campaigns = (campaign for campaign in context.all(Campaign) if not arns.isdisjoint(served_versions(campaign)))
    refuse_while_in_use(solution, next(chain(busy, campaigns, unfinished_batch_jobs(context, arns)), None))
    cancel_training(context, solution.arn)
    begin_deletion(context, solution)


def _require_data(context: Context, group: DatasetGroup, recipe: RecipeFacts | None) -> None:
    """Interactions, imported or streamed, are required, but for semantic similarity (R-SOL-12)."""
    if recipe is not None and recipe.name == "aws-semantic-similarity":
        return
    require_loaded_data(context, group.arn)
    dataset = dataset_of_type(context, group.arn, INTERACTIONS)
    contents = context.state.contents(dataset.arn) if dataset else None
    if contents is None or not contents.has_interactions:
        raise InvalidInputException(NO_INTERACTIONS)


def _shown_config(params: Params, recipe: RecipeFacts | None) -> Any:
    """As in the request; without one `{}`, and absent for user segmentation (R-SOL-24)."""
    if "solutionConfig" in params:
        return shown_solution_config(recipe, params["solutionConfig"])
    return None if recipe is not None and recipe.recipe_type == "USER_SEGMENTATION" else {}


_UPDATABLE = ("performAutoTraining", "performIncrementalUpdate", "solutionUpdateConfig")


def update_solution(context: Context, params: Params) -> dict[str, Any]:
    """The old configuration applies until the update is ACTIVE (R-SOL-13 to R-SOL-16, R-SOL-22, T-53)."""
    solution = context.get(Solution, params["solutionArn"])
    recipe = recipe_by_arn(solution.recipe_arn or "")
    require_active(solution)
    require_no_update(solution, solution.latest_solution_update)
    check_solution_update(recipe, solution.event_type, params, schemas_of_group(context, solution.dataset_group_arn))
    target = {member: params[member] for member in _UPDATABLE if member in params}

    def updated(current: Solution, _: None) -> dict[str, Any]:
        _adjust_schedule(context, current, target)
        return _changed_fields(current, target) | {"last_updated_date_time": context.clock.now()}

    begin_update(context, solution, "latest_solution_update", target, no_work, updated)
    return {"solutionArn": solution.arn}


def _changed_fields(solution: Solution, target: Document) -> dict[str, Any]:
    """Members missing in the update keep their values (R-SOL-22)."""
    return {
        "perform_auto_training": target.get("performAutoTraining", solution.perform_auto_training),
        "perform_incremental_update": target.get("performIncrementalUpdate", solution.perform_incremental_update),
        "solution_config": _changed_config(solution, target),
    }


def _changed_config(solution: Solution, target: Document) -> Document | None:
    changes = target.get("solutionUpdateConfig", {})
    return {**(solution.solution_config or {}), **changes} if changes else solution.solution_config


def _adjust_schedule(context: Context, solution: Solution, target: Document) -> None:
    """A new frequency restarts the schedule, and so does switching it on (R-SOL-15)."""
    trains = target.get("performAutoTraining", solution.perform_auto_training)
    before = schedule_days(solution.solution_config or {})
    after = schedule_days(_changed_config(solution, target) or {})
    if not trains:
        cancel_training(context, solution.arn)
    elif after != before or not solution.perform_auto_training:
        schedule_training(context, solution.arn)
