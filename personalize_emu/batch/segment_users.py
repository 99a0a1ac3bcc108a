"""The users of segments: all users with interactions now (B-56, R-83)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from personalize_emu.batch.lines import BadLine
from personalize_emu.data.records.interactions import collect_interactions
from personalize_emu.data.records.live_events import event_types_by_user
from personalize_emu.data.schemas.columns import USER_ID
from personalize_emu.data.schemas.dataset_types import USERS
from personalize_emu.filters.binding import bind
from personalize_emu.filters.check import CheckedFilter
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.errors import InvalidValues
from personalize_emu.filters.interactions import RecordEvents, folded
from personalize_emu.filters.masks import FilterContext, admitted, nothing_known
from personalize_emu.filters.records import View
from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.recipes.segments import UserHistories, user_histories
from personalize_emu.runtime.filtering import records_of
from personalize_emu.service.core.context import Context
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.state.training_selection import training_data


@dataclass(frozen=True, eq=False)
class Users:
    """user_ids: in the order of the rows of `matrix`."""

    user_ids: Sequence[str]
    matrix: UserHistories


def current_users(context: Context, trained: TrainedVersion) -> Users:
    """The current histories with items known to the version; streamed events count, incremental imports do not."""
    contents = context.state.contents(trained.interactions_arn)
    data = trained.data if contents is None else _current_data(contents, trained)
    number_of = trained.model.number_of
    numbers = np.array([number_of.get(item, -1) for item in data.catalog], np.int32)
    interactions = data.interactions.chosen(numbers[data.interactions.items] >= 0)
    interactions = replace(interactions, items=numbers[interactions.items])
    return Users(data.user_ids, user_histories(interactions, len(data.user_ids), len(trained.model.catalog)))


@dataclass(frozen=True, eq=False)
class UserFilter:
    """The filter of a segment job over `users`; parameter values are given by each line (F-81, F-86)."""

    checked: CheckedFilter
    view: View
    filter_context: FilterContext

    def of(self, members: Mapping[str, Any]) -> Mask:
        """bool[users]. Raises BadLine for invalid values."""
        values = members.get("filterValues", {})
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise BadLine("filterValues must be an object of strings")
        try:
            expressions = bind(self.checked, values, nothing_known)
        except InvalidValues as error:
            raise BadLine(str(error)) from error
        return admitted(expressions, self.view, self.filter_context)


def user_filter(
    context: Context, checked: CheckedFilter, group_arn: str, interactions_arn: str, users: Users
) -> UserFilter:
    """The filter of a job on the current datasets (B-57)."""
    records = records_of(context, group_arn, USERS, USER_ID)
    contents = context.state.contents(interactions_arn)
    events = RecordEvents(frozenset() if contents is None else _event_types_by_user(context, contents))
    filter_context = FilterContext(interactions=partial(_of_any_dataset, events))
    return UserFilter(checked, View(records, users.user_ids), filter_context)


def _of_any_dataset(events: RecordEvents, dataset: str) -> RecordEvents:
    """A function of this module, so that a filter can be sent to another process."""
    del dataset
    return events


def _current_data(contents: DatasetContents, trained: TrainedVersion) -> TrainingData:
    streamed = contents.streamed(len(contents.log))
    found = collect_interactions(contents.layer.full_table, streamed, event_value_threshold=trained.selection.threshold)
    return training_data(found, trained.selection, set())


def _event_types_by_user(context: Context, contents: DatasetContents) -> frozenset[tuple[str, str | None]]:
    """The distinct pairs of user and event type in imported and streamed interactions."""
    streamed = contents.log.table()
    pairs = {(user, folded(kind)) for user, kind in event_types_by_user(streamed)} if streamed.num_rows else set()
    bulk = context.state.indexes.interactions(contents)
    if bulk is not None:
        codes = np.unique(np.stack((bulk.users.astype(np.int64), bulk.event_type_codes.astype(np.int64))), axis=1)
        kinds = [folded(kind) for kind in bulk.event_types]
        pairs.update((bulk.user_ids[user], kinds[code] if code >= 0 else None) for user, code in codes.T.tolist())
    return frozenset(pairs)
