"""The Flask application of Amazon Personalize's three services and of the admin routes."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Request, request
from flask import Response as FlaskResponse
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from personalize_emu.edge.admin import routes as admin
from personalize_emu.edge.auth.access_control import AccessCheck, access_check_for
from personalize_emu.edge.auth.callers import CallerOf, no_issued_keys
from personalize_emu.edge.http.faulty_response import wait_for
from personalize_emu.edge.request_pipeline import AccountOf, answer, default_account, refuse
from personalize_emu.emulator import Emulator
from personalize_emu.wire.errors import AwsError, RequestEntityTooLargeException, SerializationException
from personalize_emu.wire.render import Response

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
    reset_services: admin.ResetServices = _no_services,
) -> Flask:
    """A Flask application that serves `emulator` on every path and method.

    Args:
        account_of: the account an access key belongs to (P-20).
        issued: looks up the owner of an access key that is not in the settings, for the option `auth`.
        reset_services: resets other services that share the lifetime of this emulator.
    """
    access_check = access_check_for(emulator.settings, issued)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.register_blueprint(admin.admin_routes(emulator, reset_services))

    # Before routing, because AWS requests use any method and path, and Flask would answer some of them itself.
    @app.before_request
    def serve_aws() -> ResponseReturnValue | None:
        if is_admin_path(request.path):
            return None
        response = _answer_flask_request(emulator, request, account_of, access_check)
        wait_for(response)
        return to_flask(response)

    app.register_error_handler(404, lambda _: admin.no_such_route(404))
    app.register_error_handler(405, lambda _: admin.no_such_route(405))
    return app


def is_admin_path(path: str) -> bool:
    return path == admin.PREFIX or path.startswith(admin.PREFIX + "/")


def to_flask(response: Response) -> FlaskResponse:
    return FlaskResponse(response.body, status=response.status, headers=list(response.headers))


def _answer_flask_request(
    emulator: Emulator, incoming: Request, account_of: AccountOf, access_check: AccessCheck
) -> Response:
    method, path = incoming.method, incoming.path
    headers = {name.lower(): value for name, value in incoming.headers.items()}
    try:
        body = incoming.get_data(cache=False)
    except HTTPException as error:
        return refuse(emulator, method, path, headers, _as_aws_error(error))
    query = incoming.query_string.decode("latin-1")
    return answer(
        emulator,
        method,
        path,
        query,
        headers,
        body,
        account_of=account_of,
        access_check=access_check,
        patience=emulator.settings.instant_timeout,
    )


def _as_aws_error(error: HTTPException) -> AwsError:
    if isinstance(error, RequestEntityTooLarge):
        return RequestEntityTooLargeException(f"The body is larger than {LARGEST_BODY} bytes.")
    return SerializationException("The body could not be read to its end.")
