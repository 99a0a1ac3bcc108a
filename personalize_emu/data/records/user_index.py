"""An index of interactions by user: rows by event type and time, found by a hash of the user id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from personalize_emu.data.schemas.columns import (
    ACTION_ID,
    EVENT_TYPE,
    EVENT_VALUE,
    ITEM_ID,
    TIMESTAMP,
    USER_ID,
    encoded,
)

_Places = NDArray[np.int32]
_SIXTY_FOUR_BITS = 2**64


@dataclass(frozen=True, eq=False)
class EventColumns:
    """Columns of a table of interactions or action interactions, for random access to rows.

    item_codes: int32[n] into `item_ids`. type_codes: int32[n] into `event_types`, whose last entry is None.
    timestamps: int64[n]. values: float64[n], NaN for none; None if no row has one.
    """

    user_ids: pa.Array
    user_codes: _Places
    item_ids: pa.Array
    item_codes: _Places
    event_types: tuple[str | None, ...]
    type_codes: _Places
    timestamps: NDArray[np.int64]
    values: NDArray[np.float64] | None

    @classmethod
    def of(cls, table: pa.Table) -> EventColumns:
        """table: in one chunk."""
        users = encoded(table.column(USER_ID))
        items = encoded(table.column(ITEM_ID if ITEM_ID in table.column_names else ACTION_ID))
        types, codes = _event_types(table)
        values = None
        if EVENT_VALUE in table.column_names and table.column(EVENT_VALUE).null_count < table.num_rows:
            values = np.asarray(table.column(EVENT_VALUE).cast(pa.float64()).to_numpy(), np.float64)
        return cls(
            users.dictionary,
            np.asarray(users.indices, np.int32),
            items.dictionary,
            np.asarray(items.indices, np.int32),
            types,
            codes,
            np.asarray(table.column(TIMESTAMP).to_numpy(), np.int64),
            values,
        )


@dataclass(frozen=True, eq=False)
class UserIndex:
    """rows: int32[n], row numbers sorted by (user, event type, timestamp, arrival).

    Users are sorted by the hash of their id. hashes: uint64[users]. words: int32[users], codes of the users. runs:
    int32[users + 1]: the runs of user u are runs[u] to runs[u + 1]; a run has all rows of one user and event type.
    starts: int32[runs + 1] into `rows`.
    """

    columns: EventColumns
    hashes: NDArray[np.uint64]
    words: _Places
    runs: _Places
    starts: _Places
    rows: _Places

    def runs_of(self, user_id: str, most: int) -> Iterator[_Places]:
        """For each event type of the user, int32[k]: the newest `most` rows, oldest first."""
        user = self._place(user_id)
        if user is not None:
            for begin, end in pairwise(self.starts[self.runs[user] : self.runs[user + 1] + 1].tolist()):
                yield self.rows[max(begin, end - most) : end]

    def __contains__(self, user_id: str) -> bool:
        return self._place(user_id) is not None

    def _place(self, user_id: str) -> int | None:
        wanted = np.uint64(_hash(user_id))
        place = int(self.hashes.searchsorted(wanted))
        while place < len(self.hashes) and self.hashes[place] == wanted:
            if self.columns.user_ids[int(self.words[place])].as_py() == user_id:
                return place
            place += 1
        return None


def user_index(table: pa.Table) -> UserIndex:
    """Build the index. table: in one chunk, in order of arrival; every row has a user and a time."""
    columns = EventColumns.of(table)
    ids = columns.user_ids.to_pylist()
    hashes = np.fromiter(map(_hash, ids), np.uint64, len(ids))
    words = np.argsort(hashes, kind="stable").astype(np.int32)
    place_of = np.empty(len(words), np.int32)
    place_of[words] = np.arange(len(words), dtype=np.int32)
    places, types = place_of[columns.user_codes], columns.type_codes
    rows = np.lexsort((columns.timestamps, types, places)).astype(np.int32)
    places, types = places[rows], types[rows]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (np.diff(places) != 0) | (np.diff(types) != 0)
    starts = np.flatnonzero(begins)
    runs = np.searchsorted(places[starts], np.arange(len(words) + 1)).astype(np.int32)
    return UserIndex(columns, hashes[words], words, runs, np.append(starts, len(rows)).astype(np.int32), rows)


def _event_types(table: pa.Table) -> tuple[tuple[str | None, ...], _Places]:
    if EVENT_TYPE not in table.column_names:
        return (None,), np.zeros(table.num_rows, np.int32)
    types = encoded(table.column(EVENT_TYPE))
    words = types.dictionary.to_pylist()
    return (*words, None), np.asarray(types.indices.fill_null(len(words)), np.int32)


def _hash(text: str) -> int:
    # Matches are compared with the user id, so hash collisions are harmless.
    return hash(text) % _SIXTY_FOUR_BITS
