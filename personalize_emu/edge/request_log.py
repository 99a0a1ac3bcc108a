"""One log line per request: operation, status, duration; for refused requests also the error and the resource.

    personalize_emu.requests   INFO    calls of Personalize
    personalize_emu.services   DEBUG   calls of S3, IAM and the other embedded services
    personalize_emu.aws        DEBUG   calls that the emulator itself makes to them (aws_services)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from personalize_emu.wire.errors import AwsError
from personalize_emu.wire.models import Operation
from personalize_emu.wire.sensitive import without_sensitive

LONGEST_MESSAGE = 1000
"""Characters. Validation errors repeat the refused value."""

requests = logging.getLogger("personalize_emu.requests")
services = logging.getLogger("personalize_emu.services")


def log_call(
    operation: Operation | None,
    params: Mapping[str, Any],
    status: int,
    seconds: float,
    request_id: str,
    error: AwsError | None,
) -> None:
    """Log a call of Personalize. operation: None if the request named none. error: None if it succeeded."""
    name = operation.name if operation else "-"
    if error is None:
        requests.info("%s status=%d ms=%.1f request=%s", name, status, seconds * 1000, request_id)
        return
    message = without_sensitive(error.message, operation, params) if operation else error.message
    requests.info(
        "%s status=%d ms=%.1f request=%s error=%s about=%s message=%r",
        name,
        status,
        seconds * 1000,
        request_id,
        error.code,
        _subject(params),
        message[:LONGEST_MESSAGE],
    )


def log_service_call(service: str | None, method: str, path: str, status: int, seconds: float) -> None:
    """Log a call of an embedded service. service: the signing name."""
    services.debug("%s %s %r status=%d ms=%.1f", service or "-", method, path, status, seconds * 1000)


def log_refused(method: str, path: str, status: int, reason: str) -> None:
    """Log a request that was refused before it was complete."""
    requests.info("%s %r status=%d: %s", method, path, status, reason)


def _subject(params: Mapping[str, Any]) -> str:
    """The ARNs in a request, or else the name of the resource to create; none of these members is sensitive."""
    arns = [value for name, value in params.items() if name.endswith("Arn") and isinstance(value, str)]
    named = [params[name] for name in ("name", "jobName", "trackingId") if isinstance(params.get(name), str)]
    return ",".join(arns or named)[:LONGEST_MESSAGE].replace("\n", " ") or "-"
