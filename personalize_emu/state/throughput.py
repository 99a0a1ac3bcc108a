"""Rates of requests on the emulator's clock: token buckets, and provisioned capacity that follows the use.

Documented (developer guide, "Minimum provisioned transactions per second and auto-scaling"): capacity grows and shrinks
with the use, never below the minimum, after a short delay in which transactions may be lost; an earlier edition aims at
70 percent utilization; use is averaged over windows of five minutes. Decisions: use is counted in minutes, refused
requests included; capacity grows at the end of a minute, and shrinks when five minutes have needed less.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil

UTILIZATION = 0.7
MINUTE = 60.0
MINUTES = 5
_ROUNDING = 1e-6
"""Of sums of tokens and of seconds."""


@dataclass(eq=False)
class TokenBucket:
    """Allows `rate` requests a second and holds those of one second, so as many may come at once.

    tokens: requests that may come now; None before the first. at: epoch seconds of the last change.
    """

    tokens: float | None = None
    at: float = 0.0

    def fill(self, rate: float, now: float) -> None:
        # Clocks have milliseconds; the difference of two epoch times is not exact.
        seconds = max(0.0, round(now - self.at, 3))
        held = rate if self.tokens is None else self.tokens + seconds * rate
        self.tokens, self.at = min(rate, held), now

    @property
    def is_empty(self) -> bool:
        return self.tokens is None or self.tokens < 1 - _ROUNDING

    def take(self) -> None:
        self.tokens = (self.tokens or 0.0) - 1


def take_from_all(buckets: Iterable[TokenBucket]) -> bool:
    """One token from each bucket, or none if one of them is empty. Buckets are filled before."""
    filled = list(buckets)
    if any(bucket.is_empty for bucket in filled):
        return False
    for bucket in filled:
        bucket.take()
    return True


@dataclass(eq=False)
class Throughput:
    """Of a campaign or recommender.

    bucket: of the provisioned capacity. rates: of each operation. began: of the current minute, None before the first
    request. requests: in that minute. past: requests of the minutes before, newest last.
    """

    bucket: TokenBucket = field(default_factory=TokenBucket)
    rates: dict[str, TokenBucket] = field(default_factory=dict)
    began: float | None = None
    requests: int = 0
    past: deque[int] = field(default_factory=lambda: deque(maxlen=MINUTES))

    def count(self, now: float) -> None:
        self.pass_time(now)
        self.requests += 1

    def pass_time(self, now: float) -> None:
        """Close the minutes that are over."""
        if self.began is None:
            self.began = now
            return
        minutes = int((now - self.began + _ROUNDING) // MINUTE)
        if minutes > 0:
            self.past.append(self.requests)
            self.past.extend([0] * min(minutes - 1, MINUTES))
            self.requests = 0
            self.began += minutes * MINUTE

    def capacity(self, minimum: int) -> int:
        """Requests a second that are provisioned."""
        most = max(self.past, default=0)
        return max(minimum, ceil(most / MINUTE / UTILIZATION - _ROUNDING))
