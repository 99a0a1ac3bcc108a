"""One port for everything: Personalize and the admin routes are ours, every other AWS request is the neighbours'.

    guard ─▶ /_emu? ─▶ credential scope says personalize? ─▶ another service? ─▶ no scope: our target, path or host?
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from personalize_emu.edge.application import create_app, is_admin_path
from personalize_emu.edge.moto_seam import (
    EmbeddedClients,
    UnservedRequest,
    account_of,
    embedded_application,
    reset_services,
)
from personalize_emu.edge.origin_guard import foreign_host, foreign_origin
from personalize_emu.edge.refusals import refuse_request
from personalize_emu.emulator import Emulator
from personalize_emu.neighbours import Neighbours
from personalize_emu.settings import Settings
from personalize_emu.state.clock import Clock
from personalize_emu.wire.route import is_ours
from personalize_emu.wire.sigv4 import credential_scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SIGNING_NAME = "personalize"
OUR_HOSTS = ("personalize.", "personalize-runtime.", "personalize-events.")

_log = logging.getLogger("personalize_emu.services")


def emulator_with_services(settings: Settings, clock: Clock | None = None) -> Emulator:
    """An emulator that reads buckets from the embedded services, or from `aws_endpoint` when that is set."""
    if settings.aws_endpoint:
        return Emulator(settings, clock=clock)
    return Emulator(settings, clock=clock, neighbours=Neighbours(EmbeddedClients(settings.account)))


def one_port(emulator: Emulator) -> OnePort:
    """The WSGI application that answers for `emulator` and, unless `aws_endpoint` is set, for other AWS services."""
    settings = emulator.settings
    if settings.aws_endpoint:
        return OnePort(create_app(emulator), _elsewhere, settings.host)
    ours = create_app(emulator, account_of=account_of, reset_services=reset_services)
    return OnePort(ours, embedded_application(settings.account), settings.host)


@dataclass(frozen=True)
class OnePort:
    """Decides by the service in the credential scope, and without one by target, path and host (P-8)."""

    ours: WSGIApplication
    services: WSGIApplication
    own_host: str

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path, headers = environ["REQUEST_METHOD"], environ.get("PATH_INFO") or "/", _headers(environ)
        scope = credential_scope(headers, environ.get("QUERY_STRING", ""))
        service = scope.service if scope else None
        admin = is_admin_path(path)
        personalize = not admin and _is_personalize(method, path, headers, service)
        reason = foreign_host(headers.get("host", ""), self.own_host)
        if reason is None and not personalize:
            reason = foreign_origin(method, headers)
        if reason is not None:
            return refuse_request(
                start_response, headers, service, status=403, code="AccessDeniedException", message=reason
            )
        if admin or personalize:
            return self.ours(environ, start_response)
        return self._ask_services(environ, start_response, headers, service)

    def _ask_services(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        headers: Mapping[str, str],
        service: str | None,
    ) -> Iterable[bytes]:
        try:
            return self.services(environ, start_response)
        except UnservedRequest as error:
            status, code, message = 501, "NotImplementedException", str(error)
        # The services are another project's code; a fault of theirs must reach the client as an AWS error too.
        except Exception:  # noqa: BLE001
            _log.exception("an embedded AWS service failed: %s", service)
            status, code, message = 500, "InternalFailure", "An embedded AWS service failed; see the log."
        return refuse_request(start_response, headers, service, status=status, code=code, message=message)


def _elsewhere(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise UnservedRequest("This port serves Personalize only; the other AWS services are at the aws_endpoint option.")


def _is_personalize(method: str, path: str, headers: Mapping[str, str], service: str | None) -> bool:
    if service is not None:
        return service == SIGNING_NAME
    return is_ours(method, path, headers) or headers.get("host", "").startswith(OUR_HOSTS)


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """Header names in lower case, with dashes."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    return headers
