"""What a shop shows and reports: recommendations with a fallback, and clicks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=1)


def runtime_client(config: Config = RETRIES) -> Any:
    return boto3.client("personalize-runtime", config=config)


def events_client(config: Config = RETRIES) -> Any:
    return boto3.client("personalize-events", config=config)


@dataclass
class CircuitBreaker:
    """After `most_failures` in a row nothing is called for `pause` seconds; then one call is tried."""

    now: Callable[[], float] = time.monotonic
    most_failures: int = 3
    pause: float = 30.0
    failures: int = 0
    closed_again_at: float = 0.0

    def is_open(self) -> bool:
        return self.failures >= self.most_failures and self.now() < self.closed_again_at

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self) -> None:
        self.failures += 1
        self.closed_again_at = self.now() + self.pause


@dataclass
class HomePage:
    """The shelf of a user: recommendations, or the bestsellers when there are none."""

    runtime: Any
    campaign: str
    bestsellers: Sequence[str]
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)

    def shelf(self, user: str, size: int = 3, device: str | None = None) -> list[str]:
        if self.breaker.is_open():
            return list(self.bestsellers[:size])
        request: dict[str, Any] = {"campaignArn": self.campaign, "userId": user, "numResults": size}
        if device is not None:
            request["context"] = {"DEVICE": device}
        try:
            found = [item["itemId"] for item in self.runtime.get_recommendations(**request)["itemList"]]
        except (BotoCoreError, ClientError, KeyError):
            self.breaker.failed()
            return list(self.bestsellers[:size])
        self.breaker.succeeded()
        return found or list(self.bestsellers[:size])


@dataclass
class Clicks:
    """Reports clicks; those that could not be sent are sent with the next one."""

    events: Any
    tracking_id: str
    waiting: list[dict[str, Any]] = field(default_factory=list)

    def report(self, user: str, session: str, item: str) -> None:
        event = {"eventId": str(uuid.uuid4()), "eventType": "click", "itemId": item, "sentAt": datetime.now(UTC)}
        self.waiting.append({"userId": user, "sessionId": session, "eventList": [event]})
        while self.waiting:
            try:
                self.events.put_events(trackingId=self.tracking_id, **self.waiting[0])
            except (BotoCoreError, ClientError):
                return
            self.waiting.pop(0)
