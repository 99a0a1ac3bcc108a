"""What a recommender is trained on, at its creation, by an update and again every week (R-100 to R-106)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from personalize_emu.data.schemas.dataset_types import INTERACTIONS, ITEMS
from personalize_emu.recipes.registry import use_case_recipe
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts
from personalize_emu.service.configuration.solution_config import NO_INTERACTIONS
from personalize_emu.service.core.context import Context
from personalize_emu.service.datasets.datasets import dataset_of_type
from personalize_emu.service.recipes import required_recipe
from personalize_emu.service.refresh.refresh import serve
from personalize_emu.service.state.entries import DueTraining
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.state.training_columns import KnownColumns
from personalize_emu.service.training.schedule import call_when_due, cancel_training, next_due
from personalize_emu.service.training.training import TrainingInput, train_version, watched
from personalize_emu.service.training.training_inputs import metadata_reading
from personalize_emu.state.jobs import Job, WorkerPool
from personalize_emu.state.lifecycle import ACTIVE, creation_duration
from personalize_emu.state.resources import Document, Recommender
from personalize_emu.wire.errors import AwsError, InvalidInputException, NotImplementedException

log = logging.getLogger(__name__)
DAYS_BETWEEN_TRAININGS = 7
"""R-REC-12, R-103."""


def recommender_input(
    context: Context, group_arn: str, facts: RecipeFacts, config: Document, known: KnownColumns | None = None
) -> TrainingInput:
    """Fix what is trained on. known: see `columns_in_training`.

    Raises:
        InvalidInputException: there are no interactions.
        NotImplementedException: no recipe here can do it yet.
    """
    recipe = use_case_recipe(facts.name)
    if recipe is None:
        raise NotImplementedException(f"personalize-emu cannot train {facts.name} yet.")
    dataset = dataset_of_type(context, group_arn, INTERACTIONS)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is None or contents is None or not contents.has_interactions:
        raise InvalidInputException(NO_INTERACTIONS)
    items = dataset_of_type(context, group_arn, ITEMS)
    training_config = {"trainingDataConfig": config.get("trainingDataConfig", {})}
    return TrainingInput(
        facts=facts,
        recipe=recipe,
        config=training_config,
        event_type=facts.required_event,
        interactions_arn=dataset.arn,
        interactions=contents,
        items=context.state.contents(items.arn) if items else None,
        seed=context.settings.seed,
        network_from=context.settings.network_from,
        reading=metadata_reading(context, group_arn, facts, training_config, known),
    )


def training_of(context: Context, recommender_arn: str, source: TrainingInput) -> Callable[[], TrainedVersion]:
    return lambda: watched(context.state, recommender_arn, partial(train_version, source))


def deploy(
    context: Context, recommender: Recommender, source: TrainingInput, trained: TrainedVersion
) -> dict[str, Any]:
    """Answer from a new model; returns the fields that show it (M-40)."""
    facts = source.facts
    again = replace(context, deferred=[])
    sources = partial(recommender_input, again, recommender.dataset_group_arn, facts, recommender.recommender_config)
    serve(context, recommender.arn, trained, source, sources)
    return {"model_metrics": dict(trained.metrics)}


def schedule_retraining(context: Context, recommender: Recommender) -> None:
    """Every seven days counted from the creation."""
    if context.settings.auto_training:
        made = DueTraining(recommender.creation_date_time)
        call_when_due(context, recommender.arn, next_due(context, made, DAYS_BETWEEN_TRAININGS), _retrain)


def _retrain(context: Context, arn: str, due: DueTraining) -> None:
    """What is stopped keeps its model (R-REC-11), and so does what cannot be trained any more."""
    recommender = context.state.store.get(Recommender, arn)
    if recommender is None:
        cancel_training(context, arn)
        return
    call_when_due(context, arn, next_due(context, due, DAYS_BETWEEN_TRAININGS), _retrain)
    if recommender.status != ACTIVE:
        return
    facts, known = required_recipe(recommender.recipe_arn), context.state.recommenders[arn].known_columns
    group_arn, config = recommender.dataset_group_arn, recommender.recommender_config
    try:
        source = recommender_input(context, group_arn, facts, config, known)
    except AwsError as error:
        log.info("%s is not trained again: %s", arn, error.message)
        return
    _begin_retraining(context, recommender, source)


def _begin_retraining(context: Context, recommender: Recommender, source: TrainingInput) -> None:
    """When it fails the recommender keeps its model."""
    store, arn = context.state.store, recommender.arn
    ordinal = store.ordinal(recommender)

    def is_as_before(current: Recommender) -> bool:
        same = store.ordinal(current) == ordinal and current.status == ACTIVE
        return same and current.recommender_config == recommender.recommender_config

    def succeeded(trained: TrainedVersion) -> None:
        with store.lock:
            current = store.get(Recommender, arn)
            if current is not None and is_as_before(current):
                store.change(current, **deploy(context, current, source, trained))

    job = Job(
        f"retrain {arn}",
        creation_duration(context.settings, recommender.kind),
        lambda: store.get(Recommender, arn) is not None,
        training_of(context, arn, source),
        succeeded,
        lambda _: None,
        pool=WorkerPool.TRAINING,
    )
    context.afterwards(lambda: context.state.jobs.start(job))
