"""Limits of the embedded services: HTTP requests to addresses given by clients, and sizes of resources.

moto posts each message of a topic to the address of every subscription, so any client could send requests to all hosts
that this machine can reach. This is disabled unless the option `http_deliveries` is set.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from moto.core.exceptions import JsonRESTError

SENDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sns": ("moto.sns.models",),
        "events": ("moto.events.models",),
        "apigateway": ("moto.apigateway.integration_parsers.http_parser",),
    }
)
"""moto's name of a service -> modules that send HTTP requests to addresses given by clients."""
HTTP = ("http", "https")
RULE_TARGETS = frozenset({"logs", "events", "sqs"})
"""Target services to which moto delivers EventBridge events."""
MOST_SHARDS = 10_000
"""Shards of one stream. AWS has quotas; moto creates any number, however long that takes."""
DELIVERY_SECONDS = 5

_log = logging.getLogger("personalize_emu.services")


class _Serving(threading.local):
    """allowed: None outside of requests to the server, e.g. for other users of moto in this process."""

    allowed: bool | None = None


_serving = _Serving()


@contextmanager
def deliveries(*, allowed: bool) -> Iterator[None]:
    """Allow or deny HTTP deliveries of requests that this thread processes inside the block."""
    before, _serving.allowed = _serving.allowed, allowed
    try:
        yield
    finally:
        _serving.allowed = before


def guard(service: str) -> None:
    """Apply the limits for a service after it has been imported.

    service: moto's name.
    """
    LIMITS.get(service, _no_limits)()
    for name in SENDERS.get(service, ()):
        module: Any = import_module(name)
        if not isinstance(module.requests, _GuardedRequests):
            module.requests = _GuardedRequests(module.requests)


def _no_limits() -> None:
    """For services without limits."""


class _GuardedRequests:
    """Replaces the module `requests` in a module of moto and blocks deliveries that are not allowed."""

    def __init__(self, requests: Any) -> None:
        self._requests = requests

    def __getattr__(self, name: str) -> Any:
        original = getattr(self._requests, name)
        return self._guarded(original) if name in ("request", "get", "post", "put", "patch", "delete") else original

    def _guarded(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*address: Any, **named: Any) -> Any:
            if _serving.allowed is None:
                return send(*address, **named)
            url = named.get("url") or address[-1]
            if not _serving.allowed:
                _log.warning("nothing was sent to %s: the option http_deliveries is off", url)
                return self._unsent()
            try:
                return send(*address, timeout=DELIVERY_SECONDS, **named)
            # A publisher gets no error for unreachable subscribers.
            except self._requests.exceptions.RequestException as error:
                _log.warning("nothing was delivered to %s: %s", url, error)
                return self._unsent()

        return guarded

    def _unsent(self) -> Any:
        answer = self._requests.models.Response()
        answer.status_code = 503
        return answer


@cache
def refuse_subscribers() -> None:
    """Make SNS refuse HTTP subscriptions when deliveries are not allowed. Applied once per process."""
    from moto.sns.exceptions import SNSInvalidParameter
    from moto.sns.models import SNSBackend

    subscribe: Callable[..., Any] = SNSBackend.subscribe

    def subscribed(backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        if protocol in HTTP and _serving.allowed is False:
            raise SNSInvalidParameter(
                "Invalid parameter: Endpoint Reason: personalize-emu sends no HTTP unless it is started with "
                "--http-deliveries"
            )
        return subscribe(backend, topic_arn, endpoint, protocol)

    setattr(SNSBackend, "subscribe", subscribed)  # noqa: B010


@cache
def limit_streams() -> None:
    """Limit the number of shards of a Kinesis stream. Applied once per process."""
    from moto.kinesis.models import Stream

    make_shards: Callable[[Any, int], None] = Stream.init_shards

    def init_shards(stream: Any, shard_count: int) -> None:
        if shard_count > MOST_SHARDS:
            raise JsonRESTError("LimitExceededException", f"A stream has at most {MOST_SHARDS} shards here.")
        make_shards(stream, shard_count)

    setattr(Stream, "init_shards", init_shards)  # noqa: B010


@cache
def skip_unsupported_targets() -> None:
    """Make EventBridge skip targets that moto cannot deliver to. Applied once per process.

    PutEvents of AWS delivers later and never fails because of a target; moto delivers at once and would fail the call.
    """
    from moto.events.models import Rule

    send: Callable[..., None] = Rule.send_to_targets

    def send_to_targets(rule: Any, original_event: Any, *rest: Any, **named: Any) -> None:
        reached = [target for target in rule.targets if _service_of(target["Arn"]) in RULE_TARGETS]
        if len(reached) < len(rule.targets) and rule.event_pattern.matches_event(original_event):
            left_out = [target["Arn"] for target in rule.targets if target not in reached]
            _log.warning("an event of rule %s was not delivered: moto does not deliver to %s", rule.name, left_out)
        sender = copy(rule)
        sender.targets = reached
        send(sender, original_event, *rest, **named)

    setattr(Rule, "send_to_targets", send_to_targets)  # noqa: B010


def _service_of(arn: str) -> str:
    return arn.split(":")[2] if arn.count(":") >= 5 else ""


LIMITS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {"sns": refuse_subscribers, "kinesis": limit_streams, "events": skip_unsupported_targets}
)
