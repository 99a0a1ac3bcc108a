"""Incremental training: new and changed items join what is served within half an hour (R-79b, R-SOL-11, T-7).

It is on unless performIncrementalUpdate was false when the version was trained.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from personalize_emu.service.automatic_updates import Sources
from personalize_emu.service.context import Context
from personalize_emu.service.series import Refreshing
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.service.training import TrainingInput, read_data
from personalize_emu.state.resources import SolutionVersion

PERIOD = 1800.0
"""Seconds between two looks at the items."""
_RECIPES = frozenset({"aws-semantic-similarity"})


def increments_of(
    context: Context, arn: str, trained: TrainedVersion, source: TrainingInput, sources: Sources
) -> Refreshing | None:
    """source: what it was trained on. None for what is not trained incrementally."""
    world, items = context.world, source.items
    version = world.store.get(SolutionVersion, arn)
    if trained.recipe.name not in _RECIPES or version is None or items is None:
        return None
    if version.perform_incremental_update is False:
        return None
    return Refreshing(
        period=PERIOD,
        mark=lambda: source.mark,
        goes_on=lambda: any(items is held for held in world.contents.values()),
        rests=lambda: False,
        refreshed=partial(_with_items_of_now, sources),
        known=trained.mark,
    )


def _with_items_of_now(sources: Sources, trained: TrainedVersion) -> TrainedVersion:
    data = read_data(sources(), trained.selection, trained.log_length)
    return replace(trained, model=trained.model.evaluated_on(data), data=data)
