"""The only file that knows moto: its server application, its stores, and the private seams we hang on.

    our own calls      client with a stubber of its own ─▶ moto's stores, no HTTP
    one port           embedded_application() ─▶ moto's server applications
    in-process mock    answering(door) puts `door` where moto looks up who answers the hosts of Personalize

Tested with moto 5.1.0 and 5.2.5.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from flask import Flask, request
from flask import Response as FlaskResponse
from moto import backend_index, mock_aws
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.config import default_user_config
from moto.core.model_instances import reset_model_data
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.iam.access_control import AssumedRoleAccessKey, CreateAccessKeyFailure, IAMPolicy, IAMUserAccessKey
from moto.iam.models import get_account_id_from
from moto.personalize import urls as personalize_urls
from moto.personalize.models import PersonalizeBackend
from moto.sts.models import sts_backends
from werkzeug.exceptions import BadRequest, InternalServerError

from personalize_emu.edge.callers import Caller
from personalize_emu.edge.refusals import FORM, refusal
from personalize_emu.service.service_metrics import NAMESPACE
from personalize_emu.wire.sigv4 import credential_scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

IGNORE_ENDPOINTS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
ACCOUNT_HEADER = "x-moto-account-id"
ACCOUNT_VARIABLE = "HTTP_X_MOTO_ACCOUNT_ID"

_log = logging.getLogger("personalize_emu.services")


class UnservedRequest(Exception):
    """Nobody here answers the request. The message is for the client."""


class ServicesGone(RuntimeError):
    """A late job called an embedded service whose mock is over; the next mock's stores are not its own."""


def account_of(access_key: str) -> str | None:
    """The account whose key was issued by the embedded IAM or STS; None for a key nobody issued (P-20)."""
    account: str = get_account_id_from(access_key)
    return None if account == DEFAULT_ACCOUNT_ID else account


def caller_of(access_key: str) -> Caller | None:
    """The user or the session that the embedded IAM or STS issued a key to."""
    account = get_account_id_from(access_key)
    for session in sts_backends[account]["aws"].assumed_roles:
        if session.access_key_id == access_key:
            token = session.session_token
            key: Any = AssumedRoleAccessKey(account, "aws", access_key, {"X-Amz-Security-Token": token})
            expires = session.expiration.replace(tzinfo=UTC).timestamp()
            return Caller(key.arn, session.secret_access_key, token, expires, partial(_documents, key))
    try:
        key = IAMUserAccessKey(account, "aws", access_key, {})
    except CreateAccessKeyFailure:
        return None
    return Caller(key.arn, key.create_credentials().secret_key, policies=partial(_documents, key))


def _documents(key: Any) -> tuple[dict[str, Any], ...]:
    """moto has a policy's document as a text, in a dictionary, or in the default version of a managed one."""
    return tuple(IAMPolicy(policy)._policy_json for policy in key.collect_policies())


def reset_services() -> None:
    """Forget every bucket, role, key and alarm."""
    BackendDict.reset()
    reset_model_data()


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

    def __call__(self, service: str, region: str) -> Any:
        if service == "cloudwatch":
            tell_dimensions_apart()
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
        return self._stubber(event_name, request)


@cache
def tell_dimensions_apart() -> None:
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


def know_managed_policies() -> None:
    """Let programs attach AmazonPersonalizeFullAccess and its like to the roles they make (S-6).

    For a process of its own only: moto then reads a thousand policies at every reset, about a second.
    """
    default_user_config["iam"]["load_aws_managed_policies"] = True


def embedded_application(account: str = DEFAULT_ACCOUNT_ID) -> WSGIApplication:
    """moto's server as a WSGI application. It raises UnservedRequest for a service it does not have.

    Args:
        account: owns what is made with an access key that nobody issued.
    """
    from moto.moto_server import werkzeug_app as moto_server

    # moto's types know only today's services, and keep this setting to themselves.
    werkzeug_app: Any = moto_server

    # Reflecting any Origin would open the port to every web page; bucket CORS rules stay in force.
    werkzeug_app.DISABLE_GLOBAL_CORS = True

    def create(service: str | None) -> Any:
        if service is None:
            raise UnservedRequest("personalize-emu does not embed this AWS service.")
        try:
            app = werkzeug_app.create_backend_app(service)
        except ImportError as error:
            raise UnservedRequest(f"Install moto[{service}] to embed this AWS service: {error}.") from error
        _answer_faults(app, service)
        return app

    dispatcher = werkzeug_app.DomainDispatcherApplication(create)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # moto matches S3 keys against the path as it was sent, under the name that its own server uses.
        if "REQUEST_URI" in environ:
            environ.setdefault("RAW_URI", environ["REQUEST_URI"])
        if environ.get("CONTENT_TYPE", "").startswith(FORM):
            _keep_body(environ)
        if account != DEFAULT_ACCOUNT_ID and not _is_issued_key(environ):
            environ[ACCOUNT_VARIABLE] = account
        try:
            answer: Iterable[bytes] = dispatcher(environ, start_response)
        # What moto trips over while it guesses the service of a malformed request.
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            raise UnservedRequest("No embedded AWS service understands this request.") from error
        return answer

    return application


def _answer_faults(app: Flask, service: str) -> None:
    """Turn what moto lacks, and its own faults, from web pages into errors that AWS clients read."""

    def lacking(error: NotImplementedError) -> FlaskResponse:
        return _refusal(service, 501, "NotImplementedException", f"moto does not implement this: {error}")

    def malformed(error: BadRequest) -> FlaskResponse:
        return _refusal(service, 400, "ValidationError", error.description or "The request is malformed.")

    def faulty(error: InternalServerError) -> FlaskResponse:
        _log.error("embedded %s failed", service, exc_info=error.original_exception)
        return _refusal(service, 500, "InternalFailure", f"The embedded {service} failed; see the log.")

    app.debug = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.register_error_handler(NotImplementedError, lacking)
    app.register_error_handler(BadRequest, malformed)
    app.register_error_handler(InternalServerError, faulty)


def _refusal(service: str, status: int, code: str, message: str) -> FlaskResponse:
    headers = {"content-type": request.headers.get("content-type", "")}
    response = refusal(service, headers, status=status, code=code, message=message)
    return FlaskResponse(response.body, status=response.status, headers=list(response.headers))


def _keep_body(environ: WSGIEnvironment) -> None:
    """moto looks into forms before it serves them; what it cannot decode it would then wait for in vain."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if length.isdecimal():
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(length)))


def _is_issued_key(environ: WSGIEnvironment) -> bool:
    headers = {"authorization": environ.get("HTTP_AUTHORIZATION", "")}
    scope = credential_scope(headers, environ.get("QUERY_STRING", ""))
    return scope is not None and account_of(scope.access_key) is not None


@dataclass(frozen=True)
class Knock:
    """A request to Personalize that moto intercepted: header names in lower case, path percent-decoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Door:
    """What answers the hosts of Personalize, and what happens when moto forgets its stores."""

    answer: Callable[[Knock], tuple[int, dict[str, str], bytes]]
    reset: Callable[[], None]


_PERSONALIZE_HOSTS = r"https?://personalize(-runtime|-events)?(-fips)?\.(.+)\.(amazonaws\.com(\.cn)?|api\.aws)"
_DOORS = "personalize_emu_doors"


@dataclass
class _Doors:
    """Stands in moto's tables while a mock is active. The door opened last answers."""

    open: list[Door] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)
    users: int = 0

    def dispatch(self, request: Any, full_url: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        if not self.open:
            raise ServicesGone("the mock this call belongs to is over")
        url = urlsplit(full_url)
        names = {name.lower(): _as_text(value) for name, value in dict(headers).items()}
        names.setdefault("host", url.netloc)
        # moto hands its own request over in newer versions, botocore's in older ones.
        body = request.get_data() if hasattr(request, "get_data") else request.body
        path = unquote(url.path) or "/"
        return self.open[-1].answer(Knock(request.method, path, url.query, names, _as_bytes(body)))

    def reset(self) -> None:
        for door in self.open:
            door.reset()

    def enter(self) -> None:
        self.users += 1
        if self.users == 1:
            self._install()

    def leave(self) -> None:
        with _tables:
            self.users -= 1
            while self.users == 0 and self.undo:
                self.undo.pop()()

    def _install(self) -> None:
        self._replace(personalize_urls, "url_bases", [_PERSONALIZE_HOSTS])
        self._replace(personalize_urls, "url_paths", {"{0}/.*$": self.dispatch})
        pattern = ("personalize", re.compile(_PERSONALIZE_HOSTS))
        backend_index.backend_url_patterns.insert(0, pattern)
        self.undo.append(lambda: backend_index.backend_url_patterns.remove(pattern))
        self._ignore_configured_endpoints()
        self._replace(PersonalizeBackend, "reset", _resetting(self, PersonalizeBackend.reset))
        self._replace(URLLib3Session, "send", _intercepting(URLLib3Session.send))

    def _ignore_configured_endpoints(self) -> None:
        """Keep an AWS_ENDPOINT_URL of the shell from leading a test's clients out of the mock."""
        before = os.environ.get(IGNORE_ENDPOINTS)
        os.environ[IGNORE_ENDPOINTS] = "true"
        if before is None:
            self.undo.append(lambda: os.environ.pop(IGNORE_ENDPOINTS, None))
        else:
            self.undo.append(lambda: os.environ.update({IGNORE_ENDPOINTS: before}))

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        original = getattr(owner, name)
        setattr(owner, name, value)
        self.undo.append(lambda: setattr(owner, name, original))


def _resetting(doors: _Doors, original: Callable[[Any], None]) -> Callable[[Any], None]:
    def reset(backend: Any) -> None:
        original(backend)
        doors.reset()

    return reset


def _intercepting(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Catches clients older than the import of moto, which know nothing of its stubber."""

    def send(session: Any, request: Any) -> Any:
        response = botocore_stubber("before-send", request)
        return original(session, request) if response is None else response

    return send


_tables = threading.RLock()


@contextmanager
def answering(door: Door) -> Iterator[None]:
    """Inside, no AWS call of any client leaves the process: Personalize is `door`, the rest is moto."""
    doors: _Doors = vars(personalize_urls).setdefault(_DOORS, _Doors())
    with ExitStack() as leaving:
        with _tables:
            doors.enter()
            leaving.callback(doors.leave)
        leaving.enter_context(mock_aws())
        doors.open.append(door)
        # First of all on the way out: moto resets its stores next, which is no reset of this door's.
        leaving.callback(doors.open.remove, door)
        yield


def _as_bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else bytes(body)


def _as_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
