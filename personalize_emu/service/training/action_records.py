"""Actions and action interactions of a group, read when the training of a recipe that answers actions begins."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from personalize_emu.data.records.interactions import Interactions, collect_interactions
from personalize_emu.data.schemas.column_rules import action_event_type
from personalize_emu.data.schemas.columns import ACTION_ID
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, ACTIONS
from personalize_emu.filters.records import Records, View
from personalize_emu.recipes.contract.action_data import NOT_TAKEN, TAKEN, VIEWED, ActionData
from personalize_emu.service.core.context import Context
from personalize_emu.service.datasets.datasets import dataset_of_type
from personalize_emu.state.resources import Schema

MOST_ACTIONS = 1000
"""Considered by a training (R-41, Q-37)."""
VALUE = "VALUE"
_OUTCOMES = MappingProxyType({"VIEWED": VIEWED, "NOT_TAKEN": NOT_TAKEN, "TAKEN": TAKEN})


def actions_of_group(context: Context, group_arn: str) -> ActionData:
    """What both datasets hold now; action interactions with actions nobody described are left out (EV-78)."""
    records = action_records(context, group_arn)
    ids = () if records is None else tuple(sorted(records.row_of))
    dataset = dataset_of_type(context, group_arn, ACTION_INTERACTIONS)
    contents = context.state.contents(dataset.arn) if dataset else None
    found = None
    if contents is not None:
        streamed = contents.streamed(len(contents.log))
        found = collect_interactions(contents.bulk, streamed, item_column=ACTION_ID)
    return action_data(considered(ids, records, found), records, found)


def action_records(context: Context, group_arn: str) -> Records | None:
    """The Actions dataset of a group now; None without one."""
    dataset = dataset_of_type(context, group_arn, ACTIONS)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is None or contents is None:
        return None
    schema_text = context.get(Schema, dataset.schema_arn).schema
    return context.state.indexes.records(contents, schema_text, ACTION_ID)


def considered(ids: tuple[str, ...], records: Records | None, found: Interactions | None) -> tuple[str, ...]:
    """At most MOST_ACTIONS of `ids`, sorted: those met most often, then those of greatest value (R-41)."""
    if len(ids) <= MOST_ACTIONS:
        return ids
    counts = np.zeros(0) if found is None else np.bincount(found.items, minlength=len(found.item_ids))
    met = dict(zip(() if found is None else found.item_ids, counts.tolist(), strict=True))
    values = dict(zip(ids, values_along(records, ids).tolist(), strict=True))
    best = sorted(ids, key=lambda action: (-met.get(action, 0), -values[action], action))
    return tuple(sorted(best[:MOST_ACTIONS]))


def action_data(ids: tuple[str, ...], records: Records | None, found: Interactions | None) -> ActionData:
    """`found` in numbers of `ids`."""
    values = values_along(records, ids)
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
    """int8[event types + 1]: what each, by its code, says of an action."""
    return np.array([*map(outcome_of, found.event_types), VIEWED], np.int8)


def outcome_of(event_type: str | None) -> int:
    """Event types compare in any spelling (R-80d)."""
    return _OUTCOMES.get(action_event_type(event_type or "") or "", VIEWED)


def values_along(records: Records | None, ids: tuple[str, ...]) -> NDArray[np.float64]:
    """float64[ids]: VALUE, 0 where there is none."""
    return np.nan_to_num(View(records, ids).numbers(VALUE))
