"""moto's server as a WSGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from moto.core.models import DEFAULT_ACCOUNT_ID

from personalize_emu.edge.auth.query_access import ANYBODY, ServiceAccess
from personalize_emu.edge.http.error_responses import FORM, MalformedRequest, UnservedRequest
from personalize_emu.edge.moto_adapter.accounts import account_of
from personalize_emu.edge.moto_adapter.adaptation import adapt_moto, let_objects_go
from personalize_emu.edge.moto_adapter.deliveries import deliveries, guard
from personalize_emu.edge.moto_adapter.faults import FORM_BODY, answer_faults
from personalize_emu.edge.moto_adapter.keeping.service_keeper import keep_changes
from personalize_emu.edge.moto_adapter.resetting import using_services
from personalize_emu.edge.moto_adapter.services.emulators import serving
from personalize_emu.edge.moto_adapter.services.extensions import extend, missing_package
from personalize_emu.edge.moto_adapter.sessions import access_enforced
from personalize_emu.emulator import Emulator
from personalize_emu.wire.sigv4 import credential_scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ADMIN = "moto_api"
HOSTS = 1024
"""Host names of which it is remembered whose they are."""
ACCOUNT_VARIABLE = "HTTP_X_MOTO_ACCOUNT_ID"


def embedded_application(
    account: str = DEFAULT_ACCOUNT_ID,
    *,
    http_deliveries: bool = False,
    emulator: Emulator | None = None,
    access: ServiceAccess = ANYBODY,
) -> WSGIApplication:
    """moto's server as a WSGI application.

    The application raises UnservedRequest for services that moto lacks, and MalformedRequest if the service of a
    request cannot be determined.

    Args:
        account: owner of resources created with an unknown access key.
        http_deliveries: whether services may send HTTP requests to addresses given by clients.
        emulator: whose resources stacks and other services show and change.
        access: what is checked of requests to IAM and STS.
    """
    from moto.moto_server import werkzeug_app as moto_server

    # moto's type hints lack this setting.
    werkzeug_app: Any = moto_server

    # Reflecting any Origin would allow requests of every web page; CORS rules of buckets still apply.
    werkzeug_app.DISABLE_GLOBAL_CORS = True

    def create(service: str | None) -> Any:
        if service is None or service == _ADMIN:
            raise UnservedRequest("personalize-emu does not embed this AWS service.")
        try:
            app = werkzeug_app.create_backend_app(service)
        except ImportError as error:
            raise UnservedRequest(missing_package(service, error)) from error
        guard(service)
        extend(service)
        answer_faults(app, service)
        return app

    let_objects_go()
    adapt_moto()
    dispatcher = _without_admin_routes(werkzeug_app.DomainDispatcherApplication)(create)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # moto matches S3 keys against the undecoded path, under the variable that its own server sets.
        if "REQUEST_URI" in environ:
            environ.setdefault("RAW_URI", environ["REQUEST_URI"])
        if environ.get("CONTENT_TYPE", "").startswith(FORM):
            _keep_body(environ)
        scope = credential_scope(
            {"authorization": environ.get("HTTP_AUTHORIZATION", "")}, environ.get("QUERY_STRING", "")
        )
        if account != DEFAULT_ACCOUNT_ID and (scope is None or account_of(scope.access_key) is None):
            environ[ACCOUNT_VARIABLE] = account
        try:
            with (
                using_services(scope.service if scope else None),
                deliveries(allowed=http_deliveries),
                serving(emulator),
                access_enforced(access),
            ):
                answer: Iterable[bytes] = dispatcher(environ, start_response)
                keep_changes(scope.service if scope else None)
        # Raised while moto determines the service of a malformed request.
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            raise MalformedRequest("No embedded AWS service understands this request.") from error
        return answer

    return application


def _without_admin_routes(dispatcher: Any) -> Any:
    """moto's dispatcher without the routes below /moto-api, which is an ordinary bucket name here.

    Those routes let any client, including web pages, reset, seed and record to disk.
    """

    class Dispatcher(dispatcher):  # type: ignore[misc]
        def __init__(self, create_app: Callable[[str | None], Any]) -> None:
            super().__init__(create_app)
            # moto lists its folder and tries every service's pattern, twice a request, for what is always the same.
            self._backend_of = lru_cache(HOSTS)(super().get_backend_for_host)

        def get_backend_for_host(self, host: str | None) -> Any:
            return None if host == _ADMIN else self._backend_of(host)

    return Dispatcher


def _keep_body(environ: WSGIEnvironment) -> None:
    """Buffer the body of a form: moto reads it to find the service, and again to process the request."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if length.isdecimal():
        environ[FORM_BODY] = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = BytesIO(environ[FORM_BODY])
