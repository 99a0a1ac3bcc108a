"""How many kinds of events, and columns about them, one training can take (D-24, D-25, Q-23)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from personalize_emu.state.jobs import JobFailed

MOST = 10
"""Optional columns and distinct event types together (Q-23)."""
_UNCOUNTED = frozenset(
    {"USER_ID", "ITEM_ID", "TIMESTAMP", "IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"}
)
"""Required columns, and reserved ones other than EVENT_TYPE and EVENT_VALUE (D-24)."""


def refuse_too_many_event_types(
    bulk: pa.Table | None, put_rows: Sequence[Mapping[str, Any]], event_types: Collection[str]
) -> None:
    """Nothing is wrong with importing such data; it is the training that fails (D-25).

    Raises:
        JobFailed: more than `MOST`.
    """
    columns = set().union(*put_rows) if bulk is None else set(bulk.column_names)
    optional = len(columns - _UNCOUNTED)
    if optional + len(event_types) > MOST:
        raise JobFailed(
            f"Dataset has {optional} optional metadata columns and {len(event_types)} distinct event types. "
            f"Together there can be at most {MOST}."
        )
