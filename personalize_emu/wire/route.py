"""Determines the operation of a request (P-5 to P-9, P-57, P-58)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from personalize_emu.wire.errors import UnknownOperationException
from personalize_emu.wire.models import Operation, operations
from personalize_emu.wire.sigv4 import CredentialScope

TARGET_PREFIX = "AmazonPersonalize."
SIGNING_NAMES = frozenset({"personalize", "personalize-runtime", "personalize-events"})
"""Signing names of the service; some clients use the name of the client instead."""


def route(method: str, path: str, headers: Mapping[str, str]) -> Operation:
    """The operation of a request. headers: names in lower case.

    Raises UnknownOperationException, with status 400 at `/` and 404 at any other path.
    """
    if path in ("/", ""):
        target = headers.get("x-amz-target", "")
        operation = _by_target().get((method, target))
        if operation is None:
            raise UnknownOperationException
        return operation
    operation = _by_path().get((method, path))
    if operation is None:
        error = UnknownOperationException(f"Unknown operation {method} {path}")
        error.status = 404
        raise error
    return operation


def is_ours(method: str, path: str, headers: Mapping[str, str], scope: CredentialScope | None) -> bool:
    """Whether a request on a port shared with other services is for Personalize. scope: of its credentials, if any.

    A target of Personalize decides; otherwise the signing name does, so that a bucket named `users` remains a bucket;
    unsigned requests are for Personalize on its paths. Preflight requests are never signed.
    """
    if headers.get("x-amz-target", "").startswith(TARGET_PREFIX):
        return True
    if method == "OPTIONS":
        return path in ("/", "") or ("POST", path) in _by_path()
    if scope is not None:
        return scope.service in SIGNING_NAMES
    return (method, path) in _by_path()


@cache
def _by_target() -> Mapping[tuple[str, str], Operation]:
    return {(each.method, each.target): each for each in operations().values() if each.target is not None}


@cache
def _by_path() -> Mapping[tuple[str, str], Operation]:
    return {(each.method, each.path): each for each in operations().values() if each.target is None}
