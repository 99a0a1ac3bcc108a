"""One line for each request: what was asked, how it went, and of a refusal all that it takes to understand it.

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
"""Characters. Validation errors repeat what they refuse."""

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
    """A call of Personalize. operation: None when the request named none. error: what it was refused with."""
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
    """A call of an embedded service. service: the name that it was signed for."""
    services.debug("%s %s %r status=%d ms=%.1f", service or "-", method, path, status, seconds * 1000)


def log_refused(method: str, path: str, status: int, reason: str) -> None:
    """A request that did not arrive as it should."""
    requests.info("%s %r status=%d: %s", method, path, status, reason)


def _subject(params: Mapping[str, Any]) -> str:
    """The ARNs that a request names, or else the name of what it was to make; no member of these is sensitive."""
    arns = [value for name, value in params.items() if name.endswith("Arn") and isinstance(value, str)]
    named = [params[name] for name in ("name", "jobName", "trackingId") if isinstance(params.get(name), str)]
    return ",".join(arns or named)[:LONGEST_MESSAGE].replace("\n", " ") or "-"
