"""Training a solution: from its configuration to a version that campaigns can deploy (R-SV, spec 07)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from personalize_emu.data.schemas.dataset_types import INTERACTIONS, ITEMS
from personalize_emu.recipes.contract.base import Kind, Progress
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.tuning import Search
from personalize_emu.service.catalog.recipe_facts import RecipeFacts
from personalize_emu.service.configuration.solution_config import NO_INTERACTIONS
from personalize_emu.service.core.context import Context
from personalize_emu.service.core.tags import Tags
from personalize_emu.service.datasets.datasets import dataset_of_type
from personalize_emu.service.deployments.campaigns import begin_campaign_update, planned_deployment
from personalize_emu.service.lifecycle.changes import begin_creation, create
from personalize_emu.service.recipes import required_recipe
from personalize_emu.service.refresh.refresh import serve
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.trained_version import ItemAttributes, TrainedVersion
from personalize_emu.service.state.training_columns import KnownColumns
from personalize_emu.service.training.action_records import actions_of_group
from personalize_emu.service.training.model_selection import (
    CHOOSING,
    auto_ml_search,
    candidates_of,
    chosen_source,
    metric_of,
    requested_search,
)
from personalize_emu.service.training.training import TrainingInput, train_version, watched
from personalize_emu.service.training.training_inputs import item_attributes, metadata_reading, objective_along
from personalize_emu.service.training.versions import versions_of
from personalize_emu.state.jobs import Job, WorkerPool, no_work
from personalize_emu.state.lifecycle import (
    ACTIVE,
    CREATE_IN_PROGRESS,
    CREATE_PENDING,
    CREATE_STOPPED,
    CREATE_STOPPING,
    stopping_duration,
)
from personalize_emu.state.resources import Campaign, DatasetGroup, Solution, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException, NotImplementedException, ResourceInUseException

_INTERACTIONS_A_MACHINE_HOUR = 1_000_000
_UPDATED_BY_HAND = frozenset({"aws-user-personalization", "aws-hrnn-coldstart"})
"""Recipes with training mode UPDATE (T-70)."""


def begin_training(
    context: Context,
    solution: Solution,
    source: TrainingInput,
    *,
    mode: str,
    training_type: str,
    name: str | None = None,
    tags: Tags = (),
) -> SolutionVersion:
    """Make a version of an ACTIVE solution, and train it in the background."""
    suffix = context.identifiers.suffix(solution.arn)
    resource_name = f"{solution.name}/{suffix}"
    version = create(
        context,
        SolutionVersion,
        {"name": name or resource_name, "tags": tags},
        resource_name=resource_name,
        solution_arn=solution.arn,
        dataset_group_arn=solution.dataset_group_arn,
        perform_hpo=solution.perform_hpo,
        perform_auto_ml=solution.perform_auto_ml,
        perform_incremental_update=solution.perform_incremental_update,
        recipe_arn=solution.recipe_arn,
        event_type=solution.event_type,
        solution_config=solution.solution_config,
        training_mode=mode,
        training_type=training_type,
    )
    context.state.versions[version.arn].data_version = source.interactions.mark
    train, deploy = partial(_train, context, version, source), partial(_deploy, context, version, source)
    begin_creation(context, version, train, deploy, pool=WorkerPool.TRAINING)
    return version


def stop_training(context: Context, version: SolutionVersion) -> None:
    """What has not begun is stopped at once; what runs is seen stopping first (R-SV-12, T-64).

    Nobody waits for a stage of the training that is under way: its result reaches nobody, and it ends by itself.

    Raises:
        ResourceInUseException: the version is not being created.
    """
    state, now = context.state, context.clock.now()
    if version.status == CREATE_PENDING:
        state.store.change(version, status=CREATE_STOPPED, last_updated_date_time=now)
        return
    if version.status != CREATE_IN_PROGRESS:
        raise ResourceInUseException(f"Resource {version.arn} cannot be stopped in {version.status} state.")
    state.store.change(version, status=CREATE_STOPPING, last_updated_date_time=now)
    state.versions[version.arn].stop.set()

    def stopped(_: object) -> None:
        state.store.change_if(
            version,
            lambda current: current.status == CREATE_STOPPING,
            status=CREATE_STOPPED,
            last_updated_date_time=context.clock.now(),
        )

    job = Job(
        f"stop {version.arn}", stopping_duration(context.settings), lambda: True, no_work, stopped, stopped
    )
    context.afterwards(lambda: state.jobs.start(job))


def training_input(context: Context, solution: Solution, mode: str, chosen: str | None = None) -> TrainingInput:
    """Fix what is trained on; raises NotImplementedException for what no recipe here can do yet.

    chosen: ARN of the recipe, where AutoML has chosen one.
    """
    config = dict(solution.solution_config or {})
    if solution.perform_auto_ml:
        if chosen is None:
            rivals = tuple(training_input(context, solution, mode, arn) for arn in candidates_of(config))
            return replace(rivals[0], rivals=rivals, metric=metric_of(config))
        config = {}
    facts = required_recipe(chosen or solution.recipe_arn or "")
    recipe = recipe_named(facts.name)
    if recipe is None:
        raise NotImplementedException(f"personalize-emu cannot train {facts.name} yet.")
    base = _version_to_update(context, solution, facts.name) if mode == "UPDATE" else None
    interactions_arn, interactions = _interactions(context, solution, facts)
    items = dataset_of_type(context, solution.dataset_group_arn, ITEMS)
    known = context.state.solutions[solution.arn].known_columns
    return TrainingInput(
        facts=facts,
        recipe=recipe,
        config=config,
        event_type=solution.event_type,
        interactions_arn=interactions_arn,
        interactions=interactions,
        items=context.state.contents(items.arn) if items else None,
        seed=context.settings.seed,
        network_from=context.settings.network_from,
        now=context.clock.now(),
        reading=metadata_reading(context, solution.dataset_group_arn, facts, config, known),
        attributes=partial(_attributes, context, solution, facts.name, config, known),
        objective=partial(objective_along, context, solution.dataset_group_arn, config),
        base=base,
        search=_search(solution, facts, config),
        actions=partial(actions_of_group, context, solution.dataset_group_arn) if recipe.kind is Kind.ACTIONS else None,
    )


def _interactions(context: Context, solution: Solution, facts: RecipeFacts) -> tuple[str, DatasetContents]:
    """ARN and contents; semantic similarity does without (R-79), and then nothing lies where they would be."""
    dataset = dataset_of_type(context, solution.dataset_group_arn, INTERACTIONS)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is not None and contents is not None:
        return dataset.arn, contents
    if facts.name != "aws-semantic-similarity":
        raise InvalidInputException(NO_INTERACTIONS)
    group = context.get(DatasetGroup, solution.dataset_group_arn)
    return context.arn("dataset", f"{group.name}/{INTERACTIONS}"), DatasetContents()


def _search(solution: Solution, facts: RecipeFacts, config: dict[str, Any]) -> Search | None:
    if solution.perform_auto_ml:
        return auto_ml_search(facts)
    return requested_search(facts, config) if solution.perform_hpo else None


def _attributes(
    context: Context, solution: Solution, recipe_name: str, config: dict[str, Any], known: KnownColumns | None
) -> ItemAttributes | None:
    if recipe_name != "aws-item-attribute-affinity":
        return None
    return item_attributes(context, solution.dataset_group_arn, config, known)


def _version_to_update(context: Context, solution: Solution, recipe_name: str) -> TrainedVersion:
    """The newest ACTIVE version trained with FULL, as it answers now. Raises InvalidInputException (T-70, T-71)."""
    full = [
        trained
        for version in versions_of(context, solution)
        if version.status == ACTIVE
        and version.training_mode != "UPDATE"
        and (trained := context.state.trained(version.arn)) is not None
    ]
    if recipe_name not in _UPDATED_BY_HAND or not full:
        raise InvalidInputException(
            "Training mode UPDATE requires an ACTIVE solution version trained with FULL and a recipe "
            "that supports it."
        )
    return full[-1]


def _train(context: Context, version: SolutionVersion, source: TrainingInput) -> TrainedVersion:
    return watched(context.state, version.arn, partial(_chosen_and_trained, source))


def _chosen_and_trained(source: TrainingInput, progress: Progress) -> TrainedVersion:
    if not source.rivals:
        return train_version(source, progress)
    chosen = chosen_source(source, progress)
    return train_version(chosen, lambda stage, share: progress(stage, CHOOSING + (1 - CHOOSING) * share))


def _deploy(
    context: Context, version: SolutionVersion, source: TrainingInput, trained: TrainedVersion
) -> dict[str, Any]:
    fields: dict[str, Any] = {"training_hours": training_hours(trained, source)}
    if trained.tuned:
        fields["tuned_hpo_params"] = {"algorithmHyperParameters": dict(trained.tuned)}
    again = replace(context, deferred=[])
    serve(context, version.arn, trained, source, partial(_source_of_now, again, version))
    if version.perform_auto_ml:
        fields["recipe_arn"] = trained.recipe.arn
        solution = context.get(Solution, version.solution_arn)
        context.state.store.change(solution, auto_ml_result={"bestRecipeArn": trained.recipe.arn})
    for campaign in context.all(Campaign):
        context.afterwards(partial(_sync, replace(context, deferred=[]), campaign, version))
    return fields


def _source_of_now(context: Context, version: SolutionVersion) -> TrainingInput:
    """What another training of the version would read."""
    chosen = context.get(SolutionVersion, version.arn).recipe_arn
    return training_input(context, context.get(Solution, version.solution_arn), "FULL", chosen)


def _sync(context: Context, campaign: Campaign, version: SolutionVersion) -> None:
    """A campaign in sync follows to each newer version, and keeps what a running update will bring (R-CMP-8)."""
    store = context.state.store
    with store.lock:
        current = store.get(Campaign, campaign.arn)
        if current is not None and _follows(context, current, version):
            begin_campaign_update(context, current, planned_deployment(current) | {"solutionVersionArn": version.arn})
    context.run_deferred()


def _follows(context: Context, campaign: Campaign, version: SolutionVersion) -> bool:
    """Whether the version is the next one of a campaign that is in sync with its solution."""
    store, planned = context.state.store, planned_deployment(campaign)
    deployed = store.get(SolutionVersion, planned["solutionVersionArn"])
    in_sync = (planned["campaignConfig"] or {}).get("syncWithLatestSolutionVersion")
    if not in_sync or campaign.status != ACTIVE or deployed is None or deployed.solution_arn != version.solution_arn:
        return False
    return store.ordinal(deployed) < store.ordinal(version)


def training_hours(trained: TrainedVersion, source: TrainingInput) -> float:
    """Machine hours with three decimals (R-SV-7), of all jobs of a search together.

    A function of the amount of data and not of the time taken, so that the same calls give the same answer.
    """
    jobs = source.search.jobs if source.search and trained.tuned else 1
    return max(round(jobs * len(trained.data.users) / _INTERACTIONS_A_MACHINE_HOUR, 3), 0.001)
