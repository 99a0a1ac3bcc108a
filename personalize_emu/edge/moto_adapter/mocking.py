"""Registers an endpoint for the hosts of Personalize in moto's tables, for the in-process mock."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from moto import backend_index, backends, mock_aws
from moto.core.models import botocore_stubber
from moto.personalize import urls as personalize_urls
from moto.personalize.models import PersonalizeBackend

from personalize_emu.edge.moto_adapter.clients import MockEnded, as_text
from personalize_emu.edge.moto_adapter.services.emulators import mocked_by
from personalize_emu.edge.moto_adapter.services.extensions import backend_or_refusal
from personalize_emu.emulator import Emulator

IGNORE_ENDPOINTS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"


@dataclass(frozen=True)
class InterceptedRequest:
    """A request to Personalize that moto intercepted: header names in lower case, path percent-decoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def connection_closed(request: InterceptedRequest) -> Exception:
    """What botocore raises, and retries, when a server closes the connection without an answer."""
    host = request.headers.get("host", "")
    error: Exception = ConnectionClosedError(endpoint_url=f"https://{host}{request.path}")
    return error


@dataclass(frozen=True)
class MockEndpoint:
    """answer: handles requests to the hosts of Personalize. emulator: reset when moto resets its stores."""

    answer: Callable[[InterceptedRequest], tuple[int, dict[str, str], bytes]]
    emulator: Emulator


_PERSONALIZE_HOSTS = r"https?://personalize(-runtime|-events)?(-fips)?\.(.+)\.(amazonaws\.com(\.cn)?|api\.aws)"
_ENDPOINTS = "personalize_emu_endpoints"


@dataclass
class _Endpoints:
    """Registered in moto's tables while a mock is active. The endpoint opened last handles requests."""

    open: list[MockEndpoint] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)
    users: int = 0

    def dispatch(self, request: Any, full_url: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        if not self.open:
            raise MockEnded("the mock this call belongs to is over")
        url = urlsplit(full_url)
        names = {name.lower(): as_text(value) for name, value in dict(headers).items()}
        names.setdefault("host", url.netloc)
        # Newer versions of moto pass their own request, older ones that of botocore.
        body = request.get_data() if hasattr(request, "get_data") else request.body
        path = unquote(url.path) or "/"
        return self.open[-1].answer(InterceptedRequest(request.method, path, url.query, names, _as_bytes(body)))

    def reset(self) -> None:
        for endpoint in self.open:
            endpoint.emulator.reset()

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
        self._replace(backends, "get_backend", backend_or_refusal(backends.get_backend))

    def _ignore_configured_endpoints(self) -> None:
        """Keep AWS_ENDPOINT_URL from sending requests of clients to another server."""
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


def _resetting(endpoints: _Endpoints, original: Callable[[Any], None]) -> Callable[[Any], None]:
    def reset(backend: Any) -> None:
        original(backend)
        endpoints.reset()

    return reset


def _intercepting(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Intercepts clients that were created before moto was imported and lack its stubber."""

    def send(session: Any, request: Any) -> Any:
        response = botocore_stubber("before-send", request)
        return original(session, request) if response is None else response

    return send


_tables = threading.RLock()


@contextmanager
def mocked_personalize(endpoint: MockEndpoint) -> Iterator[None]:
    """Inside the block all AWS calls stay in the process: `endpoint` handles Personalize, moto the others."""
    endpoints: _Endpoints = vars(personalize_urls).setdefault(_ENDPOINTS, _Endpoints())
    with ExitStack() as stack:
        with _tables:
            endpoints.enter()
            stack.callback(endpoints.leave)
        stack.enter_context(mock_aws())
        stack.enter_context(mocked_by(endpoint.emulator))
        endpoints.open.append(endpoint)
        # Removed before mock_aws exits, because moto then resets its stores, which must not reset this endpoint.
        stack.callback(endpoints.open.remove, endpoint)
        yield


def _as_bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else bytes(body)
