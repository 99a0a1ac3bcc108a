"""Signatures of requests to the embedded IAM and STS with the option `auth`: only known keys may make identities.

AssumeRoleWithWebIdentity, AssumeRoleWithSAML     open: unsigned in AWS, too
every other operation                             signature of a known key

The codes of refusals are those of the query protocol of these services.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from personalize_emu.edge.auth.access_control import authenticated
from personalize_emu.edge.auth.callers import Caller, CallerOf, known_callers
from personalize_emu.settings import Settings
from personalize_emu.wire.errors import (
    AwsError,
    ExpiredTokenException,
    IncompleteSignature,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    RequestExpired,
    UnrecognizedClientException,
)
from personalize_emu.wire.sigv4 import SignedRequest

UNSIGNED = frozenset({"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"})
"""Operations whose callers have no key yet."""
NO_KEYS: Mapping[str, str] = MappingProxyType({})
_CODES: Mapping[type[AwsError], str] = MappingProxyType(
    {
        MissingAuthenticationTokenException: "MissingAuthenticationToken",
        IncompleteSignature: "IncompleteSignature",
        UnrecognizedClientException: "InvalidClientTokenId",
        InvalidSignatureException: "SignatureDoesNotMatch",
        ExpiredTokenException: "ExpiredToken",
        RequestExpired: "SignatureDoesNotMatch",
    }
)
"""What the query protocol calls the refusals of `authenticated`."""


@dataclass(frozen=True)
class Refusal:
    """Of a request, with status 403. code: of the query protocol."""

    code: str
    message: str


QueryCheck = Callable[[SignedRequest, str, str], Refusal | None]
"""Given a request, its signing name and its operation, the refusal of the request, or None."""


@dataclass(frozen=True)
class ServiceAccess:
    """What is checked of requests to the embedded IAM and STS.

    refusal_of: None if any key is accepted. checks_trust: whether AssumeRole needs the permission of the role's trust
    policy.
    """

    refusal_of: QueryCheck | None = None
    checks_trust: bool = False


ANYBODY = ServiceAccess()


def service_access_for(
    settings: Settings,
    issued: CallerOf,
    own: Mapping[str, str] = NO_KEYS,
    now: Callable[[], float] = time.time,
) -> ServiceAccess:
    """The checks for the option `auth`.

    issued, now: as for `access_check_for`. own: access key -> secret, further keys of the account itself.
    """
    if settings.auth == "off":
        return ANYBODY
    known = known_callers(settings, issued)
    root = f"arn:aws:iam::{settings.account}:root"

    def callers(access_key: str) -> Caller | None:
        return Caller(root, own[access_key]) if access_key in own else known(access_key)

    def refusal_of(request: SignedRequest, service: str, operation: str) -> Refusal | None:
        if operation in UNSIGNED:
            return None
        try:
            authenticated(request, callers, now(), service)
        except AwsError as error:
            return Refusal(_CODES[type(error)], str(error))
        return None

    return ServiceAccess(refusal_of, checks_trust=settings.auth == "iam")
