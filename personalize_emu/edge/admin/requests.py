"""Bodies of admin requests, and their refusals."""

from __future__ import annotations

import json
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue


class WrongBody(ValueError):
    """A body that is not the JSON object it should be; the message says what it is. Refused with 400 if not caught."""


def json_body() -> dict[str, Any]:
    """The JSON object that was sent; empty if there is no body, or null, which programs send that encode no value.

    Raises:
        WrongBody: the body is anything else, or exceeds the limits of the JSON parser.
    """
    sent = request.get_data()
    if not sent.strip():
        return {}
    try:
        body = json.loads(sent)
    except (ValueError, RecursionError):
        raise WrongBody("the body is not JSON") from None
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise WrongBody("the body is JSON, but not an object")
    return body


def require_no_members() -> None:
    """For routes that delete, so that nothing is deleted that the client did not mean.

    Raises:
        WrongBody: there is a body that is neither an empty JSON object nor null.
    """
    if json_body():
        raise WrongBody(f"{request.method} {request.path} takes no members in its body; nothing was deleted")


def refused(status: int, message: str) -> ResponseReturnValue:
    """The response to a request that is not carried out; the message says what to send instead."""
    return jsonify({"error": message}), status
