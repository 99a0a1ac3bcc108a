"""The credential scope of a signed request (P-19): who, when, which region. No signature is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

_SCOPE = (
    r"(?P<key>[^/\s,=]{1,256})/(?P<date>[0-9]{8})"
    r"/(?P<region>[A-Za-z0-9-]{1,64})/(?P<service>[A-Za-z0-9-]{1,64})/aws4_request"
)
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
    """The scope in the `authorization` header (keys lower-case) or in the query of a pre-signed request.

    None when there is none or it is malformed.
    """
    authorization = headers.get("authorization")
    if authorization is not None:
        return _scope(_AUTHORIZATION.match(authorization))
    if "X-Amz-Credential" not in query_string:
        return None
    for name, value in parse_qsl(query_string, max_num_fields=None):
        if name == "X-Amz-Credential":
            return _scope(_CREDENTIAL.fullmatch(value))
    return None


def _scope(match: re.Match[str] | None) -> CredentialScope | None:
    if match is None:
        return None
    return CredentialScope(match["key"], match["date"], match["region"], match["service"])
