"""Which event ids a dataset group has heard, whichever of its datasets keeps the events (EV-40).

Whose the events of a session are, once somebody has said so (EV-42, EV-43).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.records.claimed_keys import ClaimedKeys
from personalize_emu.data.schemas.columns import NOTED_SESSION, USER_ID, encoded


class EventIds:
    """Each id belongs to the dataset and the user of its first event, and is free again when one of them goes.

    Any thread may call: requests claim ids while jobs forget others.
    """

    def __init__(self) -> None:
        self._claimed: dict[object, ClaimedKeys] = {}
        self._lock = threading.Lock()

    def claim(self, event_id: str, dataset: object, user_id: str) -> bool:
        """False when the id was heard before."""
        with self._lock:
            own = self._claimed.setdefault(dataset, ClaimedKeys())
            others = (keys for keys in self._claimed.values() if keys is not own)
            return not any(event_id in keys for keys in others) and own.claim(event_id, user_id)

    def forget_users(self, dataset: object, user_ids: Collection[str]) -> None:
        with self._lock:
            if dataset in self._claimed:
                self._claimed[dataset].forget(user_ids)

    def forget_dataset(self, dataset: object) -> None:
        with self._lock:
            self._claimed.pop(dataset, None)


Row = Mapping[str, Any]


@dataclass(frozen=True)
class Arrival:
    """One interaction as it comes in.

    row: its USER_ID is the session id where `anonymous`. source: who is credited with it (EV-52).
    """

    row: Row
    event_id: str | None = None
    session_id: str | None = None
    anonymous: bool = False
    source: str = ""


def with_users_of_sessions(table: pa.Table) -> pa.Table:
    """Streamed interactions as a full training reads them: anonymous ones under the user of their session.

    table: with the sessions that are noted beside the rows, where any is; the answer is without. The first user seen
    in a session is the one whose it is (EV-43).
    """
    if NOTED_SESSION not in table.column_names:
        return table
    users, sessions = encoded(table.column(USER_ID)), encoded(table.column(NOTED_SESSION))
    table = table.drop_columns([NOTED_SESSION])
    codes, noted = np.asarray(users.indices).copy(), np.asarray(sessions.indices.fill_null(-1))
    named = np.flatnonzero(noted >= 0)
    if len(named) == len(codes):
        return table
    heard, first = np.unique(noted[named], return_index=True)
    # The word that stands for each session where it stands for its user, -1 where it never does.
    words = np.asarray(pc.index_in(sessions.dictionary, users.dictionary).fill_null(-1))[heard]
    owner = np.arange(len(users.dictionary), dtype=codes.dtype)
    owner[words[words >= 0]] = codes[named[first]][words >= 0]
    codes[noted < 0] = owner[codes[noted < 0]]
    joined = pa.DictionaryArray.from_arrays(pa.array(codes), users.dictionary)
    return table.set_column(table.schema.get_field_index(USER_ID), USER_ID, joined)
