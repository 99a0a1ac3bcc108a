"""Converts exceptions of moto to error responses in the format of the service, with the status of AWS.

    unknown operation ─▶ 400    not implemented by moto ─▶ 501    missing package ─▶ 501, with its name
    invalid request ─▶ 400 or 404    anything else ─▶ 500, with a traceback in the log

moto does not validate requests: missing, unknown or mistyped members raise KeyError and similar exceptions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from gzip import BadGzipFile
from json import JSONDecodeError
from typing import Any
from urllib.parse import parse_qs
from xml.parsers.expat import ExpatError

from botocore.exceptions import ClientError, UnknownServiceError
from botocore.model import OperationNotFoundError
from botocore.validate import ParamValidator
from flask import Flask, request
from flask import Response as FlaskResponse
from moto.core.exceptions import ServiceException
from moto.core.utils import get_service_model, service_name_from_moto_package_name
from werkzeug.exceptions import HTTPException

from personalize_emu.edge.http.error_responses import FORM, refusal
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.wire.render import Response

_log = logging.getLogger("personalize_emu.services")

LACKS = (NotImplementedError, ImportError, OperationNotFoundError)
UNREADABLE = (UnicodeError, JSONDecodeError, ExpatError, RecursionError, EOFError)
"""Raised when bytes cannot be decoded."""
SYSTEM_FAULTS = (OSError, MemoryError, SystemError)
RACES = ("during iteration", "start new thread")
"""Parts of RuntimeError messages caused by concurrent requests or by too many threads."""

INVALID = (
    "InvalidArgumentException",
    "InvalidParameterValueException",
    "InvalidParameterException",
    "InvalidParameterValue",
    "InvalidParameter",
    "InvalidInput",
    "InvalidRequestException",
)
"""Error shapes for invalid values, preferred ones first."""
TOKENS: Mapping[str, Sequence[str]] = {
    "marker": ("InvalidMarkerException",),
    "nexttoken": ("InvalidNextTokenException", "InvalidNextToken", "ExpiredNextTokenException"),
}
"""Pagination members, and the error shapes for them."""
MISSING = ("ResourceNotFoundException", "NotFoundException", "NoSuchEntityException", "ResourceNotFound", "NotFound")
"""Error shapes for missing resources."""
S3_FAULTS: Mapping[str, tuple[int, str, str]] = {
    "uploadId": (404, "NoSuchUpload", "The specified upload does not exist."),
    "continuation-token": (400, "InvalidArgument", "The continuation token provided is incorrect"),
    "versionId": (400, "InvalidArgument", "Invalid version id specified"),
}
"""Query parameters of S3 that moto does not validate, and the errors of S3 for invalid ones."""


FORM_BODY = "personalize_emu.form"
"""WSGI variable with the bytes of a form, which moto consumes."""


@dataclass(frozen=True)
class FailedRequest:
    """The request that raised an exception. service: moto's name. headers: names in lower case."""

    service: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_form(self) -> bool:
        return self.headers.get("content-type", "").startswith(FORM)

    @property
    def operation_name(self) -> str:
        """Empty if neither the target nor the form names it."""
        target = self.headers.get("x-amz-target", "").rpartition(".")[2]
        return target or self.members.get("Action", "") if self.is_form else target

    @property
    def members(self) -> Mapping[str, Any]:
        """Members of the form or JSON object in the body."""
        text = self.body.decode("utf-8", "replace")
        if self.is_form:
            return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
        try:
            members = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return members if isinstance(members, dict) else {}

    @property
    def operation(self) -> Any:
        """The model of the operation, None if there is none."""
        try:
            return get_service_model(service_name_from_moto_package_name(self.service)).operation_model(
                self.operation_name
            )
        except (OperationNotFoundError, UnknownServiceError):
            return None


def converted(error: Exception, failed: FailedRequest) -> Response:
    """The response to a request for which moto raised `error`, which is logged."""
    status, code, message = _fault(error, failed)
    detail = f"{type(error).__name__}: {error}"[:300]
    if status == 500:
        _log.error("embedded %s failed at %s %s", failed.service, failed.method, failed.path, exc_info=error)
    else:
        _log.warning(
            "embedded %s answers %s %s with %d %s: %s",
            *(failed.service, failed.operation_name or failed.method, failed.path, status, code, detail),
        )
        _log.debug("raised by the embedded %s", failed.service, exc_info=error)
    return refusal(failed.service, failed.headers, status=status, code=code, message=message)


def _fault(error: Exception, failed: FailedRequest) -> tuple[int, str, str]:
    """Status, code and message."""
    if isinstance(error, NotWritten):
        return 500, "InternalError" if failed.service == "s3" else "InternalFailure", error.message
    if isinstance(error, LACKS):
        return _not_implemented(error, failed)
    worded = _coded_error(error, failed)
    if worded is not None:
        return worded
    if _is_of_the_system(error):
        return 500, "InternalFailure", f"The embedded {failed.service} failed; see the log."
    if failed.service == "s3":
        return _s3_fault(error, failed)
    status, code = _code(error, failed)
    return status, code, _details(error, failed)


def _is_of_the_system(error: Exception) -> bool:
    """Whether the error is not caused by the request. Decompressors raise OSError without errno for invalid data."""
    if isinstance(error, RuntimeError):
        return any(race in str(error) for race in RACES)
    if isinstance(error, OSError) and error.errno is None and type(error) in (OSError, BadGzipFile):
        return False
    return isinstance(error, SYSTEM_FAULTS)


def _coded_error(error: Exception, failed: FailedRequest) -> tuple[int, str, str] | None:
    """Status, code and message of an error that has a code, or None."""
    if isinstance(error, HTTPException):
        return error.code or 400, _HTTP_CODES.get(error.code or 400, "ValidationError"), error.description or ""
    if isinstance(error, ServiceException):
        return _status_of(error.code, failed), error.code, error.message
    if isinstance(error, ClientError):
        detail = error.response["Error"]
        return 400, detail["Code"], detail["Message"]
    return None


_HTTP_CODES = {404: "UnknownOperationException", 405: "MethodNotAllowed", 413: "RequestEntityTooLarge"}


def _not_implemented(error: Exception, failed: FailedRequest) -> tuple[int, str, str]:
    if isinstance(error, ImportError):
        package = f"The embedded {failed.service} lacks a package for this: install moto[{failed.service}]"
        return 501, "NotImplementedException", f"{package} ({error})."
    if failed.service != "s3" and failed.operation_name and failed.operation is None:
        unknown = f"Could not find operation {failed.operation_name[:100]} of {failed.service}."
        return 400, "InvalidAction" if failed.is_form else "UnknownOperationException", unknown
    return 501, "NotImplementedException", f"moto does not implement this: {error}"


def _s3_fault(error: Exception, failed: FailedRequest) -> tuple[int, str, str]:
    named = parse_qs(failed.query, keep_blank_values=True)
    for parameter, fault in S3_FAULTS.items():
        if parameter in named:
            return fault
    # Configurations of buckets and objects are XML documents.
    if isinstance(error, ExpatError) or (failed.body and named and failed.method in ("PUT", "POST")):
        text = "The XML you provided was not well-formed or did not validate against our published schema"
        return 400, "MalformedXML", text
    return 400, "InvalidArgument", _details(error, failed)


def _code(error: Exception, failed: FailedRequest) -> tuple[int, str]:
    """Status and code for an invalid request to a service other than S3."""
    if isinstance(error, UNREADABLE) and not failed.is_form and not failed.members:
        return 400, "SerializationException"
    members = failed.members
    tokens = [name for member in members for name in TOKENS.get(member.lower(), ())]
    unknown = isinstance(error, KeyError) and error.args and error.args[0] in _texts(members)
    declared = {shape.name: shape for shape in failed.operation.error_shapes} if failed.operation else {}
    for name in (*tokens, *(MISSING if unknown else ()), *INVALID):
        if name in declared:
            facts = declared[name].metadata.get("error", {})
            return facts.get("httpStatusCode", 400), facts.get("code", name)
    return 400, "ValidationError" if failed.is_form else "ValidationException"


def _status_of(code: str, failed: FailedRequest) -> int:
    shapes = failed.operation.error_shapes if failed.operation else ()
    statuses = {each.metadata.get("error", {}).get("code", each.name): each for each in shapes}
    if code not in statuses:
        return 400
    status: int = statuses[code].metadata.get("error", {}).get("httpStatusCode", 400)
    return status


def _details(error: Exception, failed: FailedRequest) -> str:
    """The validation report of the service model, or else the exception of moto."""
    members, operation = failed.members, failed.operation
    if members and operation and operation.input_shape and not failed.is_form:
        # botocore's validator raises for times that are out of range of the platform.
        with suppress(RuntimeError, ValueError, OverflowError):
            report = ParamValidator().validate(members, operation.input_shape)
            if report.has_errors():
                return str(report.generate_report())[:1000]
    detail = f"{type(error).__name__}: {error}"[:300]
    return f"The embedded {failed.service} cannot process this request ({detail})."


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def answer_faults(app: Flask, service: str) -> None:
    """Replace moto's HTML error pages by error responses that AWS clients can parse."""

    def answer(error: Exception) -> Any:
        if isinstance(error, HTTPException) and not type(error).__module__.startswith("werkzeug."):
            # An error response of the service, created by moto.
            return error
        response = converted(error, _failed_request(service))
        return FlaskResponse(response.body, status=response.status, headers=list(response.headers))

    app.debug = False
    # All exceptions, because a handler of InternalServerError runs after Flask has logged a traceback.
    app.register_error_handler(Exception, answer)


def _failed_request(service: str) -> FailedRequest:
    """The current Flask request, whose body moto may have consumed."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.environ.get(FORM_BODY)
    if body is None:
        # A compressed body that moto has unpacked cannot be read again.
        body = b"" if request.content_encoding == "gzip" else request.get_data()
    return FailedRequest(service, request.method, request.path, request.query_string.decode("latin-1"), headers, body)
