"""Errors that a fault can answer with: the modelled ones of the service, and those common to all AWS services.

Statuses are those of spec 01 P-37, P-38, P-62 and P-63, and of botocore's retry tables for the codes not listed there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from personalize_emu.wire.errors import AwsError, CommonError
from personalize_emu.wire.models import operations

ANY = "*"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._]{0,127}")

_FURTHER_CODES: Mapping[str, int] = MappingProxyType(
    {
        "ServiceUnavailable": 503,
        "ServiceUnavailableException": 503,
        "InternalServerException": 500,
        "InternalServerError": 500,
        "RequestTimeout": 408,
        "Throttling": 400,
        "TooManyRequestsException": 429,
        "RequestLimitExceeded": 503,
        "SlowDown": 503,
        "ExpiredToken": 400,
        "InvalidClientTokenId": 403,
        "NotAuthorized": 400,
        "OptInRequired": 403,
        "ValidationError": 400,
    }
)

_MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "AccessDeniedException": "User is not authorized to perform: personalize:{operation}",
        "ExpiredTokenException": "The security token included in the request is expired",
        "ExpiredToken": "The security token included in the request is expired",
        "InvalidInputException": "Provide a valid value for the field or parameter.",
        "InvalidNextTokenException": "The token is not valid.",
        "LimitExceededException": "The limit on the number of requests per second has been exceeded.",
        "ResourceAlreadyExistsException": "The specified resource already exists.",
        "ResourceInUseException": "The specified resource is in use.",
        "ResourceNotFoundException": "Could not find the specified resource.",
        "ThrottlingException": "Rate exceeded",
        "Throttling": "Rate exceeded",
        "TooManyRequestsException": "Rate exceeded",
        "UnrecognizedClientException": "The security token included in the request is invalid.",
    }
)
_OTHER_MESSAGE = "A declared fault answers {operation} with {code}."


class InjectedError(AwsError):
    """The error of a declared fault. status: used unless the service model has one for the code."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        self._code = code

    @property
    def code(self) -> str:
        return self._code


class ConnectionDropped(AwsError):
    """Never sent: the connection is closed instead. Appears in logs and metrics."""

    status = 500


def injected_error(code: str, operation: str, *, message: str, status: int | None) -> InjectedError:
    """The error for one request. message: empty for that of the code."""
    text = message or _MESSAGES.get(code, _OTHER_MESSAGE).format(operation=operation, code=code)
    return InjectedError(code, text, status or _common_statuses().get(code, 400))


def check_operation(operation: str) -> None:
    """Raises ValueError: the operation does not exist; the message names similar ones."""
    if operation == ANY or operation in operations():
        return
    plain = {name.lower(): name for name in operations()}
    similar = get_close_matches(operation.lower().replace("_", "").replace("-", ""), plain, 3)
    hint = f"did you mean {', '.join(plain[each] for each in similar)}?" if similar else "such as PutEvents"
    raise ValueError(f"operation must be * or an operation of the service, not {operation!r}; {hint}")


def check_error(code: str, operation: str, status: int | None) -> None:
    """Raises ValueError: no such error, and no status was given for it. operation: must exist."""
    if not _CODE.fullmatch(code):
        raise ValueError(f"error must be an error code such as ThrottlingException, not {code!r}")
    known = {*_modelled_codes(operation), *_common_statuses()}
    if status is None and code not in known:
        similar = get_close_matches(code, sorted(known), 4, 0.5) or sorted(known)
        raise ValueError(
            f"{operation} has no error {code}; there are {', '.join(similar)}, and any other code with a status"
        )


def _modelled_codes(operation: str) -> Iterator[str]:
    for name, each in operations().items():
        if operation in (ANY, name):
            yield from each.error_statuses


def _common_statuses() -> dict[str, int]:
    return {kind.__name__: kind.status for kind in CommonError.__subclasses__()} | dict(_FURTHER_CODES)
