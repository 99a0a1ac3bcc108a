"""StartRecommender and StopRecommender (R-REC-10, R-REC-11): a stopped one keeps its model and does not answer."""

from __future__ import annotations

from typing import Any

from personalize_emu.service.context import Context, Params
from personalize_emu.service.updates import require_no_update
from personalize_emu.state.jobs import Job, no_work
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
from personalize_emu.state.resources import Recommender
from personalize_emu.wire.errors import InvalidInputException, ResourceInUseException


def stop_recommender(context: Context, params: Params) -> dict[str, Any]:
    return _switched(context, params, ACTIVE, (STOP_PENDING, STOP_IN_PROGRESS, INACTIVE))


def start_recommender(context: Context, params: Params) -> dict[str, Any]:
    return _switched(context, params, INACTIVE, (START_PENDING, START_IN_PROGRESS, ACTIVE))


def _switched(context: Context, params: Params, needed: str, way: tuple[str, str, str]) -> dict[str, Any]:
    """Raises InvalidInputException in the wrong state of rest, ResourceInUseException in any that passes."""
    recommender = context.get(Recommender, params["recommenderArn"])
    text = f"Resource {recommender.arn} is in {recommender.status} state."
    if recommender.status in FAILED | {ACTIVE, INACTIVE} - {needed}:
        raise InvalidInputException(text)
    if recommender.status != needed:
        raise ResourceInUseException(text)
    require_no_update(recommender, recommender.latest_recommender_update)
    _begin(context, recommender, way)
    return {"recommenderArn": recommender.arn}


def _begin(context: Context, recommender: Recommender, way: tuple[str, str, str]) -> None:
    store, clock = context.world.store, context.clock
    pending, in_progress, done = way

    def move(status: str) -> bool:
        return store.change(recommender, status=status, last_updated_date_time=clock.now()) is not None

    def arrived(_: object) -> None:
        move(done)

    move(pending)
    job = Job(
        f"switch {recommender.arn}",
        switching_duration(context.settings),
        lambda: move(in_progress),
        no_work,
        arrived,
        arrived,
    )
    context.afterwards(lambda: context.world.jobs.start(job))
