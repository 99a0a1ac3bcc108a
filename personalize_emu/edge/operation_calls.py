"""Calls of Personalize from inside the process, through the same pipeline as requests of clients.

Used by what acts for a client: stacks of CloudFormation, start files, the tagging API. Validation, metrics and the log
are those of any request; nothing is signed, so permissions are not checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from personalize_emu.edge.request_pipeline import answer
from personalize_emu.emulator import Emulator
from personalize_emu.wire.models import operations

_SCOPE = "AWS4-HMAC-SHA256 Credential=personalize-emu/20200101/{region}/personalize/aws4_request"


class OperationRefused(Exception):
    """An error response of the service. The text of the exception is the service's message."""

    def __init__(self, code: str, message: str, status: int, request_id: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id


def call_operation(
    emulator: Emulator, operation_name: str, params: Mapping[str, Any], *, region: str, account: str
) -> dict[str, Any]:
    """The members of the response to one call in a region and account. Work with pace `instant` is done on return.

    Raises:
        OperationRefused: the service answers with an error.
        KeyError: there is no such operation.
    """
    operation = operations()[operation_name]
    headers = {"authorization": _SCOPE.format(region=region), "content-type": "application/x-amz-json-1.1"}
    if operation.target is not None:
        headers["x-amz-target"] = operation.target
    body = json.dumps(params).encode()
    response = answer(
        emulator, operation.method, operation.path, "", headers, body, account_of=lambda _access_key: account
    )
    members = _members(response.body)
    if response.status >= 300:
        sent = {name.lower(): value for name, value in response.headers}
        code = str(members.get("__type", sent.get("x-amzn-errortype", ""))).rpartition("#")[2].partition(":")[0]
        message = str(members.get("message", members.get("Message", "")))
        raise OperationRefused(code, message, response.status, sent.get("x-amzn-requestid", ""))
    return members


def _members(body: bytes) -> dict[str, Any]:
    """The members of a body; none for one that a declared fault has made unreadable."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
