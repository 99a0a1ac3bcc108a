"""The Flask application of Amazon Personalize's three services and of the admin routes.

    WSGI ─▶ PersonalizeMiddleware ── /_emu ──▶ Flask: the admin routes
                     └─ all else ──▶ request_pipeline.answer

AWS requests use any method and path, and need nothing of Flask, whose request objects take longer than most answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Flask, Request, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from personalize_emu.edge.admin import routes as admin
from personalize_emu.edge.admin.account_view import restrict, visible
from personalize_emu.edge.admin.requests import refused
from personalize_emu.edge.admin.whole_state import ResetServices
from personalize_emu.edge.auth.access_control import AccessCheck, access_check_for
from personalize_emu.edge.auth.admin_access import AdminAccess, AdminCheck, admin_check_for
from personalize_emu.edge.auth.callers import CallerOf, no_issued_keys
from personalize_emu.edge.auth.condition_keys import request_facts
from personalize_emu.edge.console import routes as console
from personalize_emu.edge.http.faulty_response import wait_for
from personalize_emu.edge.http.wsgi import headers_of, path_of, sent
from personalize_emu.edge.request_pipeline import LOOPBACK, AccountOf, answer, default_account, refuse
from personalize_emu.emulator import Emulator
from personalize_emu.wire.errors import AwsError, RequestEntityTooLargeException, SerializationException
from personalize_emu.wire.render import Response
from personalize_emu.wire.sigv4 import SignedRequest, credential_scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORBIDDEN = 403
LARGEST_BODY = 4 * 1024 * 1024
"""Bytes. Several times the largest request the service model allows."""


def _no_services(reset: Callable[[], None]) -> None:
    """Used without embedded services: resets the emulator alone."""
    reset()


def create_app(
    emulator: Emulator,
    *,
    account_of: AccountOf = default_account,
    issued: CallerOf = no_issued_keys,
    reset_services: ResetServices = _no_services,
) -> Flask:
    """A Flask application that serves `emulator` on every path and method.

    Args:
        account_of: the account an access key belongs to (P-20).
        issued: looks up the owner of an access key that is not in the settings, for the option `auth`.
        reset_services: resets other services that share the lifetime of this emulator.
    """
    access_check, admin_check = access_check_for(emulator.settings, issued), admin_check_for(emulator.settings, issued)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.register_blueprint(admin.admin_routes(visible(emulator), reset_services))
    app.register_blueprint(console.console_routes(visible(emulator)))
    middleware = PersonalizeMiddleware(emulator, app.wsgi_app, account_of, access_check)
    app.wsgi_app = middleware  # type: ignore[method-assign]

    @app.before_request
    def check_admin_access() -> ResponseReturnValue | None:
        if not is_admin_path(request.path):
            return None
        access = _admin_access(request, admin_check, emulator)
        reason = access.refusal
        if access.account is not None:
            route = request.path.removeprefix(admin.PREFIX).strip("/")
            reason = restrict(access.account, emulator.settings.account, request.method, route)
        return None if reason is None else refused(FORBIDDEN, reason)

    app.register_error_handler(404, _no_such_route)
    app.register_error_handler(405, _no_such_route)
    return app


def _no_such_route(error: HTTPException) -> ResponseReturnValue:
    if console.is_console_path(request.path):
        return console.error_page(error)
    return admin.no_such_route(error.code or 404)


def _admin_access(incoming: Request, admin_check: AdminCheck, emulator: Emulator) -> AdminAccess:
    headers = {name.lower(): value for name, value in incoming.headers.items()}
    query = incoming.query_string.decode("latin-1")
    signed = SignedRequest(incoming.method, incoming.path, query, headers, incoming.get_data())
    route = incoming.path.removeprefix(admin.PREFIX).strip("/").partition("/")[0]
    scope = credential_scope(headers, query)
    region = emulator.settings.region if scope is None else scope.region
    facts = request_facts(headers, incoming.remote_addr or LOOPBACK, region, emulator.clock.now())
    return admin_check(signed, route, facts)


def is_admin_path(path: str) -> bool:
    return path == admin.PREFIX or path.startswith(admin.PREFIX + "/")


@dataclass(frozen=True)
class PersonalizeMiddleware:
    """A WSGI application that answers requests for Personalize and passes those for admin routes to `application`."""

    emulator: Emulator
    application: WSGIApplication
    account_of: AccountOf
    access_check: AccessCheck

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = path_of(environ)
        if is_admin_path(path):
            return self.application(environ, start_response)
        response = self._answer(environ, path)
        wait_for(response)
        return sent(response, environ, start_response)

    def _answer(self, environ: WSGIEnvironment, path: str) -> Response:
        method, headers = environ["REQUEST_METHOD"], headers_of(environ)
        try:
            body = get_input_stream(environ, max_content_length=LARGEST_BODY).read()
        except HTTPException as error:
            return refuse(self.emulator, method, path, headers, _as_aws_error(error))
        return answer(
            self.emulator,
            method,
            path,
            environ.get("QUERY_STRING", ""),
            headers,
            body,
            account_of=self.account_of,
            access_check=self.access_check,
            patience=self.emulator.settings.instant_timeout,
            address=environ.get("REMOTE_ADDR") or LOOPBACK,
        )


def _as_aws_error(error: HTTPException) -> AwsError:
    if isinstance(error, RequestEntityTooLarge):
        return RequestEntityTooLargeException(f"The body is larger than {LARGEST_BODY} bytes.")
    return SerializationException("The body could not be read to its end.")
