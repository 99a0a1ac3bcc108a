"""One port for all services: Personalize and the admin routes, and the embedded AWS services for other requests.

origin check ─▶ /_emu? ─▶ service in the credential scope ─▶ without scope: target, path or host

The destination is determined from the head alone, before the body has been received.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeVar

from personalize_emu.aws_services import AwsServices
from personalize_emu.edge.application import create_app, is_admin_path
from personalize_emu.edge.auth.access_control import AccessCheck, access_check_for, allow_all
from personalize_emu.edge.auth.callers import no_issued_keys
from personalize_emu.edge.auth.query_access import service_access_for
from personalize_emu.edge.embedded_services import (
    EmbeddedKeys,
    account_at_once,
    account_of,
    caller_of,
    client_factory,
    keep_services,
    reset_services,
    services_application,
    write_services,
)
from personalize_emu.edge.http.error_responses import FORM, UnservedRequest, refusal
from personalize_emu.edge.http.messages import Head, HttpRequest
from personalize_emu.edge.http.origin_check import foreign_host, foreign_origin
from personalize_emu.edge.http.wsgi import call_wsgi, headers_of, sent
from personalize_emu.edge.request_log import log_service_call
from personalize_emu.edge.request_log import services as _log
from personalize_emu.edge.request_pipeline import (
    LOOPBACK,
    AccountOf,
    RequestContext,
    answer,
    answer_at_once,
    default_account,
    finish,
)
from personalize_emu.emulator import Emulator
from personalize_emu.recipes.training.training_process import TrainingProcesses
from personalize_emu.settings import Settings
from personalize_emu.state.clock import Clock
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.wire.render import Response
from personalize_emu.wire.route import is_ours
from personalize_emu.wire.sigv4 import CredentialScope, credential_scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

R = TypeVar("R")
SERVICES_CALLED_UNSIGNED = "AWSCognito"
WRITTEN_LATER = "PutEvents"
"""The operation that the event loop carries out although it changes what is kept."""
OK = 200
OUR_HOSTS = ("personalize.", "personalize-runtime.", "personalize-events.")


def emulator_with_services(
    settings: Settings, clock: Clock | None = None, training_processes: TrainingProcesses | None = None
) -> Emulator:
    """An emulator that uses the buckets of the embedded services, or of `aws_endpoint` if that is set."""
    services = None if settings.aws_endpoint else AwsServices(client_factory(settings.account), EmbeddedKeys())
    parts: dict[str, Any] = {"aws_services": services, "training_processes": training_processes}
    emulator = Emulator(settings, clock=clock, **parts, resumes_jobs=True)
    if services is not None and emulator.service_rows is not None:
        keep_services(emulator.service_rows)
    if services is not None:
        emulator.write_services = write_services
    emulator.resume_jobs()
    return emulator


def one_port(emulator: Emulator) -> OnePort:
    """The application for `emulator` and, unless `aws_endpoint` is set, for the embedded AWS services."""
    settings = emulator.settings
    if settings.aws_endpoint:
        return OnePort(emulator, create_app(emulator), _not_embedded, access_check_for(settings, no_issued_keys))
    ours = create_app(emulator, account_of=account_of, issued=caller_of, reset_services=reset_services)
    services = services_application(
        settings.account,
        http_deliveries=settings.http_deliveries,
        emulator=emulator,
        access=service_access_for(settings, caller_of),
    )
    return OnePort(emulator, ours, services, access_check_for(settings, caller_of), account_of, account_at_once)


class Receiver(Enum):
    """The part that handles a request."""

    PERSONALIZE = auto()
    ADMIN = auto()
    SERVICES = auto()


@dataclass(frozen=True)
class Destination:
    """scope: of the credentials of the request. refusal: the response if the request is not allowed."""

    receiver: Receiver
    scope: CredentialScope | None
    refusal: Response | None

    @property
    def service(self) -> str | None:
        """The signing name."""
        return self.scope.service if self.scope else None


@dataclass(frozen=True)
class Unwritten:
    """The response to a request whose events are to be written before it is sent. refused: if they cannot be."""

    response: Response
    refused: Callable[[NotWritten], Response]

    def after(self, failure: NotWritten | None) -> Response:
        return self.response if failure is None else self.refused(failure)


@dataclass(frozen=True)
class OnePort:
    """Dispatches by the service in the credential scope, or else by target, path and host (P-8).

    Takes requests as plain values (`answer`), and is a WSGI application as well.
    """

    emulator: Emulator
    ours: WSGIApplication
    services: WSGIApplication
    access_check: AccessCheck = allow_all
    account_of: AccountOf = default_account
    account_at_once: AccountOf = default_account
    """As `account_of`, for the event loop: raises MustWait."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path, headers = environ["REQUEST_METHOD"], environ.get("PATH_INFO") or "/", headers_of(environ)
        destination = self.destination(method, path, environ.get("QUERY_STRING", ""), headers)
        if destination.refusal is not None:
            return sent(destination.refusal, environ, start_response)
        if destination.receiver is not Receiver.SERVICES:
            return self.ours(environ, start_response)
        try:
            return self.services(environ, start_response)
        except UnservedRequest as error:
            answer = _unserved(destination.service, headers, error)
        return sent(answer, environ, start_response)

    def destination(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Destination:
        """The destination of a request. path: percent-decoded. headers: names in lower case."""
        scope = credential_scope(headers, query)
        personalize = _is_personalize(method, path, headers, scope)
        reason = foreign_host(headers.get("host", ""), self.emulator.settings.host)
        if reason is None and not personalize:
            reason = foreign_origin(method, headers)
        refused = None
        if reason is not None:
            service = scope.service if scope else None
            refused = refusal(service, headers, status=403, code="AccessDeniedException", message=reason)
        if personalize:
            return Destination(Receiver.PERSONALIZE, scope, refused)
        receiver = Receiver.ADMIN if is_admin_path(path) else Receiver.SERVICES
        return Destination(receiver, scope, refused)

    def answer(self, destination: Destination, path: str, request: HttpRequest) -> Response:
        """Process a complete request. path: percent-decoded. Never raises."""
        if destination.refusal is not None:
            return destination.refusal
        return self._guarded(destination, request.head, lambda: self._answer(destination, path, request))

    def begin(
        self, destination: Destination, path: str, request: HttpRequest
    ) -> Response | Unwritten | Callable[[], Response]:
        """Process a request for Personalize in the event loop, as far as this is possible without waiting.

        Returns the response, or what makes it in a thread that may wait. Never raises, nor does what it returns. The
        method is another than OPTIONS; there is no access check, which may wait.
        """
        head, settings = request.head, self.emulator.settings
        fixed = (self.emulator, head.method, path, head.query, head.headers, request.body.read())
        context = RequestContext(*fixed, self.account_at_once, allow_all, settings.instant_timeout, destination.scope)

        def rest() -> Response:
            context.account_of = self.account_of
            return self._guarded(destination, head, lambda: finish(context))

        response = self._guarded(destination, head, lambda: answer_at_once(context))
        if response is None:
            return rest
        stored = response.status == OK and context.known_operation.name == WRITTEN_LATER
        if not (stored and self.emulator.writes_later):
            return response
        return Unwritten(response, lambda error: _not_written(destination, head, error))

    def _guarded(self, destination: Destination, head: Head, work: Callable[[], R]) -> R | Response:
        """The result of `work`; what it raises becomes a response."""
        started = time.perf_counter()
        try:
            response: R | Response = work()
        except UnservedRequest as error:
            response = _unserved(destination.service, head.headers, error)
        except NotWritten as error:
            response = _not_written(destination, head, error)
        # Any other fault: clients get an error in their format, the log the traceback.
        except Exception:  # noqa: BLE001
            _log.exception("%s %s failed", head.method, head.path)
            response = _failed(destination.service, head.headers)
        if destination.receiver is Receiver.SERVICES and isinstance(response, Response):
            seconds = time.perf_counter() - started
            log_service_call(destination.service, head.method, head.path, response.status, seconds)
        return response

    def _answer(self, destination: Destination, path: str, request: HttpRequest) -> Response:
        if destination.receiver is not Receiver.PERSONALIZE:
            return call_wsgi(self.ours if destination.receiver is Receiver.ADMIN else self.services, request)
        head = request.head
        return answer(
            self.emulator,
            head.method,
            path,
            head.query,
            head.headers,
            request.body.read(),
            account_of=self.account_of,
            access_check=self.access_check,
            patience=self.emulator.settings.instant_timeout,
            address=head.address or LOOPBACK,
        )


def _not_written(destination: Destination, head: Head, error: NotWritten) -> Response:
    return refusal(destination.service, head.headers, status=error.status, code=error.code, message=error.message)


def _failed(service: str | None, headers: Mapping[str, str]) -> Response:
    message = "The emulator failed; its log has the details."
    return refusal(service, headers, status=500, code="InternalFailure", message=message)


def _unserved(service: str | None, headers: Mapping[str, str], error: UnservedRequest) -> Response:
    return refusal(service, headers, status=error.status, code=error.code, message=str(error))


def _not_embedded(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise UnservedRequest("This server only provides Personalize; other services are at the option aws_endpoint.")


def _is_personalize(method: str, path: str, headers: Mapping[str, str], scope: CredentialScope | None) -> bool:
    if is_admin_path(path):
        return False
    if is_ours(method, path, headers, scope):
        return True
    if scope is not None:
        return False
    return headers.get("host", "").startswith(OUR_HOSTS) or _is_unknown_operation(method, path, headers)


def _is_unknown_operation(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether an unsigned call names an unknown operation; moto would treat it as a request for S3 (P-57)."""
    if method != "POST" or path != "/" or headers.get("content-type", "").startswith(FORM):
        return False
    return not headers.get("x-amz-target", "").startswith(SERVICES_CALLED_UNSIGNED)
