"""What the service has measured of itself and not yet sent to CloudWatch."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

COUNT, SECONDS, MILLISECONDS, BYTES = "Count", "Seconds", "Milliseconds", "Bytes"

Subject = tuple[tuple[str, str], ...]
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
        # On the way of every request: comparing is three times as fast as min and max.
        self.least = value if value < self.least else self.least
        self.most = value if value > self.most else self.most


@dataclass(frozen=True)
class Series:
    """What a statistic is of.

    region: whose CloudWatch it goes to. sum_only: its data are sums, so that no other statistic means anything.
    """

    region: str
    metric: str
    unit: str
    subject: Subject
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
"""Tells apart the calls that are counted together: region, account, operation, what it is about, and what it made."""


@dataclass
class Calls:
    """Calls of one operation about one subject."""

    region: str
    names: CallNames
    subject: Subject
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
            found.append((Series(self.region, names.latency, MILLISECONDS, self.subject), self.latency))
        return [(series, statistic) for series, statistic in found if statistic.count]

    def _counted(self, metric: str, sum_only: bool = False) -> Series:
        return Series(self.region, metric, COUNT, self.subject, sum_only)


class MetricBuffer:
    """Every method may be called from any thread; adding takes about a microsecond."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._calls: dict[CallKey, Calls] = {}
        self._values: dict[Series, Statistic] = {}
        self._is_due = False

    def count_again(self, key: CallKey, status: int, seconds: float) -> bool:
        """Whether calls of this key are being counted, and this one with them."""
        with self._turn:
            calls = self._calls.get(key)
            if calls is None:
                return False
            calls.add(status, seconds)
            return True

    def count_first(self, key: CallKey, calls: Calls, status: int, seconds: float) -> bool:
        """Whether sending has to be arranged for. calls: none yet."""
        with self._turn:
            self._calls.setdefault(key, calls).add(status, seconds)
            return self._becomes_due()

    def add(self, series: Series, value: float) -> bool:
        """Whether sending has to be arranged for."""
        with self._turn:
            self._values.setdefault(series, Statistic()).add(value)
            return self._becomes_due()

    def take(self) -> list[tuple[Series, Statistic]]:
        """What is to be sent; from now on it counts as sent."""
        with self._turn:
            calls, self._calls = self._calls, {}
            values, self._values = self._values, {}
            self._is_due = False
        return [pair for counted in calls.values() for pair in counted.series()] + list(values.items())

    def _becomes_due(self) -> bool:
        before, self._is_due = self._is_due, True
        return not before
