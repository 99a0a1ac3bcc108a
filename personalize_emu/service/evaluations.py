"""Models that look at new interactions between trainings (R-76a, R-98, R-103, R-110 to R-114).

What the intervals of a trend end with is the latest interaction of the data. All interactions there are at an
evaluation count in it, imported and streamed ones alike, and none that come later.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from personalize_emu.data.interactions import collect_interactions
from personalize_emu.service.contents import DatasetContents
from personalize_emu.service.context import Context
from personalize_emu.service.event_selection import training_data
from personalize_emu.service.series import Refreshing
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.service.world import World
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Recommender


def evaluations_of(context: Context, arn: str, trained: TrainedVersion) -> Refreshing | None:
    """None for models that do not look at interactions by themselves."""
    world, period = context.world, trained.model.evaluation_period
    contents = world.contents.get(trained.interactions_arn)
    if period is None or contents is None:
        return None
    return Refreshing(
        period=period,
        mark=lambda: contents.mark,
        goes_on=lambda: world.contents.get(trained.interactions_arn) is contents,
        rests=partial(is_stopped, world, arn),
        refreshed=partial(_evaluated, contents),
    )


def is_stopped(world: World, arn: str) -> bool:
    """Whether `arn` is a recommender that is not ACTIVE: what is stopped keeps its model (R-REC-11)."""
    recommender = world.store.get(Recommender, arn)
    return recommender is not None and recommender.status != ACTIVE


def _evaluated(contents: DatasetContents, trained: TrainedVersion) -> TrainedVersion:
    """The version with the interactions of now; items stay known once they were (R-111)."""
    log_length, selection = len(contents.log), trained.selection
    streamed = contents.streamed(log_length)
    found = collect_interactions(contents.bulk, streamed, event_value_threshold=selection.threshold)
    data = training_data(found, selection, set(trained.model.catalog))
    return replace(trained, model=trained.model.evaluated_on(data), data=data, log_length=log_length)
