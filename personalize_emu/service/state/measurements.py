"""Counters of requests and jobs: for `GET /_emu/metrics`, and for CloudWatch until they are sent.

Adding takes about a microsecond.
"""

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


class Counters:
    """What one state has done since its creation. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._latencies: defaultdict[str, Latencies] = defaultdict(Latencies)
        self._records: Counter[str] = Counter()
        self._jobs: Counter[tuple[str, str]] = Counter()
        self._trainings: Counter[str] = Counter()

    def request(self, operation: str, status: int, seconds: float, params: Mapping[str, object]) -> None:
        """One request that has been answered."""
        listed = params.get(_RECORD_LISTS.get(operation, "")) if status == 200 else None
        with self._lock:
            self._requests[operation, status] += 1
            latencies = self._latencies[operation]
            latencies.buckets[bisect_left(BOUNDS, seconds)] += 1
            latencies.total += seconds
            if isinstance(listed, list):
                self._records[operation] += len(listed)

    def job_ended(self, kind: str, *, failed: bool) -> None:
        with self._lock:
            self._jobs[kind, "failed" if failed else "succeeded"] += 1

    def trained(self, recipe: str) -> None:
        with self._lock:
            self._trainings[recipe] += 1

    def counts(self) -> Counts:
        with self._lock:
            return Counts(
                requests=dict(self._requests),
                latencies={name: (tuple(of.buckets), of.total) for name, of in self._latencies.items()},
                records=dict(self._records),
                jobs=dict(self._jobs),
                trainings=dict(self._trainings),
            )


COUNT, SECONDS, MILLISECONDS, BYTES = "Count", "Seconds", "Milliseconds", "Bytes"

Dimensions = tuple[tuple[str, str], ...]
"""Names and values of dimensions."""


@dataclass
class Statistic:
    """What CloudWatch makes Average, Minimum, Maximum, Sum and SampleCount from."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        # On the hot path: comparing is three times as fast as min and max.
        self.least = value if value < self.least else self.least
        self.most = value if value > self.most else self.most


@dataclass(frozen=True)
class Series:
    """The metric that a statistic belongs to.

    region: whose CloudWatch it goes to. sum_only: its data are sums, so that no other statistic means anything.
    """

    region: str
    metric: str
    unit: str
    dimensions: Dimensions
    sum_only: bool = False


@dataclass(frozen=True)
class CallNames:
    """The metrics of the calls of one operation.

    requests: of successful calls, under each of its names. client_errors, server_errors: of calls answered with 4xx and
    5xx. latency: None where calls only begin the work.
    """

    requests: tuple[str, ...]
    client_errors: str
    server_errors: str
    latency: str | None
    sum_only: bool = False


CallKey = tuple[str, ...]
"""Calls with equal keys are counted together: region, account, operation, the resource named, the ARN created."""


@dataclass
class Calls:
    """Calls of one operation with the same dimensions."""

    region: str
    names: CallNames
    dimensions: Dimensions
    succeeded: Statistic = field(default_factory=Statistic)
    latency: Statistic = field(default_factory=Statistic)
    refused: Statistic = field(default_factory=Statistic)
    failed: Statistic = field(default_factory=Statistic)

    def add(self, status: int, seconds: float) -> None:
        if status < 400:
            self.succeeded.add(1.0)
            self.latency.add(seconds * 1000)
        else:
            (self.refused if status < 500 else self.failed).add(1.0)

    def series(self) -> list[tuple[Series, Statistic]]:
        names = self.names
        found = [
            *((self._counted(name, names.sum_only), self.succeeded) for name in names.requests),
            (self._counted(names.client_errors), self.refused),
            (self._counted(names.server_errors), self.failed),
        ]
        if names.latency is not None:
            found.append((Series(self.region, names.latency, MILLISECONDS, self.dimensions), self.latency))
        return [(series, statistic) for series, statistic in found if statistic.count]

    def _counted(self, metric: str, sum_only: bool = False) -> Series:
        return Series(self.region, metric, COUNT, self.dimensions, sum_only)


class MetricBuffer:
    """The service's own metrics until they are sent to CloudWatch. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: dict[CallKey, Calls] = {}
        self._values: dict[Series, Statistic] = {}
        self._is_due = False

    def count_again(self, key: CallKey, status: int, seconds: float) -> bool:
        """Count a call. False when no call of this key has been counted since the last sending: see `count_first`."""
        with self._lock:
            calls = self._calls.get(key)
            if calls is None:
                return False
            calls.add(status, seconds)
            return True

    def count_first(self, key: CallKey, calls: Calls, status: int, seconds: float) -> bool:
        """Count the first call of a key in `calls`. True when a sending has to be scheduled."""
        with self._lock:
            self._calls.setdefault(key, calls).add(status, seconds)
            return self._becomes_due()

    def add(self, series: Series, value: float) -> bool:
        """Add a value. True when a sending has to be scheduled."""
        with self._lock:
            self._values.setdefault(series, Statistic()).add(value)
            return self._becomes_due()

    def take(self) -> list[tuple[Series, Statistic]]:
        """Remove and return everything that is to be sent."""
        with self._lock:
            calls, self._calls = self._calls, {}
            values, self._values = self._values, {}
            self._is_due = False
        return [pair for counted in calls.values() for pair in counted.series()] + list(values.items())

    def _becomes_due(self) -> bool:
        before, self._is_due = self._is_due, True
        return not before
