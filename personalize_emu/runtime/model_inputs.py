"""The inputs of a model for one request: the user's trained history, events streamed since, and the context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import NO_CONTEXT, History
from personalize_emu.service.catalog.parameter_values import decimal_value
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.trained_version import TrainedVersion

MOST_STREAMED = 1000
"""Maximum number of newest streamed events in a history, which bounds the time of a request; models use fewer."""
_NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.int64))


def history_of(
    state: EmulatorState, trained: TrainedVersion, user_id: str, context: Mapping[str, str] = NO_CONTEXT
) -> History:
    """The history of a user, oldest first. Events with unknown items are left out (R-111).

    A session id passed as user id has the events of that session (RT-43). context: of the request.
    """
    history = trained_history(trained, user_id, context)
    contents = state.contents(trained.interactions_arn)
    if contents is None or len(contents.log) <= trained.log_length:
        return history
    events = contents.events_of(user_id, MOST_STREAMED, trained.log_length)
    if not len(events):
        return history
    number_of = trained.model.number_of
    numbers = np.array([number_of.get(item, -1) for item in events.item_ids], np.int32)[events.items]
    kept = np.flatnonzero((numbers >= 0) & trained.selection.admitted(events))[-MOST_STREAMED:]
    return _joined(history, numbers[kept], events.timestamps[kept])


def single_item(trained: TrainedVersion, item_id: str) -> History:
    """A history of one item, for related items; empty if the item is unknown (RT-44)."""
    number = trained.model.number_of.get(item_id)
    if number is None:
        return _NOTHING
    return History(np.array([number], np.int32), np.zeros(1, np.int64))


def trained_history(
    trained: TrainedVersion, user_id: str, context: Mapping[str, str] = NO_CONTEXT
) -> History:
    """The history the version was trained with; empty for users without events at that time."""
    number = trained.user_number_of.get(user_id)
    if number is None:
        return replace(_NOTHING, user_id=user_id, context=context)
    first, end = trained.data.offsets[number], trained.data.offsets[number + 1]
    return History(trained.data.items[first:end], trained.data.timestamps[first:end], user_id, context)


def _joined(history: History, items: NDArray[np.int32], timestamps: NDArray[np.int64]) -> History:
    all_items = np.concatenate((history.items, items))
    all_timestamps = np.concatenate((history.timestamps, timestamps))
    order = np.argsort(all_timestamps, kind="stable")
    return replace(history, items=all_items[order], timestamps=all_timestamps[order])


def request_context(trained: TrainedVersion, given: Mapping[str, str]) -> dict[str, str]:
    """The context of a request for the model: column -> value. Other columns are ignored (RT-60).

    So are values that are not numbers in numeric columns (RT-61).
    """
    found = {}
    named = {name.upper(): value for name, value in given.items()} if trained.context_fields else {}
    for field in trained.context_fields:
        value = named.get(field.name.upper())
        if value is not None and (not field.numeric or decimal_value(value) is not None):
            found[field.name] = value
    return found
