"""Answers for requests that no emulated service takes, in a shape the client that sent them can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

XML_SERVICES = frozenset({"s3", "s3-control", "s3express", "cloudfront", "route53"})
FORM = "application/x-www-form-urlencoded"


def refuse_request(
    start_response: StartResponse,
    headers: Mapping[str, str],
    service: str | None,
    *,
    status: int,
    code: str,
    message: str,
) -> list[bytes]:
    """Send an AWS-shaped error: XML to clients of XML and query services, JSON to all others.

    Args:
        headers: of the request, names in lower case.
        service: from the credential scope, or None.
    """
    if service in XML_SERVICES or headers.get("content-type", "").startswith(FORM):
        kind, body = "application/xml", _xml(service, code, message)
    else:
        kind, body = "application/json", json.dumps({"__type": code, "message": message})
    content = body.encode()
    start_response(
        f"{status} {HTTPStatus(status).phrase}",
        [("content-type", kind), ("content-length", str(len(content))), ("x-amzn-errortype", code)],
    )
    return [content]


def _xml(service: str | None, code: str, message: str) -> str:
    error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return error if service in XML_SERVICES else f"<ErrorResponse>{error}</ErrorResponse>"
