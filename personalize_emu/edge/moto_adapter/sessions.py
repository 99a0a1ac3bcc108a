"""Sessions of the embedded STS: trust policies of roles, policies of sessions, session tokens of users.

moto lets everybody assume every role, forgets the managed policies of a session, and gives everybody who asks for a
session token the same example key, which belongs to nobody.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from moto.core.exceptions import AccessDeniedError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.iam.models import AccessKey, iam_backends
from moto.sts.models import AssumedRole, STSBackend
from moto.sts.responses import TokenResponse
from moto.sts.utils import random_session_token

from personalize_emu.edge.auth.caller_policies import refusal_reason
from personalize_emu.edge.auth.callers import Caller, principal_facts
from personalize_emu.edge.moto_adapter.accounts import POLICY_ARNS, SESSION_TAGS, TOKENS, caller_of, tag_facts
from personalize_emu.service.access.policies import CannotEvaluate, MalformedPolicy, PolicyRequest, allows

ASSUME = "sts:AssumeRole"
LONGEST_DURATION = 12 * 3600
"""Seconds; the default of GetSessionToken."""
TEMPORARY_PREFIX = "ASIA"


@dataclass(frozen=True)
class SessionToken:
    """A temporary key of a user, from GetSessionToken or GetFederationToken.

    owner: access key id of the user's key; empty for the account itself. arn: of the session. policy: JSON text that
    limits it, None for none. expiration: in UTC, without a time zone, as moto's.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: Any
    owner: str
    arn: str
    policy: str | None


class _Thread(threading.local):
    """enforced: whether this thread processes a request to a server that checks permissions."""

    policy_arns: tuple[str, ...] = ()
    session_tags: Mapping[str, str] = MappingProxyType({})
    enforced = False


_thread = _Thread()
_mocks: list[object] = []
"""One entry for each mock of this process that checks permissions."""


@contextmanager
def trust_enforced(*, enforced: bool) -> Iterator[None]:
    """Check trust policies of roles for requests that this thread processes inside the block."""
    before, _thread.enforced = _thread.enforced, enforced
    try:
        yield
    finally:
        _thread.enforced = before


@contextmanager
def trust_enforced_in_mocks(*, enforced: bool) -> Iterator[None]:
    """Check trust policies of roles inside the block, in all threads."""
    entries = [object()] if enforced else []
    _mocks.extend(entries)
    try:
        yield
    finally:
        for entry in entries:
            _mocks.remove(entry)


@cache
def keep_sessions() -> None:
    """Make moto's STS issue real session tokens and keep the policies of sessions. Applied once per process."""
    responses, store, session = TokenResponse, STSBackend, AssumedRole
    _replace(responses, "assume_role", _assume_role(responses.assume_role))
    _replace(responses, "get_session_token", _get_session_token)
    _replace(responses, "get_federation_token", _get_federation_token(responses.get_federation_token))
    _replace(store, "get_caller_identity", _caller_identity(store.get_caller_identity))
    _replace(session, "__init__", _with_policy_arns(session.__init__))


def _replace(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


def _with_policy_arns(original: Any) -> Any:
    def initialise(session: Any, *args: Any, **named: Any) -> None:
        original(session, *args, **named)
        setattr(session, POLICY_ARNS, _thread.policy_arns)
        setattr(session, SESSION_TAGS, dict(_thread.session_tags))

    return initialise


def _assume_role(original: Any) -> Any:
    def assume_role(response: Any) -> Any:
        if _thread.enforced or _mocks:
            _require_trust(response)
        tags = response._get_param("Tags") or []
        _thread.policy_arns = _policy_arns(response)
        _thread.session_tags = tag_facts((tag["Key"], tag["Value"]) for tag in tags)
        try:
            return original(response)
        finally:
            _thread.policy_arns, _thread.session_tags = (), {}

    return assume_role


def _policy_arns(response: Any) -> tuple[str, ...]:
    given = response._get_param("PolicyArns") or []
    return tuple(entry.get("arn") or entry.get("Arn") for entry in given)


def _require_trust(response: Any) -> None:
    """Raises AccessDenied unless the role exists and trusts the caller, or its account and its policies allow it."""
    role_arn, access_key = response._get_param("RoleArn"), response.get_access_key()
    caller = caller_of(access_key)
    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else DEFAULT_ACCOUNT_ID
    arn = caller.arn if caller is not None else f"arn:aws:iam::{response.current_account}:root"
    action = f"{ASSUME} on resource: {role_arn}"
    trust = _trust_policy(account, role_arn)
    if trust is None:
        raise AccessDeniedError(arn, action)
    external_id = response._get_param("ExternalId")
    context = {**principal_facts(arn), **({} if external_id is None else {"sts:externalid": external_id})}
    try:
        trusted = _is_trusted(trust, role_arn, arn, caller, context)
    except (CannotEvaluate, MalformedPolicy) as error:
        raise AccessDeniedError(arn, f"{action}: personalize-emu does not evaluate {error}") from error
    if not trusted:
        raise AccessDeniedError(arn, action)


def _trust_policy(account: str, role_arn: str) -> Any:
    for role in iam_backends[account]["aws"].roles.values():
        if role.arn == role_arn:
            document = role.assume_role_policy_document
            try:
                return json.loads(document) if isinstance(document, str) else document
            except ValueError:
                return None
    return None


def _is_trusted(trust: Any, role_arn: str, arn: str, caller: Caller | None, context: Mapping[str, str]) -> bool:
    """A role may trust the caller, or its account, which leaves the decision to the caller's policies."""
    account = arn.split(":")[4]
    names = {arn, *_roles_of_session(arn)}
    request = PolicyRequest(ASSUME, role_arn, _principals(names), context, families=("sts:",))
    if allows([trust], request):
        return True
    whole_account = PolicyRequest(
        ASSUME, role_arn, _principals({*names, account, f"arn:aws:iam::{account}:root"}), context, families=("sts:",)
    )
    if not allows([trust], whole_account):
        return False
    if caller is None or caller.policies is None:
        return True
    return refusal_reason(caller.policies(), PolicyRequest(ASSUME, role_arn, context=context)) is None


def _principals(names: set[str]) -> frozenset[tuple[str, str]]:
    return frozenset(("AWS", name) for name in names)


def _roles_of_session(arn: str) -> tuple[str, ...]:
    """The role of a session's ARN."""
    head, slash, rest = arn.partition(":assumed-role/")
    return (f"{head.replace(':sts:', ':iam:')}:role/{rest.split('/')[0]}",) if slash else ()


def _get_session_token(response: Any) -> ActionResult:
    token = _issued(response, policy=None, arn=None)
    return ActionResult({"Credentials": _credentials(token)})


def _get_federation_token(original: Any) -> Any:
    def get_federation_token(response: Any) -> Any:
        # Checks the request, and names the federated user.
        result = original(response)
        user = result.result["FederatedUser"]
        token = _issued(response, policy=response._get_param("Policy"), arn=user["Arn"])
        return ActionResult({**result.result, "Credentials": _credentials(token)})

    return get_federation_token


def _issued(response: Any, policy: str | None, arn: str | None) -> SessionToken:
    duration = response._get_int_param("DurationSeconds", LONGEST_DURATION)
    expiration = response.backend.get_session_token(duration=duration).expiration
    account, owner = response.current_account, response.get_access_key()
    caller = caller_of(owner)
    key_class: Any = AccessKey
    key = key_class(user_name=None, prefix=TEMPORARY_PREFIX, account_id=account)
    token = SessionToken(
        access_key_id=key.access_key_id,
        secret_access_key=key.secret_access_key,
        session_token=random_session_token(),
        expiration=expiration,
        owner=owner if caller is not None else "",
        arn=arn or (caller.arn if caller is not None else f"arn:aws:iam::{account}:root"),
        policy=policy,
    )
    vars(response.backend).setdefault(TOKENS, {})[token.access_key_id] = token
    iam_backends[account]["aws"].access_keys[token.access_key_id] = key
    return token


def _credentials(token: SessionToken) -> dict[str, Any]:
    return {
        "AccessKeyId": token.access_key_id,
        "SecretAccessKey": token.secret_access_key,
        "SessionToken": token.session_token,
        "Expiration": token.expiration,
    }


def _caller_identity(original: Any) -> Any:
    def get_caller_identity(backend: Any, access_key_id: str, region: str) -> Any:
        token = vars(backend).get(TOKENS, {}).get(access_key_id)
        if token is None:
            return original(backend, access_key_id, region)
        return token.arn.rpartition("/")[2] or backend.account_id, token.arn, backend.account_id

    return get_caller_identity
