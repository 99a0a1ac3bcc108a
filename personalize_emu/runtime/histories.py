"""What is known of a user at the moment of asking: the trained history and the events streamed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from personalize_emu.recipes.base import NO_CONTEXT, History
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.service.world import World

_NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.int64))


def history_of(
    world: World, trained: TrainedVersion, user_id: str, circumstances: Mapping[str, str] = NO_CONTEXT
) -> History:
    """Oldest first. Events on items the model does not know are left out (R-111).

    A session id given as user id finds the events recorded under it (RT-43). circumstances: those of now.
    """
    history = trained_history(trained, user_id, circumstances)
    contents = world.contents.get(trained.interactions_arn)
    events = contents.events_of(user_id) if contents else ()
    if not events or events[-1].position < trained.log_length:
        return history
    number_of, selection = trained.model.number_of, trained.selection
    new = [
        event
        for event in list(events)
        if event.position >= trained.log_length
        and event.item_id in number_of
        and selection.admits(event.event_type, event.event_value)
    ]
    items = [number_of[event.item_id] for event in new]
    return _joined(history, items, [event.timestamp for event in new])


def single_item(trained: TrainedVersion, item_id: str) -> History:
    """The history that asks for items related to one item; empty for an unknown one (RT-44)."""
    number = trained.model.number_of.get(item_id)
    if number is None:
        return _NOTHING
    return History(np.array([number], np.int32), np.zeros(1, np.int64))


def trained_history(
    trained: TrainedVersion, user_id: str, circumstances: Mapping[str, str] = NO_CONTEXT
) -> History:
    """What the version was trained with; without events for a user who had none then."""
    number = trained.user_number_of.get(user_id)
    if number is None:
        return replace(_NOTHING, user_id=user_id, context=circumstances)
    first, end = trained.data.offsets[number], trained.data.offsets[number + 1]
    return History(trained.data.items[first:end], trained.data.timestamps[first:end], user_id, circumstances)


def _joined(history: History, items: list[int], timestamps: list[int]) -> History:
    all_items = np.concatenate((history.items, np.array(items, np.int32)))
    all_timestamps = np.concatenate((history.timestamps, np.array(timestamps, np.int64)))
    order = np.argsort(all_timestamps, kind="stable")
    return replace(history, items=all_items[order], timestamps=all_timestamps[order])
