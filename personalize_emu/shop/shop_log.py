"""What the shop itself knows of its visitors: groups of the experiment, sessions, and the lists that were shown."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum

from personalize_emu.shop.recommendations import Recommended

IDLE_SECONDS = 30 * 60
"""A session ends after half an hour without a request, as in Google Analytics."""
MOST_LISTS = 20_000
"""Lists that are remembered for clicks; the oldest are forgotten."""

MOST_SESSIONS = 100_000
"""Sessions that are remembered, and so counted; the oldest are forgotten."""


class Group(StrEnum):
    """The groups of the experiment; the values are sources of metric attribution."""

    POPULARITY = "popularity"
    PERSONALISATION = "personalisation"


def group_of(visitor_id: str, key: str) -> Group:
    """Half of the visitors each, by a keyed hash of the id: a visitor stays in one group, and keys are independent."""
    digest = hashlib.blake2b(visitor_id.encode(), key=key.encode()[:64], digest_size=8).digest()
    return tuple(Group)[digest[-1] % 2]


@dataclass(frozen=True)
class ShownList:
    """A list as a visitor has seen it."""

    list_id: str
    visitor_id: str
    recommended: Recommended


@dataclass
class Session:
    """started, last_seen: epoch seconds. shown: items in lists. clicks: items opened from lists. revenue: in euros.

    opened: list that led to an item, by item id.
    """

    session_id: str
    visitor_id: str
    group: Group
    started: float
    last_seen: float
    shown: int = 0
    clicks: int = 0
    purchases: int = 0
    revenue: float = 0.0
    opened: dict[str, ShownList] = field(default_factory=dict)


@dataclass(frozen=True)
class VisitorTotals:
    """Sums over the sessions of one visitor, who is the unit of the experiment."""

    group: Group
    sessions: int
    shown: int
    clicks: int
    purchases: int
    revenue: float


class ShopLog:
    """Sessions and lists; safe for threads. key: of the split into groups."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._sessions: deque[Session] = deque()
        self._newest: dict[str, Session] = {}
        self._lists: OrderedDict[str, ShownList] = OrderedDict()
        self._list_count = 0

    def session(self, visitor_id: str, now: float) -> Session:
        """The current session of a visitor, or a new one."""
        with self._lock:
            session = self._newest.get(visitor_id)
            if session is None or now - session.last_seen > IDLE_SECONDS:
                name, group = f"{visitor_id}-{int(now)}", group_of(visitor_id, self._key)
                session = Session(name, visitor_id, group, now, now)
                self._sessions.append(session)
                self._newest[visitor_id] = session
                self._forget_oldest()
            session.last_seen = max(now, session.last_seen)
            return session

    def _forget_oldest(self) -> None:
        if len(self._sessions) > MOST_SESSIONS:
            oldest = self._sessions.popleft()
            if self._newest[oldest.visitor_id] is oldest:
                del self._newest[oldest.visitor_id]

    def show(self, session: Session, recommended: Recommended) -> ShownList:
        with self._lock:
            self._list_count += 1
            shown = ShownList(f"l{self._list_count}", session.visitor_id, recommended)
            self._lists[shown.list_id] = shown
            if len(self._lists) > MOST_LISTS:
                self._lists.popitem(last=False)
            session.shown += len(recommended.items)
            return shown

    def click(self, session: Session, list_id: str, item_id: str) -> ShownList | None:
        """The list in which the visitor has opened an item; None if it is not theirs, or the page is loaded again."""
        with self._lock:
            shown = self._lists.get(list_id)
            if shown is None or shown.visitor_id != session.visitor_id or item_id not in shown.recommended.items:
                return None
            if session.opened.get(item_id) == shown:
                return None
            session.opened[item_id] = shown
            session.clicks += 1
            return shown

    def buy(self, session: Session, price: float) -> None:
        with self._lock:
            session.purchases += 1
            session.revenue += price

    def sessions(self) -> list[Session]:
        """The newest MOST_SESSIONS sessions, oldest first."""
        with self._lock:
            return list(self._sessions)

    def visitors(self) -> list[VisitorTotals]:
        """One entry a visitor, in the order of their first sessions."""
        sums: dict[str, list[float]] = {}
        groups: dict[str, Group] = {}
        for session in self.sessions():
            added = (1, session.shown, session.clicks, session.purchases, session.revenue)
            before = sums.setdefault(session.visitor_id, [0.0] * len(added))
            sums[session.visitor_id] = [left + right for left, right in zip(before, added, strict=True)]
            groups[session.visitor_id] = session.group
        return [
            VisitorTotals(groups[visitor_id], int(sessions), int(shown), int(clicks), int(purchases), revenue)
            for visitor_id, (sessions, shown, clicks, purchases, revenue) in sums.items()
        ]
