"""The training of a solution version (R-SV, spec 07); its steps are in training/training_job.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from personalize_emu.recipes.registry import recipe_named
from personalize_emu.service.core.context import Context
from personalize_emu.service.core.tags import Tags
from personalize_emu.service.deployments.campaigns import follow_version
from personalize_emu.service.lifecycle.creation import begin_creation, create, creation_job
from personalize_emu.service.recipes import required_recipe
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.state.usage_ledger import Training
from personalize_emu.service.training.model_selection import candidates_of, metric_of, search_of
from personalize_emu.service.training.training_job import TrainingJob
from personalize_emu.service.training.versions import newest_full_version
from personalize_emu.service.training_data.training_input import TrainingInput, training_input
from personalize_emu.state.jobs import Job, WorkerPool, no_work
from personalize_emu.state.lifecycle import (
    CREATE_IN_PROGRESS,
    CREATE_PENDING,
    CREATE_STOPPED,
    CREATE_STOPPING,
    stopping_duration,
)
from personalize_emu.state.resources import Document, Solution, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException, NotImplementedException, ResourceInUseException

INTERACTIONS_PER_MACHINE_HOUR = 1_000_000
_EXTENSIBLE = frozenset({"aws-user-personalization", "aws-hrnn-coldstart"})
"""Recipes with training mode UPDATE (T-70)."""


def training_inputs(context: Context, solution: Solution, mode: str) -> tuple[TrainingInput, ...]:
    """Fix what a training of the solution reads: one input, or one for each recipe that AutoML chooses from.

    mode: FULL, UPDATE or AUTOTRAIN.

    Raises:
        InvalidInputException: a dataset, or the version that UPDATE needs, is missing (E-12, T-70, T-71).
        NotImplementedException: a recipe that cannot be trained here.
    """
    config = dict(solution.solution_config or {})
    if solution.perform_auto_ml:
        # Nothing else of the configuration counts (T-40).
        return tuple(_input(context, solution, mode, arn, {}) for arn in candidates_of(config))
    return (_input(context, solution, mode, solution.recipe_arn or "", config),)


def _input(context: Context, solution: Solution, mode: str, recipe_arn: str, config: Document) -> TrainingInput:
    facts = required_recipe(recipe_arn)
    recipe = recipe_named(facts.name)
    if recipe is None:
        raise NotImplementedException(f"personalize-emu cannot train {facts.name} yet.")
    base = _version_to_extend(context, solution, facts.name) if mode == "UPDATE" else None
    known = context.state.solutions[solution.arn].known_columns
    source = training_input(
        context,
        solution.dataset_group_arn,
        facts,
        recipe,
        config,
        event_type=solution.event_type,
        known=known,
    )
    return replace(source, base=base, search=search_of(solution, facts, config))


def _version_to_extend(context: Context, solution: Solution, recipe_name: str) -> TrainedVersion:
    """The newest full version, as it answers now. Raises InvalidInputException (T-70, T-71)."""
    newest = newest_full_version(context, solution)
    if recipe_name not in _EXTENSIBLE or newest is None:
        raise InvalidInputException(
            "Training mode UPDATE requires an ACTIVE solution version trained with FULL and a recipe "
            "that supports it."
        )
    return newest


def begin_training(
    context: Context,
    solution: Solution,
    inputs: tuple[TrainingInput, ...],
    *,
    mode: str,
    training_type: str,
    name: str | None = None,
    tags: Tags = (),
) -> SolutionVersion:
    """Insert a version of an ACTIVE solution, and train it in the background."""
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
    context.state.versions[version.arn].data_version = inputs[0].interactions.data_version
    context.state.store.touch(version.arn)
    training = VersionTraining(context, inputs, version)
    begin_creation(context, version, training.run, training.deploy, pool=WorkerPool.TRAINING)
    return version


@dataclass(frozen=True, eq=False)
class VersionTraining(TrainingJob):
    """The training of one version. version: as inserted."""

    version: SolutionVersion

    @property
    def arn(self) -> str:
        return self.version.arn

    @property
    def metric(self) -> str:
        return metric_of(self.version.solution_config or {})

    def deploy(self, trained: TrainedVersion) -> dict[str, Any]:
        """Also show the chosen recipe and hyperparameters, and update campaigns that are in sync."""
        fields: dict[str, Any] = {"training_hours": training_hours(trained, self.inputs[0])}
        if trained.tuned:
            fields["tuned_hpo_params"] = {"algorithmHyperParameters": dict(trained.tuned)}
        super().deploy(trained)
        interactions, hours = len(trained.data.users), fields["training_hours"]
        self.context.state.usage.train(Training(self.arn, trained.recipe.arn, interactions, hours))
        if self.version.perform_auto_ml:
            fields["recipe_arn"] = trained.recipe.arn
            self._show_best_recipe(trained.recipe.arn)
        follow_version(self.context, self.version)
        return fields

    def _show_best_recipe(self, recipe_arn: str) -> None:
        solution = self.context.get(Solution, self.version.solution_arn)
        self.context.state.store.change(solution, auto_ml_result={"bestRecipeArn": recipe_arn})

    def current_input(self) -> TrainingInput:
        """With the chosen recipe, and the current configuration of the solution."""
        context = replace(self.context, deferred=[])
        version = context.get(SolutionVersion, self.arn)
        solution = context.get(Solution, version.solution_arn)
        config = {} if version.perform_auto_ml else dict(solution.solution_config or {})
        return _input(context, solution, "FULL", version.recipe_arn or "", config)


def training_hours(trained: TrainedVersion, source: TrainingInput) -> float:
    """Machine hours with three decimals (R-SV-7), of all jobs of a search together.

    A function of the amount of data and not of the time taken, so that the same calls give the same answer.
    """
    jobs = source.search.jobs if source.search and trained.tuned else 1
    return max(round(jobs * len(trained.data.users) / INTERACTIONS_PER_MACHINE_HOUR, 3), 0.001)


def stop_training(context: Context, version: SolutionVersion) -> None:
    """A version that is pending is stopped at once, one in progress is CREATE STOPPING first (R-SV-12, T-64).

    A stage that is running is not interrupted; its result is discarded.

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
    context.afterwards(lambda: state.jobs.resume(creation_job(version)))
