"""Authentication and authorization (the option `auth`): the signature is verified, then the caller's policies.

credentials present ─▶ well formed ─▶ known key ─▶ service, signature, time ─▶ policies
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from personalize_emu.edge.auth.caller_policies import CallerPolicies, refusal_reason
from personalize_emu.edge.auth.callers import Caller, CallerOf, known_callers
from personalize_emu.emulator import Emulator
from personalize_emu.service.access.policies import CannotEvaluate, PolicyRequest
from personalize_emu.settings import Settings
from personalize_emu.wire.errors import (
    AccessDeniedException,
    ExpiredTokenException,
    IncompleteSignature,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    NotImplementedException,
    RequestExpired,
    UnrecognizedClientException,
)
from personalize_emu.wire.models import Operation
from personalize_emu.wire.sigv4 import (
    MalformedSignature,
    Signature,
    SignedRequest,
    expected_signature,
    read_signature,
    uncovered_parts,
)

SERVICE = "personalize"
MOST_SKEW_SECONDS = 15 * 60
"""P-22, S-37."""
_NOT_OF_THE_REQUEST = frozenset({"roleArn", "kmsKeyArn"})
"""Members with ARNs of other services; a role is passed by the caller, not used."""


class ReceivedRequest(Protocol):
    """What an access check reads of a request whose body has been received."""

    @property
    def emulator(self) -> Emulator: ...
    @property
    def known_operation(self) -> Operation: ...
    @property
    def params(self) -> Mapping[str, Any]: ...
    @property
    def region(self) -> str | None: ...
    @property
    def signed(self) -> SignedRequest: ...


AccessCheck = Callable[[ReceivedRequest], None]


def allow_all(_arrival: ReceivedRequest) -> None:
    """No authentication (P-21)."""


def access_check_for(settings: Settings, issued: CallerOf, now: Callable[[], float] = time.time) -> AccessCheck:
    """The access check for the option `auth`.

    issued: looks up owners of keys that are not in the settings. now: epoch seconds of the machine's clock, which
    callers sign with; never the clock of the emulator.
    """
    if settings.auth == "off":
        return allow_all
    callers = known_callers(settings, issued)

    def access_check(received: ReceivedRequest) -> None:
        caller = authenticated(received.signed, callers, now())
        if settings.auth == "iam" and caller.policies is not None:
            _require_permission(received, caller, caller.policies())

    return access_check


def authenticated(request: SignedRequest, callers: CallerOf, now: float) -> Caller:
    """The caller who signed a request.

    Raises:
        MissingAuthenticationTokenException, IncompleteSignature, UnrecognizedClientException,
        InvalidSignatureException, ExpiredTokenException, RequestExpired: P-22, P-60, P-61, P-63.
    """
    try:
        signature = read_signature(request.headers, request.query)
    except MalformedSignature as error:
        raise IncompleteSignature(str(error)) from error
    if signature is None:
        raise MissingAuthenticationTokenException("Missing Authentication Token")
    caller = callers(signature.scope.access_key)
    if caller is None or (caller.session_token is not None and signature.token != caller.session_token):
        raise UnrecognizedClientException
    if signature.scope.service != SERVICE:
        raise InvalidSignatureException(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if (fault := uncovered_parts(signature, request.headers)) is not None:
        raise InvalidSignatureException(fault)
    expected = expected_signature(signature, caller.secret, request)
    if not hmac.compare_digest(expected.encode(), signature.value.encode()):
        raise InvalidSignatureException(
            "The request signature we calculated does not match the signature you provided."
        )
    _require_in_time(signature, caller, now)
    return caller


def _require_in_time(signature: Signature, caller: Caller, now: float) -> None:
    age, most = now - signature.signed_at, signature.lifetime or MOST_SKEW_SECONDS
    if not -MOST_SKEW_SECONDS <= age <= most:
        raise RequestExpired(f"The request was signed {age:.0f} seconds before the time of the server.")
    if caller.expires is not None and now >= caller.expires:
        raise ExpiredTokenException


def _require_permission(received: ReceivedRequest, caller: Caller, policies: CallerPolicies) -> None:
    """Raises AccessDeniedException (P-62) for the first permission that is missing."""
    for request in requests_of(received):
        try:
            reason = refusal_reason(policies, request)
        except CannotEvaluate as error:
            raise NotImplementedException(
                f"personalize-emu does not evaluate {error} in the policies of {caller.arn}."
            ) from error
        if reason is not None:
            raise AccessDeniedException(
                f"User: {caller.arn} is not authorized to perform: {request.action} "
                f"on resource: {request.resource} {reason}"
            )


def requests_of(received: ReceivedRequest) -> Iterator[PolicyRequest]:
    """All permissions that a call needs (S-28, S-30 to S-33, S-5)."""
    params, context = received.params, _context_of(received)
    tags_too = "tags" in params and received.known_operation.name != "TagResource"
    actions = [received.known_operation.name, *(["TagResource"] if tags_too else [])]
    for action in actions:
        for resource in _resources(received):
            tags = {f"aws:resourcetag/{key.lower()}": value for key, value in _tags(received, resource).items()}
            yield PolicyRequest(f"{SERVICE}:{action}", resource, context={**context, **tags})
    for role in _roles(params):
        passed = {**context, "iam:passedtoservice": "personalize.amazonaws.com"}
        yield PolicyRequest("iam:PassRole", role, context=passed)


def _context_of(received: ReceivedRequest) -> dict[str, str | frozenset[str]]:
    params = received.params
    context: dict[str, str | frozenset[str]] = {
        "aws:securetransport": "true",
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        "aws:requestedregion": received.region or received.emulator.settings.region,
    }
    given = {tag["tagKey"]: tag["tagValue"] for tag in params.get("tags", ()) if len(tag) == 2}
    keys = frozenset([*given, *params.get("tagKeys", ())])
    if keys:
        context["aws:tagkeys"] = keys
    return {**context, **{f"aws:requesttag/{key.lower()}": value for key, value in given.items()}}


def _resources(received: ReceivedRequest) -> list[str]:
    """Every resource that a request names, recipes included (S-33); `*` when it names none (S-30)."""
    tracker = received.emulator.state.trackers.get(received.params.get("trackingId", ""))
    named = [*_named(received.params), *([tracker] if tracker else [])]
    return list(dict.fromkeys(named)) or ["*"]


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _named(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, str) and name.endswith("Arn") and name not in _NOT_OF_THE_REQUEST:
                yield each
            else:
                yield from _named(each)


def _roles(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("roleArn"), str):
            yield value["roleArn"]
        for each in value.values():
            yield from _roles(each)


def _tags(received: ReceivedRequest, resource: str) -> Mapping[str, str]:
    return received.emulator.state.store.tags(resource)
