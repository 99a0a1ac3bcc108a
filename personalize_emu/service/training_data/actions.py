"""Actions and action interactions, as recipes that answer actions are trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from personalize_emu.data.records.interactions import Interactions, collect_interactions
from personalize_emu.data.schemas.column_rules import action_event_type
from personalize_emu.data.schemas.columns import ACTION_ID
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, ACTIONS
from personalize_emu.filters.records import Records, View
from personalize_emu.recipes.contract.action_data import NOT_TAKEN, TAKEN, VIEWED, ActionData
from personalize_emu.service.training_data.dataset_input import DatasetInput

MAX_ACTIONS = 1000
"""Considered by a training (R-41, Q-37)."""
VALUE = "VALUE"
_OUTCOMES = MappingProxyType({"VIEWED": VIEWED, "NOT_TAKEN": NOT_TAKEN, "TAKEN": TAKEN})


def read_actions(datasets: Mapping[str, DatasetInput]) -> ActionData:
    """What both datasets, given by type, hold now.

    Interactions with actions that the Actions dataset does not have are left out (EV-78).
    """
    actions, interactions = datasets.get(ACTIONS), datasets.get(ACTION_INTERACTIONS)
    records = actions.records if actions else None
    ids = () if records is None else tuple(sorted(records.row_of))
    found = None
    if interactions is not None:
        contents = interactions.contents
        streamed = contents.streamed(len(contents.log))
        found = collect_interactions(contents.bulk, streamed, item_column=ACTION_ID)
    return action_data(considered_actions(ids, records, found), records, found)


def considered_actions(ids: tuple[str, ...], records: Records | None, found: Interactions | None) -> tuple[str, ...]:
    """At most MAX_ACTIONS of `ids`, sorted: those with most interactions, then those of greatest value (R-41)."""
    if len(ids) <= MAX_ACTIONS:
        return ids
    counts = np.zeros(0) if found is None else np.bincount(found.items, minlength=len(found.item_ids))
    count_of = dict(zip(() if found is None else found.item_ids, counts.tolist(), strict=True))
    values = dict(zip(ids, action_values(records, ids).tolist(), strict=True))
    best = sorted(ids, key=lambda action: (-count_of.get(action, 0), -values[action], action))
    return tuple(sorted(best[:MAX_ACTIONS]))


def action_data(ids: tuple[str, ...], records: Records | None, found: Interactions | None) -> ActionData:
    """The interactions `found`, with actions numbered by their place in `ids`."""
    values = action_values(records, ids)
    if found is None or not len(found):
        none = np.zeros(0, np.int32)
        return ActionData(ids, values, (), none, none, none.astype(np.int8), none.astype(np.int64))
    number_of = {action: number for number, action in enumerate(ids)}
    actions = np.array([number_of.get(action, -1) for action in found.item_ids], np.int32)[found.items]
    known = actions >= 0
    present, users = np.unique(found.users[known], return_inverse=True)
    return ActionData(
        ids,
        values,
        tuple(found.user_ids[user] for user in present.tolist()),
        users.astype(np.int32),
        actions[known],
        outcomes_of(found)[found.event_type_codes[known]],
        found.timestamps[known],
    )


def outcomes_of(found: Interactions) -> NDArray[np.int8]:
    """int8[event types + 1]: the outcome that each event type, by its code, stands for; last, that of no type."""
    return np.array([*map(outcome_of, found.event_types), VIEWED], np.int8)


def outcome_of(event_type: str | None) -> int:
    """The outcome that an event type stands for; its case does not matter (R-80d)."""
    return _OUTCOMES.get(action_event_type(event_type or "") or "", VIEWED)


def action_values(records: Records | None, ids: tuple[str, ...]) -> NDArray[np.float64]:
    """float64[ids]: the column VALUE, 0 where there is none."""
    return np.nan_to_num(View(records, ids).numbers(VALUE))
