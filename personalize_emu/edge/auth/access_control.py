"""Authentication and authorization (the option `auth`): the signature is verified, then the caller's policies.

credentials present ─▶ well formed ─▶ known key ─▶ service, signature, time ─▶ policies
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from personalize_emu.edge.auth.caller_policies import CallerPolicies, refusal_reason
from personalize_emu.edge.auth.callers import Caller, CallerOf, known_callers
from personalize_emu.edge.auth.condition_keys import (
    FAMILIES,
    principal_facts,
    request_facts,
    request_tags,
    resource_facts,
)
from personalize_emu.edge.auth.service_authorization import SERVICE, Permission, permissions_of
from personalize_emu.emulator import Emulator
from personalize_emu.service.access.policies import CannotEvaluate, PolicyRequest
from personalize_emu.settings import Settings
from personalize_emu.state.identifiers import account_in
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

MOST_SKEW_SECONDS = 15 * 60
"""P-22, S-37."""
_log = logging.getLogger("personalize_emu.access")


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
    def account(self) -> str | None: ...
    @property
    def address(self) -> str: ...
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
        if settings.auth == "iam":
            require_permission(received, caller)

    return access_check


def authenticated(request: SignedRequest, callers: CallerOf, now: float, service: str = SERVICE) -> Caller:
    """The caller who signed a request. service: the signing name.

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
    if signature.scope.service != service:
        raise InvalidSignatureException(f"Credential should be scoped to correct service: '{service}'.")
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


def require_permission(received: ReceivedRequest, caller: Caller) -> None:
    """Raises AccessDeniedException (P-62) for the first permission that is missing."""
    policies = caller.policies() if caller.policies is not None else None
    for permission in _permissions(received):
        action, resource = permission.action, permission.resource
        if permission.passes_role and account_in(resource) != caller.account:
            raise AccessDeniedException("Cross-account pass role is not allowed.")
        if policies is None:
            continue
        try:
            reason = refusal_reason(policies, _request(received, caller, policies, permission))
        except CannotEvaluate as error:
            _log.warning("%s is refused %s: its policies have %s", caller.arn, action, error)
            raise NotImplementedException(
                f"personalize-emu does not evaluate {error} in the policies of {caller.arn}."
            ) from error
        if reason is not None:
            raise AccessDeniedException(
                f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} {reason}"
            )


def _permissions(received: ReceivedRequest) -> Iterator[Permission]:
    settings = received.emulator.settings
    region, account = received.region or settings.region, received.account or settings.account
    return permissions_of(received.known_operation.name, received.params, region, account)


def _request(
    received: ReceivedRequest, caller: Caller, policies: CallerPolicies, permission: Permission
) -> PolicyRequest:
    """The request as policies see it, with all condition keys that it has (S-31)."""
    region = received.region or received.emulator.settings.region
    tags = received.emulator.state.store.tags(permission.resource)
    context = {
        **principal_facts(caller.arn),
        **policies.facts,
        **request_facts(received.signed.headers, received.address, region, received.emulator.clock.now()),
        **request_tags(received.params),
        **resource_facts(permission, tags, caller.account),
    }
    return PolicyRequest(permission.action, permission.resource, context=context, families=FAMILIES)
