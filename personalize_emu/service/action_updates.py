"""New actions join a Next-Best-Action model every two hours, without a score before the next training (R-80a)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from personalize_emu.data.dataset_types import ACTIONS
from personalize_emu.recipes.next_best_action import ActionModel
from personalize_emu.service.action_reading import MOST_ACTIONS, action_records
from personalize_emu.service.context import Context
from personalize_emu.service.datasets import dataset_of_type
from personalize_emu.service.series import Refreshing
from personalize_emu.service.trained import TrainedVersion

PERIOD = 7200.0
"""Seconds."""


def action_updates_of(context: Context, trained: TrainedVersion) -> Refreshing | None:
    """None for models that do not answer actions."""
    world, group_arn = context.world, context.arn("dataset-group", trained.group_name)
    dataset = dataset_of_type(context, group_arn, ACTIONS)
    contents = world.contents.get(dataset.arn) if dataset else None
    if not isinstance(trained.model, ActionModel) or dataset is None or contents is None:
        return None
    arn = dataset.arn
    return Refreshing(
        period=PERIOD,
        mark=lambda: contents.mark,
        goes_on=lambda: world.contents.get(arn) is contents,
        rests=lambda: False,
        refreshed=partial(_updated, context, group_arn),
    )


def _updated(context: Context, group_arn: str, trained: TrainedVersion) -> TrainedVersion:
    records = action_records(context, group_arn)
    if records is None or not isinstance(trained.model, ActionModel):
        return trained
    new = sorted(records.row_of.keys() - set(trained.model.actions))
    room = max(0, MOST_ACTIONS - len(trained.model.actions))
    return replace(trained, model=trained.model.with_actions(new[:room]))
