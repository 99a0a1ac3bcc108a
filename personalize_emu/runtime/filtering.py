"""The filter of a request as a mask over items or actions (spec 08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

import numpy as np

from personalize_emu.data.schemas.columns import ACTION_ID, ITEM_ID, USER_ID
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, ACTIONS, INTERACTIONS, ITEMS, USERS
from personalize_emu.filters.binding import BoundExpression, bind
from personalize_emu.filters.check import CheckedFilter
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.errors import InvalidValues
from personalize_emu.filters.expressions import Entity
from personalize_emu.filters.interactions import (
    MOST_ACTION_INTERACTIONS,
    MOST_INTERACTIONS,
    Event,
    RecordEvents,
    folded,
    newest,
)
from personalize_emu.filters.masks import FilterContext, admitted, nothing_known
from personalize_emu.filters.records import Records, View
from personalize_emu.runtime.deployments import not_found
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import dataset_of_type
from personalize_emu.service.filters import checked_filter
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import DatasetImportJob, Filter, Schema
from personalize_emu.wire.errors import InvalidInputException

CONSIDERED_SECONDS = 90 * 24 * 3600
"""Filters use interactions up to this long after the last import (F-52)."""
_RECORDS: Mapping[Entity, tuple[str, str]] = MappingProxyType(
    {"ItemID": (ITEMS, ITEM_ID), "UserID": (USERS, USER_ID), "ActionID": (ACTIONS, ACTION_ID)}
)
"""The dataset that describes what a filter selects, and its id column."""
_EVENTS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "Interactions": (INTERACTIONS, MOST_INTERACTIONS),
        "Action_Interactions": (ACTION_INTERACTIONS, MOST_ACTION_INTERACTIONS),
    }
)
"""Dataset name in expressions -> dataset type, and the number of events per event type that are considered."""


@dataclass(frozen=True)
class RequestFilter:
    """The filter of one request. records: None if there is no dataset of the items or actions."""

    state: EmulatorState
    trained: TrainedVersion
    expressions: tuple[BoundExpression, ...]
    records: Records | None
    filter_context: FilterContext

    def over_catalog(self) -> Mask:
        """bool[n] over the catalog of the version, items or actions; read-only."""
        view = self.state.indexes.catalog_view(self.records, self.trained)
        return admitted(self.expressions, view, self.filter_context)

    def over(self, ids: Sequence[str]) -> Mask:
        """bool[ids] for a few distinct ids, known to the model or not."""
        return admitted(self.expressions, View(self.records, ids), self.filter_context)


def requested_filter(
    context: Context,
    trained: TrainedVersion,
    request: Params,
    *,
    user_id: str | None,
    item_id: str | None,
    entity: Entity = "ItemID",
) -> RequestFilter | None:
    """The filter named by `request` (the request or one of its promotions); None if there is none.

    Values without a filter are ignored (F-76). entity: what the filter must select.

    Raises:
        ResourceNotFoundException: F-97.
        InvalidInputException: F-8, F-14, F-81, F-83, F-94 to F-96.
    """
    if "filterArn" not in request:
        return None
    group_arn = group_of(context, trained)
    checked = _usable_filter(context, request["filterArn"], group_arn, entity)
    if checked.needs_user and not user_id:
        raise InvalidInputException("userId is required")
    if checked.needs_item and not item_id:
        raise InvalidInputException("itemId is required")
    records = records_of(context, group_arn, *_RECORDS[entity])
    filter_context = _filter_context(context, group_arn, records, user_id, item_id)
    try:
        expressions = bind(checked, request.get("filterValues", {}), filter_context.item)
    except InvalidValues as error:
        raise InvalidInputException(str(error)) from error
    return RequestFilter(context.state, trained, expressions, records, filter_context)


def group_of(context: Context, trained: TrainedVersion) -> str:
    """ARN of the dataset group that a version was trained on."""
    return context.arn("dataset-group", trained.group_name)


def records_of(context: Context, group_arn: str, dataset_type: str, id_column: str) -> Records | None:
    """The current records of a dataset of the group; None if the group has no dataset of that type."""
    dataset = dataset_of_type(context, group_arn, dataset_type)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is None or contents is None:
        return None
    schema = context.get(Schema, dataset.schema_arn)
    return context.state.indexes.records(contents, schema.schema, id_column)


def _usable_filter(context: Context, filter_arn: str, group_arn: str, entity: Entity) -> CheckedFilter:
    record = context.find(Filter, filter_arn)
    if record is None:
        raise not_found("filter", filter_arn)
    if record.status != ACTIVE:
        raise InvalidInputException(f"Filter {filter_arn} is not ACTIVE")
    if record.dataset_group_arn != group_arn:
        raise InvalidInputException(f"Filter {filter_arn} belongs to another dataset group")
    checked = checked_filter(context, group_arn, record.filter_expression)
    if checked.entity != entity:
        raise InvalidInputException(f"Filter {filter_arn} is for {checked.entity}, not for {entity}")
    return checked


def _filter_context(
    context: Context, group_arn: str, records: Records | None, user_id: str | None, item_id: str | None
) -> FilterContext:
    item = (lambda column: records.value(item_id, column)) if records is not None and item_id else nothing_known
    if not user_id:
        return FilterContext(item=item)
    users = records_of(context, group_arn, USERS, USER_ID)
    contents = {owner: contents_of(context, group_arn, kind) for owner, (kind, _) in _EVENTS.items()}
    described = users is not None and users.row(user_id) is not None
    return FilterContext(
        user_known=described or any(_has_history(context.state, events, user_id) for events in contents.values()),
        user=(lambda column: users.value(user_id, column)) if users is not None else nothing_known,
        item=item,
        interactions=lambda owner: interactions_of(context, contents[owner], user_id, _EVENTS[owner][1]),
    )


def _has_history(state: EmulatorState, contents: DatasetContents | None, user_id: str) -> bool:
    if contents is None:
        return False
    bulk = state.indexes.interactions(contents)
    rows = bulk.history_of(user_id) if bulk else slice(0, 0)
    return rows.stop > rows.start or contents.has_events_of(user_id)


def contents_of(context: Context, group_arn: str, dataset_type: str) -> DatasetContents | None:
    """The contents of a dataset of the group; None if the group has no dataset of that type."""
    dataset = dataset_of_type(context, group_arn, dataset_type)
    return context.state.contents(dataset.arn) if dataset else None


def interactions_of(
    context: Context, contents: DatasetContents | None, user_id: str, most: int = MOST_INTERACTIONS
) -> RecordEvents:
    """The newest imported and streamed interactions of a user, of each event type (F-51, F-53)."""
    if contents is None:
        return RecordEvents(frozenset())
    live = contents.events_of(user_id, most)
    kinds = [folded(kind) for kind in live.event_types]
    streamed = [
        Event(live.item_ids[item], kinds[kind], timestamp)
        for item, kind, timestamp in zip(live.items, live.types, live.timestamps.tolist(), strict=True)
    ]
    if _has_lapsed(context, contents, streamed):
        return RecordEvents(frozenset())
    return newest([*_imported(context.state, contents, user_id, most), *streamed], most)


def _has_lapsed(context: Context, contents: DatasetContents, streamed: Sequence[Event]) -> bool:
    """From three months after the last import, filters consider only users with newer events (F-52)."""
    now = context.clock.now()
    if any(event.timestamp >= now - CONSIDERED_SECONDS for event in streamed):
        return False
    return interactions_lapse(context, contents) < now


def interactions_lapse(context: Context, contents: DatasetContents | None) -> float:
    """Epoch seconds after which filters consider only users with newer events (F-52); infinite without imports."""
    imports = [
        job.last_updated_date_time
        for job in context.all(DatasetImportJob)
        if job.status == ACTIVE and context.state.contents(job.dataset_arn) is contents
    ]
    return max(imports) + CONSIDERED_SECONDS if contents is not None and imports else inf


def _imported(state: EmulatorState, contents: DatasetContents, user_id: str, most: int) -> list[Event]:
    """Imported events of the user, oldest first; of long histories only the newest of each type."""
    bulk = state.indexes.interactions(contents)
    if bulk is None:
        return []
    rows = bulk.history_of(user_id)
    places = np.arange(rows.start, rows.stop)
    if len(places) > most:
        codes = bulk.event_type_codes[rows]
        kept = [places[codes == code][-most:] for code in np.unique(codes)]
        places = np.sort(np.concatenate(kept))
    kinds = [folded(kind) for kind in bulk.event_types]
    return [
        Event(bulk.item_ids[item], kinds[code] if code >= 0 else None, timestamp)
        for item, code, timestamp in zip(
            bulk.items[places].tolist(),
            bulk.event_type_codes[places].tolist(),
            bulk.timestamps[places].tolist(),
            strict=True,
        )
    ]
