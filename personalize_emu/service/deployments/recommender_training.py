"""The training of a recommender: at its creation, by an update, and every week (R-100 to R-106).

Its steps are in training/training_job.py.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from personalize_emu.recipes.registry import use_case_recipe
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts
from personalize_emu.service.configuration.solution_config import NO_INTERACTIONS
from personalize_emu.service.core.context import Context
from personalize_emu.service.core.group_keys import with_usable_key
from personalize_emu.service.recipes import required_recipe
from personalize_emu.service.state.entries import DueTraining
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.state.training_selection import KnownColumns
from personalize_emu.service.training.schedule import call_when_due, cancel_training, next_due
from personalize_emu.service.training.training_job import TrainingJob
from personalize_emu.service.training_data.training_input import TrainingInput, training_input
from personalize_emu.state.jobs import Job, WorkerPool
from personalize_emu.state.lifecycle import ACTIVE, creation_duration
from personalize_emu.state.resources import Document, Recommender
from personalize_emu.wire.errors import AwsError, InvalidInputException, NotImplementedException

log = logging.getLogger(__name__)
DAYS_BETWEEN_TRAININGS = 7
"""R-REC-12, R-103."""


def recommender_input(
    context: Context, group_arn: str, facts: RecipeFacts, config: Document, known: KnownColumns | None
) -> TrainingInput:
    """Fix the input of a training. config: a recommenderConfig. known: see `columns_in_training`.

    Raises:
        InvalidInputException: there are no interactions.
        NotImplementedException: a use case that cannot be trained here.
    """
    recipe = use_case_recipe(facts.name)
    if recipe is None:
        raise NotImplementedException(f"personalize-emu cannot train {facts.name} yet.")
    columns = {"trainingDataConfig": config.get("trainingDataConfig", {})}
    source = training_input(
        context, group_arn, facts, recipe, columns, event_type=facts.required_event, known=known
    )
    if not source.interactions.has_interactions:
        raise InvalidInputException(NO_INTERACTIONS)
    return source


@dataclass(frozen=True, eq=False)
class RecommenderTraining(TrainingJob):
    """The training of one recommender. recommender: with the configuration to train for."""

    recommender: Recommender

    @property
    def arn(self) -> str:
        return self.recommender.arn

    def deploy(self, trained: TrainedVersion) -> dict[str, Any]:
        """Also show the metrics (M-40)."""
        super().deploy(trained)
        return {"model_metrics": dict(trained.metrics)}

    def current_input(self) -> TrainingInput:
        return recommender_input_now(replace(self.context, deferred=[]), self.recommender)


def recommender_input_now(context: Context, recommender: Recommender) -> TrainingInput:
    """The current data, without columns that datasets got after the recommender was configured (D-97)."""
    facts, known = required_recipe(recommender.recipe_arn), context.state.recommenders[recommender.arn].known_columns
    return recommender_input(context, recommender.dataset_group_arn, facts, recommender.recommender_config, known)


def schedule_retraining(context: Context, recommender: Recommender) -> None:
    """Every seven days counted from the creation."""
    if context.settings.auto_training:
        created = DueTraining(recommender.creation_date_time)
        call_when_due(context, recommender.arn, next_due(context, created, DAYS_BETWEEN_TRAININGS), _retrain)


def resume_retraining(context: Context, arn: str, due: DueTraining) -> None:
    """Go on with a schedule after a restart."""
    if context.settings.auto_training:
        call_when_due(context, arn, due, _retrain)


def _retrain(context: Context, arn: str, due: DueTraining) -> None:
    """Stopped recommenders keep their model (R-REC-11), and so do those that cannot be trained any more."""
    recommender = context.state.store.get(Recommender, arn)
    if recommender is None:
        cancel_training(context, arn)
        return
    call_when_due(context, arn, next_due(context, due, DAYS_BETWEEN_TRAININGS), _retrain)
    if recommender.status != ACTIVE:
        return
    try:
        source = recommender_input_now(context, recommender)
    except AwsError as error:
        log.info("%s is not trained again: %s", arn, error.message)
        return
    _begin_retraining(RecommenderTraining(context, (source,), recommender))


def _begin_retraining(training: RecommenderTraining) -> None:
    """When it fails, or the recommender is stopped or configured anew meanwhile, the recommender keeps its model."""
    context, recommender = training.context, training.recommender
    store, arn = context.state.store, recommender.arn
    ordinal = store.ordinal(recommender)

    def is_unchanged(current: Recommender) -> bool:
        same = store.ordinal(current) == ordinal and current.status == ACTIVE
        return same and current.recommender_config == recommender.recommender_config

    def succeeded(trained: TrainedVersion) -> None:
        with store.lock:
            current = store.get(Recommender, arn)
            if current is not None and is_unchanged(current):
                store.change(current, **training.deploy(trained))

    job = Job(
        f"retrain {arn}",
        creation_duration(context.settings, recommender.kind),
        lambda: store.get(Recommender, arn) is not None,
        with_usable_key(context, recommender, training.run),
        succeeded,
        lambda _: None,
        pool=WorkerPool.TRAINING,
    )
    context.afterwards(lambda: context.state.jobs.start(job))
