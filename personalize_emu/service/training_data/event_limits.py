"""Event types and columns of interactions that make a training fail; importing them is accepted (D-17, D-24, Q-23)."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from personalize_emu.data.schemas.columns import EVENT_TYPE
from personalize_emu.data.schemas.dataset_types import INTERACTIONS, required_columns, reserved_columns
from personalize_emu.state.jobs import JobFailed

MAX_COLUMNS_AND_EVENT_TYPES = 10
"""Optional columns and distinct event types together (Q-23)."""
_UNCOUNTED = frozenset(
    {"USER_ID", "ITEM_ID", "TIMESTAMP", "IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"}
)
"""Required columns, and reserved ones other than EVENT_TYPE and EVENT_VALUE (D-24)."""
_KEYWORDS = frozenset({*required_columns(INTERACTIONS, None), *reserved_columns(INTERACTIONS, None)})
"""Names of columns that are not event types, case-sensitive."""


def refuse_reserved_event_types(bulk: pa.Table | None, streamed: pa.Table, event_types: Collection[str]) -> None:
    """Without a column of event types there is nothing to refuse.

    streamed: the columns that have a value. event_types: the distinct ones that occur.

    Raises:
        JobFailed: there are interactions, and none of them has a usable event type (D-17).
    """
    imported = bulk is not None and EVENT_TYPE in bulk.column_names and bulk.num_rows > 0
    typed = imported or EVENT_TYPE in streamed.column_names
    if typed and _KEYWORDS.issuperset(event_types):
        raise JobFailed("All values in the event_type column are either reserved keywords or null")


def refuse_too_many_event_types(bulk: pa.Table | None, streamed: pa.Table, event_types: Collection[str]) -> None:
    """Raises JobFailed: more than MAX_COLUMNS_AND_EVENT_TYPES (D-25)."""
    columns = set((streamed if bulk is None else bulk).column_names)
    optional = len(columns - _UNCOUNTED)
    if optional + len(event_types) > MAX_COLUMNS_AND_EVENT_TYPES:
        raise JobFailed(
            f"Dataset has {optional} optional metadata columns and {len(event_types)} distinct event types. "
            f"Together there can be at most {MAX_COLUMNS_AND_EVENT_TYPES}."
        )
