"""Access to the admin routes with the option `auth`: signed like any call of the service.

GET health, GET metrics     open, for probes
every other route           signature of a known key; with `iam` also permission for personalize-emu:<Route>;
                            shows the account of the caller (edge/admin/account_view.py)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from personalize_emu.edge.auth.access_control import authenticated
from personalize_emu.edge.auth.caller_policies import refusal_reason
from personalize_emu.edge.auth.callers import CallerOf, known_callers
from personalize_emu.edge.auth.condition_keys import FAMILIES, principal_facts
from personalize_emu.service.access.policies import CannotEvaluate, PolicyRequest
from personalize_emu.settings import Settings
from personalize_emu.wire.errors import AwsError
from personalize_emu.wire.sigv4 import SignedRequest

OPEN = frozenset({"health", "metrics"})
"""Routes that anybody may read."""
READS = frozenset({"GET", "HEAD"})
ACTIONS = "personalize-emu"


@dataclass(frozen=True)
class AdminAccess:
    """refusal: why a request is refused, None if it is not. account: of the caller, None if nobody asks who calls."""

    refusal: str | None = None
    account: str | None = None


AdminCheck = Callable[[SignedRequest, str, Mapping[str, str]], AdminAccess]
"""Given a request, the name of its route, such as `reset`, and the condition keys of the request (`request_facts`)."""


def no_admin_check(_request: SignedRequest, _route: str, _facts: Mapping[str, str]) -> AdminAccess:
    """Everybody who reaches the server may use its admin routes."""
    return AdminAccess()


def admin_check_for(settings: Settings, issued: CallerOf, now: Callable[[], float] = time.time) -> AdminCheck:
    """The check for the option `auth`. issued, now: as for `access_check_for`."""
    if settings.auth == "off":
        return no_admin_check
    callers = known_callers(settings, issued)

    def check(request: SignedRequest, route: str, facts: Mapping[str, str]) -> AdminAccess:
        if request.method in READS and route in OPEN:
            return AdminAccess()
        try:
            caller = authenticated(request, callers, now())
        except AwsError as error:
            text = f"with auth {settings.auth} sign the request as a call of the service personalize: {error}"
            return AdminAccess(text)
        if settings.auth != "iam" or caller.policies is None:
            return AdminAccess(account=caller.account)
        action = f"{ACTIONS}:{route.capitalize()}"
        try:
            policies = caller.policies()
            context = {**principal_facts(caller.arn), **policies.facts, **facts}
            reason = refusal_reason(policies, PolicyRequest(action, "*", context=context, families=FAMILIES))
        except CannotEvaluate as error:
            reason = f"because its policies have {error}"
        if reason is not None:
            return AdminAccess(f"{caller.arn} is not authorized to perform {action} {reason}")
        return AdminAccess(account=caller.account)

    return check
