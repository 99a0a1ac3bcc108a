"""Bodies of admin requests, and their refusals."""

from __future__ import annotations

import json
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue


def json_body() -> dict[str, Any]:
    """The JSON object that was sent; empty if the body is anything else.

    A client may send a body that exceeds the limits of the JSON parser.
    """
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def refused(status: int, message: str) -> ResponseReturnValue:
    """The response to a request that is not carried out; the message says what to send instead."""
    return jsonify({"error": message}), status
