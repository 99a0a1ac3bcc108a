"""One port for everything: Personalize and the admin routes are ours, other AWS requests the neighbours'.

guard ─▶ /_emu? ─▶ credential scope: personalize or another? ─▶ no scope: our target, path or host?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from personalize_emu.edge.application import create_app, is_admin_path, to_flask
from personalize_emu.edge.moto_seam import (
    EmbeddedClients,
    UnservedRequest,
    account_of,
    caller_of,
    embedded_application,
    reset_services,
)
from personalize_emu.edge.origin_guard import foreign_host, foreign_origin
from personalize_emu.edge.refusals import FORM, refusal
from personalize_emu.emulator import Emulator
from personalize_emu.neighbours import Neighbours
from personalize_emu.settings import Settings
from personalize_emu.state.clock import Clock
from personalize_emu.wire.route import is_ours
from personalize_emu.wire.sigv4 import credential_scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SERVICES_CALLED_UNSIGNED = "AWSCognito"
OUR_HOSTS = ("personalize.", "personalize-runtime.", "personalize-events.")


def emulator_with_services(settings: Settings, clock: Clock | None = None) -> Emulator:
    """An emulator that reads buckets from the embedded services, or from `aws_endpoint` when that is set."""
    if settings.aws_endpoint:
        return Emulator(settings, clock=clock)
    return Emulator(settings, clock=clock, neighbours=Neighbours(EmbeddedClients(settings.account)))


def one_port(emulator: Emulator) -> OnePort:
    """The application that answers for `emulator` and, unless `aws_endpoint` is set, for other AWS services."""
    settings = emulator.settings
    if settings.aws_endpoint:
        return OnePort(create_app(emulator), _elsewhere, settings.host)
    ours = create_app(emulator, account_of=account_of, issued=caller_of, reset_services=reset_services)
    return OnePort(ours, embedded_application(settings.account), settings.host)


@dataclass(frozen=True)
class OnePort:
    """Decides by the service in the credential scope, and without one by target, path and host (P-8)."""

    ours: WSGIApplication
    services: WSGIApplication
    own_host: str

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path, headers = environ["REQUEST_METHOD"], environ.get("PATH_INFO") or "/", _headers(environ)
        query = environ.get("QUERY_STRING", "")
        scope = credential_scope(headers, query)
        service = scope.service if scope else None
        personalize = _is_personalize(method, path, headers, query, signed=scope is not None)
        reason = foreign_host(headers.get("host", ""), self.own_host)
        if reason is None and not personalize:
            reason = foreign_origin(method, headers)
        if reason is not None:
            answer = refusal(service, headers, status=403, code="AccessDeniedException", message=reason)
            return to_flask(answer)(environ, start_response)
        if personalize or is_admin_path(path):
            return self.ours(environ, start_response)
        try:
            return self.services(environ, start_response)
        except UnservedRequest as error:
            message = str(error)
        answer = refusal(service, headers, status=501, code="NotImplementedException", message=message)
        return to_flask(answer)(environ, start_response)


def _elsewhere(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise UnservedRequest("This port serves Personalize only; the option aws_endpoint says where the rest is.")


def _is_personalize(method: str, path: str, headers: Mapping[str, str], query: str, *, signed: bool) -> bool:
    if is_admin_path(path):
        return False
    if is_ours(method, path, headers, query):
        return True
    if signed:
        return False
    return headers.get("host", "").startswith(OUR_HOSTS) or _is_lost_call(method, path, headers)


def _is_lost_call(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether an unsigned call asks for an operation nobody has: moto would answer it as S3 (P-57)."""
    if method != "POST" or path != "/" or headers.get("content-type", "").startswith(FORM):
        return False
    return not headers.get("x-amz-target", "").startswith(SERVICES_CALLED_UNSIGNED)


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """Header names in lower case, with dashes."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    return headers
