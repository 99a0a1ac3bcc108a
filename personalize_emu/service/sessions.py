"""Whose the events of a session are, once somebody has said so (EV-42, EV-43)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from personalize_emu.data.columns import USER_ID

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


class Sessions:
    """The user of each session, and which rows of a record log no user was named for."""

    def __init__(self) -> None:
        self._user_of: dict[str, str] = {}
        self._anonymous: set[int] = set()

    def note(self, arrivals: Iterable[Arrival], anonymous: Iterable[int]) -> None:
        """anonymous: positions. The first user seen in a session is the one whose it is (EV-43)."""
        self._anonymous.update(anonymous)
        for arrival in arrivals:
            if arrival.session_id and not arrival.anonymous:
                self._user_of.setdefault(arrival.session_id, arrival.row[USER_ID])

    def forget(self, user_ids: Collection[str]) -> None:
        """What these users did under no name stays without one."""
        self._user_of = {session: user for session, user in self._user_of.items() if user not in user_ids}

    def joined(self, entries: Iterable[tuple[int, Row]]) -> Sequence[Row]:
        """Rows, given with their positions, as a full training reads them: anonymous ones under their user."""
        user_of, anonymous = self._user_of, self._anonymous
        return [
            {**row, USER_ID: user_of.get(row[USER_ID], row[USER_ID])} if position in anonymous else row
            for position, row in entries
        ]
