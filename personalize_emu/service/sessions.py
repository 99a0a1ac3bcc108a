"""Whose the events of a session are, once somebody has said so (EV-42, EV-43)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.columns import NOTED_SESSION, USER_ID, encoded

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
