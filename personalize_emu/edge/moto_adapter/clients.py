"""boto3 clients of our own that reach moto's stores without HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber

from personalize_emu.edge.moto_adapter.bucket_policies import as_the_service, enforce_bucket_policies
from personalize_emu.edge.moto_adapter.faults import FailedRequest, converted
from personalize_emu.edge.moto_adapter.resetting import using_services
from personalize_emu.service.service_metrics import NAMESPACE

ACCOUNT_HEADER = "x-moto-account-id"


class ServicesGone(RuntimeError):
    """A late job called an embedded service whose mock is over; the next mock's stores are not its own."""


@cache
def _session() -> Any:
    """Makes the clients of all emulators: reading a service model takes longer than anything else they do."""
    return boto3.session.Session(aws_access_key_id="personalize-emu", aws_secret_access_key="personalize-emu")


_making_clients = threading.Lock()


class EmbeddedClients:
    """Makes boto3 clients that reach moto's stores without HTTP, in every thread, in and outside mock_aws."""

    def __init__(self, account: str = DEFAULT_ACCOUNT_ID) -> None:
        self._account = account
        self._closed = threading.Event()
        self._stubber = BotocoreStubber()
        self._stubber.enabled = True
        enforce_bucket_policies()

    def __call__(self, service: str, region: str) -> Any:
        if service == "cloudwatch":
            match_dimensions_exactly()
        options: dict[str, Any] = {"ignore_configured_endpoint_urls": True, "retries": {"total_max_attempts": 1}}
        config = Config(**options)
        # boto3 sessions are not safe to share between threads while they make clients.
        with _making_clients:
            client = _session().client(service, region_name=region, config=config)
        # moto puts its own stubber on every client, and botocore asks all: a call would be carried out twice.
        client.meta.events.unregister("before-send", botocore_stubber)
        client.meta.events.register_first("before-send", self._send)
        return client

    def close(self) -> None:
        """Refuse every later call of every client made here."""
        self._closed.set()

    def _send(self, event_name: str, request: Any, **_: Any) -> Any:
        if self._closed.is_set():
            raise ServicesGone("the mock this call belongs to is over")
        if self._account != DEFAULT_ACCOUNT_ID:
            request.headers[ACCOUNT_HEADER] = self._account
        with using_services(event_name.split(".")[1]), as_the_service(self._account):
            try:
                return self._stubber(event_name, request)
            # As over HTTP: whatever moto trips over is an answer of the service.
            except Exception as error:  # noqa: BLE001
                answer = converted(error, _failed_request(event_name, request))
        headers: Any = dict(answer.headers)
        return AWSResponse(request.url, answer.status, headers, MockRawResponse(answer.body))


def _failed_request(event_name: str, request: Any) -> FailedRequest:
    """event_name: before-send.SERVICE.OPERATION."""
    url = urlsplit(request.url)
    headers = {name.lower(): as_text(value) for name, value in request.headers.items()}
    # Only forms and JSON tell an operation; the bodies of S3 are streams.
    body = request.body if isinstance(request.body, bytes) else b""
    return FailedRequest(event_name.split(".")[1], request.method, url.path, url.query, headers, body)


def as_text(value: Any) -> str:
    """A header, which botocore has as bytes at times."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


@cache
def match_dimensions_exactly() -> None:
    """Let statistics of the service's own metrics be of exactly the dimensions that are asked for, as in AWS.

    moto adds up all data that have at least those, and these metrics are there for each dimension alone and for all
    together (CW-20). Once a process; other namespaces stay as moto has them.
    """
    from moto.cloudwatch.models import MetricDatumBase

    original: Callable[..., bool] = MetricDatumBase.filter

    def filtered(datum: Any, namespace: Any, name: Any, dimensions: Any, **rest: Any) -> bool:
        # Statistics are asked for without a namespace, once that has been compared.
        if namespace is None and datum.namespace == NAMESPACE and len(datum.dimensions) != len(dimensions or ()):
            return False
        return original(datum, namespace, name, dimensions, **rest)

    setattr(MetricDatumBase, "filter", filtered)  # noqa: B010
