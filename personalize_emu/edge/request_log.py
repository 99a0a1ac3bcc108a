"""One log line per request: operation, status, duration; for refused requests also the error and the resource.

    personalize_emu.requests   INFO    calls of Personalize
    personalize_emu.services   DEBUG   calls of S3, IAM and the other embedded services
    personalize_emu.aws        DEBUG   calls that the emulator itself makes to them (aws_services)
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from personalize_emu.wire.errors import AwsError, ResourceNotFoundException
from personalize_emu.wire.models import Operation
from personalize_emu.wire.sensitive import without_sensitive

REGION = re.compile(r"[a-z0-9-]{1,30}")
"""Of ARNs that clients send: without line breaks and quotes."""
LONGEST_MESSAGE = 1000
"""Characters. Validation errors repeat the refused value."""

UNLOGGED = "(not logged: the data of the dataset group are encrypted)"

requests = logging.getLogger("personalize_emu.requests")
services = logging.getLogger("personalize_emu.services")


def log_call(
    operation: Operation | None,
    params: Mapping[str, Any],
    status: int,
    seconds: float,
    request_id: str,
    error: AwsError | None,
    region: str,
    *,
    quotes: bool = True,
) -> None:
    """Log a call of Personalize. operation: None if the request named none. error: None if it succeeded.

    quotes: whether its message, which can have values of the request, may be logged.
    """
    name = operation.name if operation else "-"
    if error is None:
        requests.info("%s status=%d ms=%.1f request=%s", name, status, seconds * 1000, request_id)
        return
    message = without_sensitive(error.message, operation, params) if operation else error.message
    if not quotes:
        message = UNLOGGED
    requests.info(
        "%s status=%d ms=%.1f request=%s error=%s about=%s message=%r%s",
        name,
        status,
        seconds * 1000,
        request_id,
        error.code,
        _subject(params),
        message[:LONGEST_MESSAGE],
        _hint(params, region) if isinstance(error, ResourceNotFoundException) else "",
    )


def log_service_call(service: str | None, method: str, path: str, status: int, seconds: float) -> None:
    """Log a call of an embedded service. service: the signing name."""
    services.debug("%s %s %r status=%d ms=%.1f", service or "-", method, path, status, seconds * 1000)


def log_refused(method: str, path: str, status: int, reason: str) -> None:
    """Log a request that was refused before it was complete."""
    requests.info("%s %r status=%d: %s", method, path, status, reason)


def _hint(params: Mapping[str, Any], region: str) -> str:
    """Why what exists is not found: it is in another region than the client. ARNs of recipes have no region."""
    parts = [arn.split(":") for arn in _arns(params)]
    others = {each[3] for each in parts if len(each) > 3 and REGION.fullmatch(each[3])} - {region}
    return f" hint='the client is of {region}, the ARN of {min(others)}'" if others else ""


def _arns(params: Mapping[str, Any]) -> list[str]:
    return [value for name, value in params.items() if name.endswith("Arn") and isinstance(value, str)]


def _subject(params: Mapping[str, Any]) -> str:
    """The ARNs in a request, or else the name of the resource to create; none of these members is sensitive."""
    named = [params[name] for name in ("name", "jobName", "trackingId") if isinstance(params.get(name), str)]
    return ",".join(_arns(params) or named)[:LONGEST_MESSAGE].replace("\n", " ") or "-"
