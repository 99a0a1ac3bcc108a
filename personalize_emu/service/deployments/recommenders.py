"""Operations on recommenders: a use case of a domain, trained and deployed in one (R-REC, spec 06 section 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from personalize_emu.data.schemas.dataset_types import ITEMS
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts
from personalize_emu.service.configuration.campaign_config import check_exploration, check_metadata_columns
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import records_of_group, schemas_of_group
from personalize_emu.service.deployments.recommender_training import (
    RecommenderTraining,
    recommender_input,
    schedule_retraining,
)
from personalize_emu.service.lifecycle.creation import begin_creation, create, require_active
from personalize_emu.service.lifecycle.deletion import begin_deletion, require_deletable
from personalize_emu.service.lifecycle.updates import begin_update, require_no_update
from personalize_emu.service.recipes import require_type, required_recipe
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.state.training_selection import check_training_columns, columns_of
from personalize_emu.service.training.schedule import cancel_training
from personalize_emu.state.jobs import Job, WorkerPool, no_work
from personalize_emu.state.lifecycle import (
    ACTIVE,
    FAILED,
    INACTIVE,
    START_IN_PROGRESS,
    START_PENDING,
    STOP_IN_PROGRESS,
    STOP_PENDING,
    switching_duration,
)
from personalize_emu.state.resources import DatasetGroup, Document, Recommender
from personalize_emu.wire.errors import InvalidInputException, ResourceInUseException

_WITH_ITEMS = frozenset({"aws-vod-more-like-x", "aws-vod-top-picks"})
"""Use cases that need an Items dataset (R-96, R-99)."""


def create_recommender(context: Context, params: Params) -> dict[str, Any]:
    require_type(params["recipeArn"], "recipe")
    group = context.get(DatasetGroup, params["datasetGroupArn"])
    facts = required_recipe(params["recipeArn"])
    require_active(group)
    _check_domain(group, facts)
    config = _with_defaults(params.get("recommenderConfig", {}))
    _check_config(context, group.arn, facts, config)
    known = columns_of(schemas_of_group(context, group.arn))
    source = recommender_input(context, group.arn, facts, config, known)
    recommender = create(
        context,
        Recommender,
        params,
        dataset_group_arn=group.arn,
        recipe_arn=facts.arn,
        recommender_config=config,
    )
    context.state.recommenders[recommender.arn].known_columns = known
    context.state.store.touch(recommender.arn)
    training = RecommenderTraining(context, (source,), recommender)
    begin_creation(context, recommender, training.run, training.deploy, pool=WorkerPool.TRAINING)
    schedule_retraining(context, recommender)
    return {"recommenderArn": recommender.arn}


def describe_recommender(context: Context, params: Params) -> dict[str, Any]:
    return {"recommender": context.get(Recommender, params["recommenderArn"]).members()}


def list_recommenders(context: Context, params: Params) -> dict[str, Any]:
    recommenders = records_of_group(context, Recommender, params)
    return context.list_page(recommenders, params, "recommenders", query="ListRecommenders")


def update_recommender(context: Context, params: Params) -> dict[str, Any]:
    """Trains if the training columns change; the old model answers until then (R-REC-9, R-REC-18).

    A stopped recommender can be updated, and stays stopped.
    """
    recommender = context.get(Recommender, params["recommenderArn"])
    config = _with_defaults(params["recommenderConfig"])
    group_arn, facts = recommender.dataset_group_arn, required_recipe(recommender.recipe_arn)
    if recommender.status not in (ACTIVE, INACTIVE):
        raise ResourceInUseException(f"Resource {recommender.arn} is in {recommender.status} state.")
    require_no_update(recommender, recommender.latest_recommender_update)
    _check_config(context, group_arn, facts, config)
    if _training_columns(config) == _training_columns(recommender.recommender_config):
        _begin_update(context, recommender, config)
    else:
        _begin_update_with_training(context, recommender, config, facts)
    return {"recommenderArn": recommender.arn}


def _begin_update(context: Context, recommender: Recommender, config: Document) -> None:
    def updated(_: Recommender, __: None) -> dict[str, Any]:
        return {"recommender_config": config, "last_updated_date_time": context.clock.now()}

    target = {"recommenderConfig": config}
    begin_update(context, recommender, "latest_recommender_update", target, no_work, updated)


def _begin_update_with_training(
    context: Context, recommender: Recommender, config: Document, facts: RecipeFacts
) -> None:
    """On all current columns that the configuration admits."""
    known = columns_of(schemas_of_group(context, recommender.dataset_group_arn))
    source = recommender_input(context, recommender.dataset_group_arn, facts, config, known)
    training = RecommenderTraining(context, (source,), replace(recommender, recommender_config=config))

    def updated(current: Recommender, trained: TrainedVersion) -> dict[str, Any]:
        context.state.recommenders[current.arn].known_columns = known
        context.state.store.touch(current.arn)
        shown = {"recommender_config": config, "last_updated_date_time": context.clock.now()}
        return shown | training.deploy(trained)

    target = {"recommenderConfig": config}
    begin_update(context, recommender, "latest_recommender_update", target, training.run, updated)


def delete_recommender(context: Context, params: Params) -> None:
    """R-REC-14. Metrics are not shown any more (R-REC-6)."""
    recommender = context.get(Recommender, params["recommenderArn"])
    require_deletable(recommender)
    require_no_update(recommender, recommender.latest_recommender_update)
    cancel_training(context, recommender.arn)
    context.state.store.change(recommender, model_metrics=None)
    begin_deletion(context, recommender)


def _check_domain(group: DatasetGroup, facts: RecipeFacts) -> None:
    """R-REC-13, R-107."""
    if group.domain is None:
        # Recorded (spec 04 section 3).
        raise InvalidInputException("Please use a domains-specific Dataset Group to create the Recommender")
    if facts.domain != group.domain:
        raise InvalidInputException(f"Recipe {facts.arn} is not a use case of domain {group.domain}.")


def _check_config(context: Context, group_arn: str, facts: RecipeFacts, config: Document) -> None:
    """R-101, R-REC-2, T-28, and the datasets that the use case needs."""
    schemas = schemas_of_group(context, group_arn)
    if facts.name in _WITH_ITEMS and ITEMS not in schemas:
        raise InvalidInputException(f"Recipe {facts.name} requires an ITEMS dataset.")
    check_exploration(facts, config.get("itemExplorationConfig", {}))
    check_training_columns(config.get("trainingDataConfig", {}), schemas)
    if config.get("enableMetadataWithRecommendations", False):
        check_metadata_columns(schemas)


def _with_defaults(config: Document) -> Document:
    """With the throughput, which monitoring programs read unconditionally (R-REC-7)."""
    return {"minRecommendationRequestsPerSecond": 1, **config}


def _training_columns(config: Document) -> Any:
    return config.get("trainingDataConfig", {})


def stop_recommender(context: Context, params: Params) -> dict[str, Any]:
    """It keeps its model and does not answer (R-REC-10, R-REC-11)."""
    return _switch(context, params, ACTIVE, (STOP_PENDING, STOP_IN_PROGRESS, INACTIVE))


def start_recommender(context: Context, params: Params) -> dict[str, Any]:
    return _switch(context, params, INACTIVE, (START_PENDING, START_IN_PROGRESS, ACTIVE))


def _switch(context: Context, params: Params, needed: str, states: tuple[str, str, str]) -> dict[str, Any]:
    """Lead a recommender in the state `needed` through three states.

    Raises:
        InvalidInputException: it is in another state, one that lasts.
        ResourceInUseException: it is on its way from one state to another.
    """
    recommender = context.get(Recommender, params["recommenderArn"])
    text = f"Resource {recommender.arn} is in {recommender.status} state."
    if recommender.status in FAILED | {ACTIVE, INACTIVE} - {needed}:
        raise InvalidInputException(text)
    if recommender.status != needed:
        raise ResourceInUseException(text)
    require_no_update(recommender, recommender.latest_recommender_update)
    _begin_switch(context, recommender, states)
    return {"recommenderArn": recommender.arn}


def _begin_switch(context: Context, recommender: Recommender, states: tuple[str, str, str]) -> None:
    store, clock = context.state.store, context.clock
    pending, in_progress, done = states

    def move(status: str) -> bool:
        return store.change(recommender, status=status, last_updated_date_time=clock.now()) is not None

    def switched(_: object) -> None:
        move(done)

    move(pending)
    job = Job(
        f"switch {recommender.arn}",
        switching_duration(context.settings),
        lambda: move(in_progress),
        no_work,
        switched,
        switched,
    )
    context.afterwards(lambda: context.state.jobs.start(job))
