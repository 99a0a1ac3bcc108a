"""The policies that limit a caller, and what they say of a request.

allowed = identity policies allow AND the boundary allows, if any AND the session policies allow, if any
          AND none of them denies
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from personalize_emu.service.access.policies import (
    CannotEvaluate,
    MalformedPolicy,
    PolicyRequest,
    allows,
    denies,
    require_identity_policies,
)

Documents = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class CallerPolicies:
    """identity: of the user with its groups, or of the role; None for the account itself, which may do everything.

    boundary: the permissions boundary of user or role. session: passed when the session was requested. None where
    there is none; an empty tuple allows nothing. facts: condition keys that the caller has beside those of its ARN.
    """

    identity: Documents | None
    boundary: Documents | None = None
    session: Documents | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def denial_reason(policies: CallerPolicies, request: PolicyRequest) -> str | None:
    """As `refusal_reason`, for requests that need no Allow of the caller's policies, only that nothing denies them."""
    unknown: CannotEvaluate | None = None
    for article, _, documents in _present(policies):
        try:
            require_identity_policies(documents)
            if denies(documents, request):
                return f"with an explicit deny in {article}"
        except MalformedPolicy as error:
            return f"because {article} is malformed: {error}"
        except CannotEvaluate as error:
            unknown = error
    if unknown is not None:
        raise unknown
    return None


def refusal_reason(policies: CallerPolicies, request: PolicyRequest) -> str | None:
    """Why a request is not allowed, in the words of AWS (P-62); None if it is.

    Raises:
        CannotEvaluate: the result depends on an element that is not evaluated.
    """
    unknown: CannotEvaluate | None = None
    try:
        reason = denial_reason(policies, request)
        if reason is not None:
            return reason
    except CannotEvaluate as error:
        unknown = error
    for _, name, documents in _present(policies):
        try:
            if not allows(documents, request):
                return f"because no {name} allows the {request.action} action"
        except CannotEvaluate as error:
            unknown = error
    if unknown is not None:
        raise unknown
    return None


def _present(policies: CallerPolicies) -> list[tuple[str, str, Documents]]:
    """Those that the caller has: with article, the name alone, the documents."""
    kinds = (
        ("an identity-based policy", "identity-based policy", policies.identity),
        ("a permissions boundary", "permissions boundary", policies.boundary),
        ("a session policy", "session policy", policies.session),
    )
    return [(article, name, documents) for article, name, documents in kinds if documents is not None]
