"""Updates every two hours of what is deployed: new items become cold items (R-72h, R-110 to R-112).

The latest version of a solution is updated, unless it was trained with UPDATE, while an ACTIVE campaign deploys it;
recommenders are updated while they are ACTIVE. An update makes no version and measures nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from personalize_emu.recipes.base import Kind
from personalize_emu.service.context import Context
from personalize_emu.service.evaluations import is_stopped
from personalize_emu.service.new_items import with_new_items
from personalize_emu.service.series import Refreshing
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.service.training import TrainingInput, read_data
from personalize_emu.service.world import World
from personalize_emu.state.lifecycle import ACTIVE, CREATE_STOPPING, CREATING
from personalize_emu.state.resources import Campaign, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException

PERIOD = 7200.0
"""Seconds between two updates."""

Sources = Callable[[], TrainingInput]
"""What a training would read at the moment."""


def updates_of(
    context: Context, arn: str, trained: TrainedVersion, source: TrainingInput, sources: Sources
) -> Refreshing | None:
    """source: what it was trained on. None for what is not updated by itself."""
    world = context.world
    version = world.store.get(SolutionVersion, arn)
    by_hand = version is not None and version.training_mode == "UPDATE"
    if by_hand or not trained.recipe.auto_update or trained.kind is not Kind.PERSONALIZED:
        return None
    return Refreshing(
        period=PERIOD,
        mark=partial(_mark, sources),
        goes_on=lambda: source.is_there(world.contents) and not _newer(world, arn, frozenset({ACTIVE})),
        rests=partial(_rests, world, arn),
        refreshed=partial(_updated, sources),
        known=trained.mark,
    )


def _readable(sources: Sources) -> TrainingInput | None:
    """None while there is nothing to train on: all users may have been deleted. The model then stays as it is."""
    try:
        return sources()
    except InvalidInputException:
        return None


def _mark(sources: Sources) -> object:
    source = _readable(sources)
    return None if source is None else source.mark


def _updated(sources: Sources, trained: TrainedVersion) -> TrainedVersion:
    source = _readable(sources)
    if source is None:
        return trained
    source = replace(source, objective=lambda _: None)
    return with_new_items(trained, read_data(source, trained.selection, len(source.interactions.log)))


def _rests(world: World, arn: str) -> bool:
    """While nobody is answered from it, and while a newer version is on its way."""
    version = world.store.get(SolutionVersion, arn)
    if version is None:
        return is_stopped(world, arn)
    deployed = any(
        campaign.solution_version_arn == arn and campaign.status == ACTIVE for campaign in world.store.all(Campaign)
    )
    return not deployed or _newer(world, arn, CREATING | {CREATE_STOPPING})


def _newer(world: World, arn: str, states: frozenset[str]) -> bool:
    """Whether a newer version of the same solution is in one of these states."""
    store = world.store
    version = store.get(SolutionVersion, arn)
    if version is None:
        return False
    return any(
        other.solution_arn == version.solution_arn
        and store.ordinal(other) > store.ordinal(version)
        and other.status in states
        for other in store.all(SolutionVersion)
    )
