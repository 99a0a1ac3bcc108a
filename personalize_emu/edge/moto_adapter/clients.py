"""boto3 clients of our own that reach moto's stores without HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber

from personalize_emu.edge.moto_adapter.adaptation import adapt_moto
from personalize_emu.edge.moto_adapter.bucket_policies import as_service
from personalize_emu.edge.moto_adapter.faults import FailedRequest, converted
from personalize_emu.edge.moto_adapter.resetting import using_services
from personalize_emu.edge.moto_adapter.sessions import access_enforced
from personalize_emu.service.service_metrics import NAMESPACE

ACCOUNT_HEADER = "x-moto-account-id"


class MockEnded(RuntimeError):
    """A job called an embedded service after its mock had ended; it must not use the stores of the next mock."""


@cache
def _session() -> Any:
    """The session shared by all emulators, because loading a service model is slow."""
    return boto3.session.Session(aws_access_key_id="personalize-emu", aws_secret_access_key="personalize-emu")


_making_clients = threading.RLock()
"""boto3 sessions are not safe to share between threads while they make clients."""


def new_client(service: str, region: str, **options: Any) -> Any:
    """A client with a key that every emulator accepts. options: of botocore's Config.

    It ignores AWS_ENDPOINT_URL, which would lead to another server.
    """
    with _making_clients:
        config = Config(**{"ignore_configured_endpoint_urls": True, **options})
        return _session().client(service, region_name=region, config=config)


@cache
def _shared_client(service: str, region: str) -> Any:
    """A client for all emulators of the process, because making one takes longer than most calls of an emulator."""
    if service == "cloudwatch":
        match_dimensions_exactly()
    client = new_client(service, region, retries={"total_max_attempts": 1})
    # moto registers its stubber on every client and botocore calls all handlers: calls would be processed twice.
    client.meta.events.unregister("before-send", botocore_stubber)
    client.meta.events.register_first("before-send", _send_for_caller)
    return client


_caller: ContextVar[EmbeddedClients] = ContextVar("_caller")
"""The clients whose call this thread makes."""


def _send_for_caller(event_name: str, request: Any, **_: Any) -> Any:
    return _caller.get().send(event_name, request)


class EmbeddedClients:
    """Creates boto3 clients that use moto's stores without HTTP, in any thread, inside and outside mock_aws."""

    def __init__(self, account: str = DEFAULT_ACCOUNT_ID) -> None:
        self._account = account
        self._closed = threading.Event()
        self._stubber = BotocoreStubber()
        self._stubber.enabled = True
        adapt_moto()

    def __call__(self, service: str, region: str) -> Any:
        with _making_clients:
            shared = _shared_client(service, region)
        # copy.copy would ask the unfinished copy for attributes, which clients answer from their model.
        own = object.__new__(type(shared))
        vars(own).update(vars(shared))

        def make_api_call(operation_name: str, parameters: dict[str, Any]) -> Any:
            token = _caller.set(self)
            try:
                return type(own)._make_api_call(own, operation_name, parameters)
            finally:
                _caller.reset(token)

        own._make_api_call = make_api_call
        return own

    def close(self) -> None:
        """Refuse all further calls of the clients created here."""
        self._closed.set()

    def send(self, event_name: str, request: Any) -> Any:
        """moto's answer to a request. event_name: before-send.SERVICE.OPERATION. Raises MockEnded."""
        if self._closed.is_set():
            raise MockEnded("the mock this call belongs to is over")
        if self._account != DEFAULT_ACCOUNT_ID:
            request.headers[ACCOUNT_HEADER] = self._account
        with using_services(event_name.split(".")[1]), as_service(self._account), access_enforced(None):
            try:
                return self._stubber(event_name, request)
            # As over HTTP, any exception of moto becomes an error response of the service.
            except Exception as error:  # noqa: BLE001
                answer = converted(error, _failed_request(event_name, request))
        headers: Any = dict(answer.headers)
        return AWSResponse(request.url, answer.status, headers, MockRawResponse(answer.body))


def _failed_request(event_name: str, request: Any) -> FailedRequest:
    """event_name: before-send.SERVICE.OPERATION."""
    url = urlsplit(request.url)
    headers = {name.lower(): as_text(value) for name, value in request.headers.items()}
    # Only forms and JSON name an operation; bodies of S3 requests are streams.
    body = request.body if isinstance(request.body, bytes) else b""
    return FailedRequest(event_name.split(".")[1], request.method, url.path, url.query, headers, body)


def as_text(value: Any) -> str:
    """A header value as text; botocore sometimes passes bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


@cache
def match_dimensions_exactly() -> None:
    """Make CloudWatch statistics of the service metrics match the requested dimensions exactly, as in AWS.

    moto sums all data that have at least these dimensions, and each of these metrics exists with single dimensions and
    with all of them (CW-20). Applied once per process; other namespaces are unchanged.
    """
    from moto.cloudwatch.models import MetricDatumBase

    original: Callable[..., bool] = MetricDatumBase.filter

    def filtered(datum: Any, namespace: Any, name: Any, dimensions: Any, **rest: Any) -> bool:
        # moto calls this again without a namespace after comparing it.
        if namespace is None and datum.namespace == NAMESPACE and len(datum.dimensions) != len(dimensions or ()):
            return False
        return original(datum, namespace, name, dimensions, **rest)

    setattr(MetricDatumBase, "filter", filtered)  # noqa: B010
