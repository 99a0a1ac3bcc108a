"""Bucket policies of the embedded S3: validation and evaluation.

moto accepts any bytes as a policy and ignores most conditions, so a Deny for requests without TLS would deny all
requests. This module evaluates policies with service/access/policies.py instead.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response

from personalize_emu.edge.auth.condition_keys import principal_facts
from personalize_emu.edge.moto_adapter.accounts import caller_of
from personalize_emu.service.access.policies import (
    CannotEvaluate,
    MalformedPolicy,
    PolicyRequest,
    allows,
    denies,
    statements_of,
)
from personalize_emu.service.access.role_access import service_request
from personalize_emu.wire.sigv4 import CredentialScope, credential_scope

ACTIONS: Mapping[str, str] = {
    "s3:HeadObject": "s3:GetObject",
    "s3:OptionsObject": "s3:GetObject",
    "s3:PostObject": "s3:PutObject",
}
"""moto's name of an action -> the IAM action that is required."""
HEADER_KEYS: Mapping[str, str] = {"user-agent": "useragent", "referer": "referer"}
HEADER_FAMILIES = ("s3:x-amz-",)
VERSIONS = ("2008-10-17", "2012-10-17")

_log = logging.getLogger("personalize_emu.services")


@dataclass(frozen=True)
class S3Call:
    """The request that a thread processes. headers: names in lower case. address: of the client, if known."""

    scope: CredentialScope | None
    account: str
    region: str
    headers: Mapping[str, str]
    address: str | None


class _Current(threading.local):
    call: S3Call | None = None
    service_account: str | None = None


_current = _Current()


@contextmanager
def as_service(account: str) -> Iterator[None]:
    """Requests of this thread to S3 inside the block have the Personalize service as principal."""
    before, _current.service_account = _current.service_account, account
    try:
        yield
    finally:
        _current.service_account = before


@cache
def enforce_bucket_policies() -> None:
    """Replace moto's evaluation of bucket policies, once per process."""
    set_up: Callable[..., None] = S3Response.setup_class
    put: Callable[[Any, str, bytes], None] = S3Backend.put_bucket_policy

    def setup_class(response: Any, *request: Any, **named: Any) -> None:
        set_up(response, *request, **named)
        _current.call = _call_of(response)

    def put_bucket_policy(backend: Any, bucket_name: str, policy: bytes) -> None:
        bucket = backend.get_bucket(bucket_name)
        require_bucket_policy(policy)
        put(backend, bucket.name, policy)

    replaced = ((S3Response, setup_class), (S3Backend, put_bucket_policy), (FakeBucket, get_permission))
    for owner, function in replaced:
        setattr(owner, function.__name__, function)


def _call_of(response: Any) -> S3Call:
    request = response.request
    headers = {name.lower(): value for name, value in request.headers.items()}
    scope = credential_scope(headers, request.query_string.decode("latin-1"))
    return S3Call(scope, response.current_account, response.region, headers, request.remote_addr)


def require_bucket_policy(text: bytes) -> None:
    """Raises S3ClientError with code MalformedPolicy unless `text` is a valid bucket policy."""
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    try:
        statements = statements_of(document)
    except MalformedPolicy as error:
        raise _malformed(f"The policy is malformed: {error}") from error
    if not statements:
        raise _malformed("Missing required field Statement")
    for statement in statements:
        for element in ("Principal", "Action", "Resource"):
            if statement.get(element) is None and statement.get(f"Not{element}") is None:
                raise _malformed(f"Missing required field {element}")


def _malformed(message: str) -> S3ClientError:
    return S3ClientError("MalformedPolicy", message)


def get_permission(bucket: Any, action: str, resource: str) -> PermissionResult:
    """The result of a bucket's policy for the current request of this thread.

    A statement that cannot be evaluated is ignored and logged.
    """
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    request = _request(ACTIONS.get(action, action), resource, bucket.account_id)
    try:
        policy = json.loads(bucket.policy)
        if denies([policy], request):
            return PermissionResult.DENIED
        return PermissionResult.PERMITTED if allows([policy], request) else PermissionResult.NEUTRAL
    except (CannotEvaluate, MalformedPolicy, ValueError, RecursionError) as error:
        _log.warning("a statement of the policy of bucket %s is not evaluated: %s", bucket.name, error)
        return PermissionResult.NEUTRAL


def _request(action: str, resource: str, owner: str) -> PolicyRequest:
    call = _current.call
    assert call is not None, "moto asks for permissions while it answers a request"
    if _current.service_account is not None:
        request = service_request(_current.service_account, call.region, action, resource)
        return replace(request, context={**request.context, **_from_headers(call)}, families=HEADER_FAMILIES)
    context = {
        # Clients of AWS use TLS, whatever they use with the emulator.
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:requestedregion": call.region,
        "aws:resourceaccount": owner,
        "s3:resourceaccount": owner,
        "aws:viaawsservice": "false",
        "aws:principalisawsservice": "false",
        **_from_headers(call),
        **({"aws:sourceip": call.address} if call.address else {}),
    }
    principals, who = _principals(call)
    return PolicyRequest(action, resource, principals, {**context, **who}, HEADER_FAMILIES)


def _from_headers(call: S3Call) -> dict[str, str]:
    named = {f"aws:{key}": call.headers[name] for name, key in HEADER_KEYS.items() if name in call.headers}
    return {**named, **{f"s3:{name}": value for name, value in call.headers.items() if name.startswith("x-amz-")}}


def _principals(call: S3Call) -> tuple[frozenset[tuple[str, str]], dict[str, str]]:
    """The principals that match the caller, and the condition keys for the caller."""
    if call.scope is None:
        return frozenset(), {"aws:principaltype": "Anonymous"}
    root = f"arn:aws:iam::{call.account}:root"
    caller = caller_of(call.scope.access_key)
    arn = caller.arn if caller else root
    context = dict(principal_facts(arn))
    if caller is not None and caller.policies is not None:
        context.update(caller.policies().facts)
    names = {root, call.account, arn, context["aws:principalarn"]}
    return frozenset(("AWS", each) for each in names), context
