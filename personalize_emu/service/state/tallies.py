"""What an emulator has done since its last reset, counted for `GET /_emu/metrics`. Adding costs about a microsecond."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; the upper ends of the buckets of latencies."""

_RECORD_LISTS: Mapping[str, str] = MappingProxyType(
    {
        "PutEvents": "eventList",
        "PutActionInteractions": "actionInteractions",
        "PutItems": "items",
        "PutUsers": "users",
        "PutActions": "actions",
    }
)
"""Operation to the member that lists what is put."""


@dataclass
class Latencies:
    """buckets: requests by place in BOUNDS, one more for slower ones. total: seconds of all."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0


@dataclass(frozen=True)
class Counts:
    """A copy of all counts at one moment."""

    requests: Mapping[tuple[str, int], int]
    """By operation and HTTP status."""
    latencies: Mapping[str, tuple[tuple[int, ...], float]]
    """By operation: requests in each bucket, and seconds of all."""
    records: Mapping[str, int]
    """Events, interactions, items, users and actions that were accepted, by operation."""
    jobs: Mapping[tuple[str, str], int]
    """By kind of resource and outcome: succeeded or failed."""
    trainings: Mapping[str, int]
    """By recipe: models that went into service, those of later trainings included."""


class Tallies:
    """Counters of one state; every method may be called from any thread."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._latencies: defaultdict[str, Latencies] = defaultdict(Latencies)
        self._records: Counter[str] = Counter()
        self._jobs: Counter[tuple[str, str]] = Counter()
        self._trainings: Counter[str] = Counter()

    def request(self, operation: str, status: int, seconds: float, params: Mapping[str, object]) -> None:
        """One request that has been answered."""
        listed = params.get(_RECORD_LISTS.get(operation, "")) if status == 200 else None
        with self._turn:
            self._requests[operation, status] += 1
            latencies = self._latencies[operation]
            latencies.buckets[bisect_left(BOUNDS, seconds)] += 1
            latencies.total += seconds
            if isinstance(listed, list):
                self._records[operation] += len(listed)

    def job_ended(self, kind: str, *, failed: bool) -> None:
        with self._turn:
            self._jobs[kind, "failed" if failed else "succeeded"] += 1

    def trained(self, recipe: str) -> None:
        with self._turn:
            self._trainings[recipe] += 1

    def counts(self) -> Counts:
        with self._turn:
            return Counts(
                requests=dict(self._requests),
                latencies={name: (tuple(of.buckets), of.total) for name, of in self._latencies.items()},
                records=dict(self._records),
                jobs=dict(self._jobs),
                trainings=dict(self._trainings),
            )
