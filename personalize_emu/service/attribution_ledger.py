"""What a metric attribution has counted and not yet sent (spec 12 section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

WINDOW_SECONDS = 900
"""MA-30."""
MOST_SOURCES = 100
"""MA-21, Q-18."""
UNDEFINED_SOURCE = "SOURCE_NAME_UNDEFINED"
"""Credited with events that nobody else is (MA-20)."""


class TooManySources(Exception):
    """The text is for the client (EV-52)."""

    def __init__(self) -> None:
        super().__init__(f"More than {MOST_SOURCES} distinct event attribution sources.")


@dataclass(frozen=True)
class Metric:
    """One metric of an attribution, as its request named it."""

    event_type: str
    name: str
    expression: str


@dataclass(frozen=True)
class Share:
    """Whose, what and when a value is. window: its start in seconds since the epoch (MA-31)."""

    metric: Metric
    source: str
    window: int


Sums = Mapping[Share, float]


class Ledger:
    """Sums of one attribution that is ACTIVE, and the sources it has met."""

    def __init__(self, attribution_arn: str, group_arn: str) -> None:
        self.attribution_arn = attribution_arn
        self.group_arn = group_arn
        self._sources: set[str] = set()
        self._sums: dict[Share, float] = {}
        self._latest_report = 0
        self._turn = Lock()

    def admit(self, sources: Iterable[str]) -> None:
        """Note who is credited with events; all or none. Raises TooManySources.

        Events that nobody is credited with need no place among the hundred.
        """
        with self._turn:
            known = self._sources.union(sources) - {UNDEFINED_SOURCE}
            if len(known) > MOST_SOURCES:
                raise TooManySources
            self._sources = known

    def add(self, sums: Sums) -> bool:
        """Whether there was nothing to send before, and there is now."""
        with self._turn:
            first = not self._sums and bool(sums)
            for share, value in sums.items():
                self._sums[share] = self._sums.get(share, 0.0) + value
            return first

    def take(self) -> Sums:
        """What is to be sent; from now on it counts as sent."""
        with self._turn:
            taken, self._sums = self._sums, {}
            return taken

    def report_second(self, now: float) -> int:
        """The time a new report is named after: a second later if that one is taken, so no report is lost (MA-40)."""
        with self._turn:
            self._latest_report = max(int(now), self._latest_report + 1)
            return self._latest_report
