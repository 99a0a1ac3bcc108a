"""Carries a whole HTTP request through a WSGI application, of Flask or of moto."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from personalize_emu.edge.http.messages import Head, HttpRequest
from personalize_emu.wire.render import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

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
        "SERVER_PORT": port if port.isdecimal() else "80",
        "CONTENT_TYPE": head.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(request.body.length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
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


def _local(head: Head) -> str:
    return f"{head.path}?{head.query}" if head.query else head.path
