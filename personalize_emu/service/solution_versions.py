"""Solution versions: training runs and their metrics (R-SV, spec 07)."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from personalize_emu.data.dataset_types import INTERACTIONS, ITEMS
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.service.campaign_updates import begin_update
from personalize_emu.service.changes import begin_creation, require_active
from personalize_emu.service.context import Context, Params, already_exists
from personalize_emu.service.datasets import dataset_of_type
from personalize_emu.service.recipe_catalog import recipe_by_arn
from personalize_emu.service.solution_config import NO_INTERACTIONS
from personalize_emu.service.solutions import versions_of
from personalize_emu.service.tags import checked_tags
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.service.training import TrainingInput, train_version
from personalize_emu.service.world import Progress
from personalize_emu.state.lifecycle import ACTIVE, CREATE_PENDING, FAILED
from personalize_emu.state.resources import Campaign, Solution, SolutionVersion
from personalize_emu.wire.errors import (
    InvalidInputException,
    NotImplementedException,
    ResourceInUseException,
    ResourceNotFoundException,
)

log = logging.getLogger(__name__)
_INTERACTIONS_A_MACHINE_HOUR = 1_000_000


def create_solution_version(context: Context, params: Params) -> dict[str, Any]:
    tags = checked_tags(params)
    solution = context.get(Solution, params["solutionArn"])
    require_active(solution)
    mode = params.get("trainingMode", "FULL")
    source = _training_input(context, solution, mode)
    suffix = context.identifiers.suffix()
    name = params.get("name")
    if name is not None and any(v.name == name for v in versions_of(context, solution)):
        raise already_exists(f"{solution.arn}/{name}")
    now = context.clock.now()
    version = SolutionVersion(
        name=name or f"{solution.name}/{suffix}",
        solution_version_arn=f"{solution.arn}/{suffix}",
        solution_arn=solution.arn,
        dataset_group_arn=solution.dataset_group_arn,
        perform_hpo=solution.perform_hpo,
        perform_auto_ml=solution.perform_auto_ml,
        perform_incremental_update=solution.perform_incremental_update,
        recipe_arn=solution.recipe_arn,
        event_type=solution.event_type,
        solution_config=solution.solution_config,
        training_mode=mode,
        training_type="MANUAL",
        status=CREATE_PENDING,
        creation_date_time=now,
        last_updated_date_time=now,
    )
    context.insert(version, tags)
    begin_creation(
        context, version, partial(_train, context, version, source), partial(_deploy, context, version)
    )
    return {"solutionVersionArn": version.arn}


def describe_solution_version(context: Context, params: Params) -> dict[str, Any]:
    version = context.get(SolutionVersion, params["solutionVersionArn"])
    return {"solutionVersion": version.members()}


def list_solution_versions(context: Context, params: Params) -> dict[str, Any]:
    """Oldest first; an unknown solution is an error here, unlike in other lists (P-44, P-73)."""
    versions = context.all(SolutionVersion)
    if "solutionArn" in params:
        versions = versions_of(context, context.get(Solution, params["solutionArn"]))
    return context.list_page(
        versions, params, "solutionVersions", query="ListSolutionVersions", newest_first=False
    )


def get_solution_metrics(context: Context, params: Params) -> dict[str, Any]:
    """M-1, R-SV-16."""
    version = context.get(SolutionVersion, params["solutionVersionArn"])
    trained = context.world.trained.get(version.arn)
    if version.status == ACTIVE and trained is not None:
        return {"solutionVersionArn": version.arn, "metrics": dict(trained.metrics)}
    text = f"Resource {version.arn} is in {version.status} state."
    if version.status in FAILED:
        raise ResourceNotFoundException(text)
    raise ResourceInUseException(text)


def _training_input(context: Context, solution: Solution, mode: str) -> TrainingInput:
    """Fix what is trained on; raises NotImplementedException for what no recipe here can do yet."""
    config = dict(solution.solution_config or {})
    facts = recipe_by_arn(solution.recipe_arn or "")
    recipe = recipe_named(facts.name) if facts else None
    if solution.perform_auto_ml or facts is None:
        raise NotImplementedException("personalize-emu does not implement AutoML yet.")
    if recipe is None:
        raise NotImplementedException(f"personalize-emu cannot train {facts.name} yet.")
    if solution.perform_hpo:
        raise NotImplementedException("personalize-emu does not implement performHPO yet.")
    if "optimizationObjective" in config:
        raise NotImplementedException("personalize-emu does not implement optimizationObjective yet.")
    if mode == "UPDATE":
        _refuse_update(context, solution, facts.name)
    dataset = dataset_of_type(context, solution.dataset_group_arn, INTERACTIONS)
    if dataset is None or dataset.arn not in context.world.contents:
        raise InvalidInputException(NO_INTERACTIONS)
    items = dataset_of_type(context, solution.dataset_group_arn, ITEMS)
    return TrainingInput(
        facts=facts,
        recipe=recipe,
        config=config,
        event_type=solution.event_type,
        interactions_arn=dataset.arn,
        interactions=context.world.contents[dataset.arn],
        items=context.world.contents.get(items.arn) if items else None,
        seed=context.settings.seed,
    )


def _refuse_update(context: Context, solution: Solution, recipe_name: str) -> None:
    """UPDATE is for User-Personalization with an ACTIVE full version (T-70, T-71)."""
    full = [v for v in versions_of(context, solution) if v.status == ACTIVE and v.training_mode != "UPDATE"]
    if recipe_name != "aws-user-personalization" or not full:
        raise InvalidInputException(
            "Training mode UPDATE requires an ACTIVE solution version trained with FULL and a recipe "
            "that supports it."
        )
    raise NotImplementedException("personalize-emu does not implement training mode UPDATE yet.")


def _train(context: Context, version: SolutionVersion, source: TrainingInput) -> TrainedVersion:
    running = context.world.progress

    def report(stage: str, share: float) -> None:
        running[version.arn] = Progress(stage, share)
        log.debug("%s: %s, %d%%", version.arn, stage, round(100 * share))

    try:
        return train_version(source, report)
    finally:
        running.pop(version.arn, None)


def _deploy(context: Context, version: SolutionVersion, trained: TrainedVersion) -> dict[str, Any]:
    context.world.trained[version.arn] = trained
    for campaign in context.all(Campaign):
        _sync(context, campaign, version)
    return {"training_hours": training_hours(trained)}


def _sync(context: Context, campaign: Campaign, version: SolutionVersion) -> None:
    """A campaign in sync follows to each newer version (R-CMP-8)."""
    config = campaign.campaign_config or {}
    follows = config.get("syncWithLatestSolutionVersion") and campaign.solution_version_arn.startswith(
        version.solution_arn + "/"
    )
    if follows and campaign.status == ACTIVE:
        target = {
            "solutionVersionArn": version.arn,
            "minProvisionedTPS": campaign.min_provisioned_tps,
            "campaignConfig": campaign.campaign_config,
        }
        begin_update(context, campaign, target)
        context.run_deferred()


def training_hours(trained: TrainedVersion) -> float:
    """Machine hours with three decimals (R-SV-7).

    A function of the amount of data and not of the time taken, so that the same calls give the same answer.
    """
    return max(round(len(trained.data.users) / _INTERACTIONS_A_MACHINE_HOUR, 3), 0.001)
