"""Between whole HTTP requests and responses and WSGI: of the applications of Flask and moto, and of other servers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from personalize_emu.edge.http.messages import Head, HttpRequest
from personalize_emu.wire.render import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PORTS = MappingProxyType({"http": "80", "https": "443"})
_STATUSES = frozenset(HTTPStatus)
_NOT_PASSED_ON = frozenset({"content-type", "content-length", "transfer-encoding", "expect", "connection", "upgrade"})


def call_wsgi(application: WSGIApplication, request: HttpRequest) -> Response:
    """The application's answer. What it raises is raised."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None, /) -> Callable[[bytes], object]:
        started[:] = [(status, headers)]
        return written.append

    chunks = application(environ_of(request), start_response)
    try:
        written.extend(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    ((status, headers),) = started
    return Response(int(status[:3]), tuple(headers), b"".join(written))


def environ_of(request: HttpRequest) -> WSGIEnvironment:
    """The body's length is that of what has arrived, so that a chunked one is like any other."""
    head = request.head
    host, _, port = head.headers.get("host", "").rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(head.path).decode("latin-1"),
        "QUERY_STRING": head.query,
        "REQUEST_URI": _local(head),
        "SERVER_PROTOCOL": f"HTTP/{head.version}",
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port if port.isdecimal() else _PORTS[head.scheme],
        "CONTENT_TYPE": head.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(request.body.length),
        **({"REMOTE_ADDR": head.address} if head.address else {}),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": head.scheme,
        "wsgi.input": request.body.open(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in head.headers.items():
        # A name with an underscore would pass for another one.
        if name not in _NOT_PASSED_ON and "_" not in name:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def headers_of(environ: WSGIEnvironment) -> dict[str, str]:
    """The headers of a request, names in lower case with dashes."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    return headers


def path_of(environ: WSGIEnvironment) -> str:
    """The path of a request, percent-decoded, with one slash at its start."""
    path: str = environ.get("PATH_INFO") or "/"
    return "/" + path.encode("latin-1").decode(errors="replace").lstrip("/")


def sent(response: Response, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Begin a response and return its body."""
    phrase = HTTPStatus(response.status).phrase if response.status in _STATUSES else "Unknown"
    start_response(f"{response.status} {phrase}", list(response.headers))
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body]


def _local(head: Head) -> str:
    return f"{head.path}?{head.query}" if head.query else head.path
