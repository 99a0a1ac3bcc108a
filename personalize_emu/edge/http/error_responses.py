"""Error responses outside of Personalize, in the format of the client that sent the request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from xml.sax.saxutils import escape

from personalize_emu.wire.render import Response

XML_SERVICES = frozenset({"s3", "s3-control", "s3control", "s3express", "cloudfront", "route53"})
FORM = "application/x-www-form-urlencoded"


class UnservedRequest(Exception):
    """No embedded service handles the request. The message is for the client."""

    status = 501
    code = "NotImplementedException"


class MalformedRequest(UnservedRequest):
    """The request is malformed."""

    status = 400
    code = "UnknownOperationException"


def refusal(service: str | None, headers: Mapping[str, str], *, status: int, code: str, message: str) -> Response:
    """An AWS-shaped error: XML for clients of XML and query services, JSON for all others.

    Args:
        service: the name the request was signed for, or None.
        headers: of the request, names in lower case.
    """
    if service in XML_SERVICES or headers.get("content-type", "").startswith(FORM):
        kind, text = "application/xml", _xml(service, code, message)
    else:
        kind, text = "application/json", json.dumps({"__type": code, "message": message})
    body = text.encode()
    sent = (("content-type", kind), ("content-length", str(len(body))), ("x-amzn-errortype", code))
    return Response(status, sent, body)


def _xml(service: str | None, code: str, message: str) -> str:
    error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return error if service in XML_SERVICES else f"<ErrorResponse>{error}</ErrorResponse>"
