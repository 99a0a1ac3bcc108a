"""Filters on the worked examples without a service."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.filters.binding import bind
from personalize_emu.filters.check import CheckedFilter, check
from personalize_emu.filters.grammar import parse
from personalize_emu.filters.interactions import (
    MOST_ACTION_INTERACTIONS,
    MOST_INTERACTIONS,
    Event,
    RecordEvents,
    folded,
    newest,
)
from personalize_emu.filters.masks import FilterContext, admitted
from personalize_emu.filters.records import Records, View
from tests.filters import worked_data as data

IDS = {"ItemID": data.ALL_ITEMS, "UserID": data.ALL_USERS, "ActionID": data.ALL_ACTIONS}
KINDS = {"ItemID": "ITEMS", "UserID": "USERS", "ActionID": "ACTIONS"}


@cache
def records_of(kind: str) -> Records:
    rows = {"ITEMS": data.ITEMS, "USERS": data.USERS, "ACTIONS": data.ACTIONS}[kind]
    schema = data.SCHEMAS[kind]
    return Records(rows_table(schema, rows), schema, schema.names[0])


def remaining(
    expression: str, user: str | None, item: str | None, values: Mapping[str, str]
) -> list[str]:
    """Ids that the filter admits, in order; without the item itself, as in related items."""
    checked = check(parse(expression), data.SCHEMAS)
    ids = IDS[checked.entity]
    view = View(records_of(KINDS[checked.entity]), ids)
    filter_context = context_for(checked, user, item)
    kept = admitted(bind(checked, values, filter_context.item), view, filter_context)
    return [record_id for record_id, keep in zip(ids, kept, strict=True) if keep and record_id != item]


def context_for(checked: CheckedFilter, user: str | None, item: str | None) -> FilterContext:
    known = data.ALL_USERS
    return FilterContext(
        user_known=user in known,
        user=lambda column: records_of("USERS").value(user, column) if user else None,
        item=lambda column: records_of("ITEMS").value(item, column) if item else None,
        interactions=lambda dataset: interactions(checked.entity, dataset, user),
    )


def interactions(entity: str, dataset: str, user: str | None) -> RecordEvents:
    if entity == "UserID":
        return RecordEvents(frozenset((who, folded(kind)) for who, _, kind in data.INTERACTIONS))
    rows, limit = {
        "Interactions": (data.INTERACTIONS, MOST_INTERACTIONS),
        "Action_Interactions": (data.ACTION_INTERACTIONS, MOST_ACTION_INTERACTIONS),
    }[dataset]
    events = [Event(what, folded(kind), n) for n, (who, what, kind) in enumerate(rows) if who == user]
    return newest(events, limit)
