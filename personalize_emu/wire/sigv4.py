"""Signature Version 4: credential scope and signature of a request, and the signature expected of it (P-19, S-36).

headers, query ──read_signature──▶ Signature ──expected_signature, with the secret──▶ hex digits to compare
headers, query ──credential_scope──▶ CredentialScope, without a check of the signature
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, quote

ALGORITHM = "AWS4-HMAC-SHA256"
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
LONGEST_LIFETIME = 604_800
"""Seconds for which a pre-signed request can be valid: a week."""
_ALWAYS_SIGNED = ("host", "x-amz-target", "x-amz-date")
"""Headers that a signature must cover where a request has them: they decide who answers it, how, and when."""


class MalformedSignature(Exception):
    """The credentials are incomplete or unreadable. The text states the cause."""


@dataclass(frozen=True)
class Signature:
    """The signature in the headers or, if pre-signed, in the query of a request.

    signed_headers: names in lower case. value: hex digits. signed_at: epoch seconds. token: session token.
    lifetime: validity of a pre-signed request in seconds, None for others.
    """

    scope: CredentialScope
    signed_headers: tuple[str, ...]
    value: str
    signed_at: float
    token: str | None
    lifetime: float | None = None


@dataclass(frozen=True)
class SignedRequest:
    """The parts of a request that a signature covers. headers: names in lower case. path: percent-decoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def read_signature(headers: Mapping[str, str], query: str) -> Signature | None:
    """The signature of a request; None if it has no credentials.

    Raises:
        MalformedSignature: the credentials are malformed.
    """
    presigned = dict(parse_qsl(query, keep_blank_values=True)) if "X-Amz-" in query else {}
    if "authorization" in headers:
        parts = _authorization_parts(headers["authorization"])
        date, token, lifetime = headers.get("x-amz-date"), headers.get("x-amz-security-token"), None
    elif "X-Amz-Credential" in presigned:
        parts = {name.removeprefix("X-Amz-"): value for name, value in presigned.items()}
        date, token = presigned.get("X-Amz-Date"), presigned.get("X-Amz-Security-Token")
        lifetime = _seconds(presigned.get("X-Amz-Expires", ""))
    else:
        return None
    scope = credential_scope(headers, query)
    if scope is None:
        raise MalformedSignature("Credential must have five slash-separated elements.")
    for name in ("SignedHeaders", "Signature"):
        if not parts.get(name):
            raise MalformedSignature(f"Authorization requires {name}.")
    names = tuple(parts["SignedHeaders"].split(";"))
    return Signature(scope, names, parts["Signature"], _epoch(date), token, lifetime)


def uncovered_parts(signature: Signature, headers: Mapping[str, str]) -> str | None:
    """What is wrong with a signature that is correct for its parts but does not cover enough, in the service's words.

    headers: names in lower case. None if nothing is wrong.
    """
    for name in _ALWAYS_SIGNED:
        if name in headers and name not in signature.signed_headers:
            shown = "'Host' or ':authority'" if name == "host" else f"'{name}'"
            return f"{shown} must be a 'SignedHeader' in the AWS Authorization."
    moment = datetime.fromtimestamp(signature.signed_at, UTC).strftime(TIME_FORMAT)
    day, scope_day = moment[:8], signature.scope.date
    if day != scope_day:
        return (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{scope_day}' != '{day}', from '{moment}'."
        )
    return None


def expected_signature(signature: Signature, secret: str, request: SignedRequest) -> str:
    """The correct signature in hex digits, given the secret of the access key."""
    scope = signature.scope
    place = "/".join((scope.date, scope.region, scope.service, "aws4_request"))
    moment = datetime.fromtimestamp(signature.signed_at, UTC).strftime(TIME_FORMAT)
    digest = hashlib.sha256(_canonical(signature, request).encode()).hexdigest()
    text = "\n".join((ALGORITHM, moment, place, digest))
    key = f"AWS4{secret}".encode()
    for part in place.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def signed_headers(
    request: SignedRequest, key: str, secret: str, now: float, region: str = "us-east-1"
) -> dict[str, str]:
    """The headers of a request and those that sign it for Personalize. now: epoch seconds."""
    moment = datetime.fromtimestamp(now, UTC).strftime(TIME_FORMAT)
    headers = {**request.headers, "x-amz-date": moment}
    names = tuple(sorted(headers))
    scope = CredentialScope(key, moment[:8], region, "personalize")
    unsigned = Signature(scope, names, "", _epoch(moment), headers.get("x-amz-security-token"))
    value = expected_signature(unsigned, secret, replace(request, headers=headers))
    credential = f"{key}/{scope.date}/{region}/{scope.service}/aws4_request"
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={value}"
    )
    return headers


def _canonical(signature: Signature, request: SignedRequest) -> str:
    names = signature.signed_headers
    pairs = parse_qsl(request.query, keep_blank_values=True)
    query = sorted((quote(k, "-_.~"), quote(v, "-_.~")) for k, v in pairs if k != "X-Amz-Signature")
    return "\n".join(
        (
            request.method,
            quote(quote(request.path, "/-_.~"), "/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _authorization_parts(text: str) -> dict[str, str]:
    algorithm, _, rest = text.partition(" ")
    if algorithm != ALGORITHM:
        raise MalformedSignature(f"Authorization must begin with {ALGORITHM}.")
    pairs = (part.strip().partition("=") for part in rest.split(","))
    return {name: value for name, _, value in pairs}


def _epoch(text: str | None) -> float:
    try:
        return datetime.strptime(text or "", TIME_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise MalformedSignature("X-Amz-Date must be present and of the form 20260131T235959Z.") from None


def _seconds(text: str) -> float:
    seconds = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
    if not 1 <= seconds <= LONGEST_LIFETIME:
        raise MalformedSignature(f"X-Amz-Expires must be a number of seconds from 1 to {LONGEST_LIFETIME}.")
    return float(seconds)


_SCOPE = (
    r"(?P<key>[^/\s,=]{1,256})/(?P<date>[0-9]{8})"
    r"/(?P<region>[A-Za-z0-9-]{1,64})/(?P<service>[A-Za-z0-9-]{1,64})/aws4_request"
)
_USUAL_START = f"{ALGORITHM} Credential="
_CREDENTIAL = re.compile(_SCOPE)
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256\s(?:.*[\s,])?Credential=" + _SCOPE + r"(?=[\s,]|\Z)")


@dataclass(frozen=True)
class CredentialScope:
    """`date` is yyyymmdd; `service` is `personalize` for all three clients."""

    access_key: str
    date: str
    region: str
    service: str


def credential_scope(headers: Mapping[str, str], query_string: str) -> CredentialScope | None:
    """The scope in the `authorization` header (names in lower case) or in the query of a pre-signed request.

    None if it is missing or malformed.
    """
    authorization = headers.get("authorization")
    if authorization is not None:
        before, comma, _ = authorization.partition(",")
        # With one credential at the start, the rest of the header, which each request has anew, does not matter.
        if comma and before.startswith(_USUAL_START) and authorization.count("Credential=") == 1:
            return _scope_in_header(before)
        return _scope(_AUTHORIZATION.match(authorization))
    if "X-Amz-Credential" not in query_string:
        return None
    for name, value in parse_qsl(query_string, max_num_fields=None):
        if name == "X-Amz-Credential":
            return _scope(_CREDENTIAL.fullmatch(value))
    return None


@lru_cache(maxsize=256)
def _scope_in_header(authorization: str) -> CredentialScope | None:
    return _scope(_AUTHORIZATION.match(authorization))


def _scope(match: re.Match[str] | None) -> CredentialScope | None:
    if match is None:
        return None
    return CredentialScope(match["key"], match["date"], match["region"], match["service"])
