"""Access keys, policies and permissions boundaries of the embedded IAM and STS."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC
from functools import cache, partial
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import EmptyResult
from moto.core.serialize import never_return
from moto.iam.access_control import CreateAccessKeyFailure, IAMPolicy, IAMUserAccessKey
from moto.iam.exceptions import NoSuchEntity
from moto.iam.models import Role, User, get_account_id_from, iam_backends
from moto.iam.responses import IamResponse
from moto.sts.models import sts_backends

from personalize_emu.edge.auth.caller_policies import CallerPolicies, Documents
from personalize_emu.edge.auth.callers import Caller
from personalize_emu.edge.auth.condition_keys import TIME_FORMAT, tag_facts
from personalize_emu.edge.moto_adapter.resetting import is_resetting, using_services
from personalize_emu.service.core.context import MustWait

POLICY_ARNS = "personalize_emu_policy_arns"
"""Attribute of moto's sessions: managed policies that were passed with AssumeRole."""
BOUNDARY_MEMBER = "PermissionsBoundary"
SESSION_TAGS = "personalize_emu_session_tags"
"""Attribute of moto's sessions: tags that were passed with AssumeRole, as condition keys."""
BOUNDARY = "permissions_boundary_arn"
"""Attribute of moto's roles, and here of its users: ARN of the policy that is their permissions boundary."""
TOKENS = "personalize_emu_session_tokens"
"""Attribute of moto's store of sessions: session tokens of users by access key id."""
ACTIVE = "Active"


@cache
def keep_boundaries() -> None:
    """Let moto's users have permissions boundaries, as its roles have. Applied once per process."""
    responses: Any = IamResponse
    users: Any = User
    create, create_in_stack = responses.create_user, users.create_from_cloudformation_json.__func__

    def create_user(response: Any) -> Any:
        arn = response._get_param(BOUNDARY_MEMBER)
        if arn:
            _require_policy(response.backend, arn)
        result = create(response)
        setattr(result.result["User"], BOUNDARY, arn)
        return result

    def put_user_permissions_boundary(response: Any) -> Any:
        user, arn = response.backend.get_user(response._get_param("UserName")), response._get_param(BOUNDARY_MEMBER)
        _require_policy(response.backend, arn)
        setattr(user, BOUNDARY, arn)
        return EmptyResult()

    def delete_user_permissions_boundary(response: Any) -> Any:
        setattr(response.backend.get_user(response._get_param("UserName")), BOUNDARY, None)
        return EmptyResult()

    def create_from_cloudformation_json(kind: Any, name: str, resource: Any, *place: Any, **named: Any) -> Any:
        user = create_in_stack(kind, name, resource, *place, **named)
        setattr(user, BOUNDARY, resource.get("Properties", {}).get(BOUNDARY_MEMBER))
        return user

    for function in (create_user, put_user_permissions_boundary, delete_user_permissions_boundary):
        setattr(responses, function.__name__, function)
    users.create_from_cloudformation_json = classmethod(create_from_cloudformation_json)
    setattr(users, BOUNDARY, None)
    users.permissions_boundary = Role.permissions_boundary
    responses.RESPONSE_KEY_PATH_TO_TRANSFORMER["ListUsersResponse.Users.User.PermissionsBoundary"] = never_return


def _require_policy(store: Any, arn: str) -> None:
    try:
        store.get_policy(arn)
    except ServiceException as error:
        raise NoSuchEntity(f"Scope ARN: {arn} does not exist or is not attachable.") from error


def account_of(access_key: str) -> str | None:
    """The account of a key issued by the embedded IAM or STS; None for any other key (P-20)."""
    with using_services("iam"):
        return _account_of(access_key)


def account_at_once(access_key: str) -> str | None:
    """As `account_of`, for an event loop. Raises MustWait during a reset.

    A reset that begins meanwhile comes after the look-up, which changes nothing and keeps nothing.
    """
    if is_resetting():
        raise MustWait
    return _account_of(access_key)


def _account_of(access_key: str) -> str | None:
    """Unlike `get_account_id_from` of moto this makes no store for a partition that has none."""
    for account, stores in list(iam_backends.items()):
        if any(access_key in store.access_keys for store in list(stores.values())):
            return None if account == DEFAULT_ACCOUNT_ID else str(account)
    return None


def caller_of(access_key: str) -> Caller | None:
    """The user or session to which the embedded IAM or STS issued a key; None if it is inactive or deleted."""
    with using_services("iam"):
        account = get_account_id_from(access_key)
        return _role_session(account, access_key) or _user_session(account, access_key) or _user(account, access_key)


def _role_session(account: str, access_key: str) -> Caller | None:
    for session in sts_backends[account]["aws"].assumed_roles:
        if session.access_key_id == access_key:
            expires = session.expiration.replace(tzinfo=UTC).timestamp()
            policies = partial(_policies_of_role, account, session)
            return Caller(session.arn, session.secret_access_key, session.session_token, expires, policies)
    return None


def _user_session(account: str, access_key: str) -> Caller | None:
    token = vars(sts_backends[account]["aws"]).get(TOKENS, {}).get(access_key)
    if token is None:
        return None
    policies = partial(_policies_of_token, account, token) if token.owner or token.policy is not None else None
    expires = token.expiration.replace(tzinfo=UTC).timestamp()
    return Caller(token.arn, token.secret_access_key, token.session_token, expires, policies)


def _user(account: str, access_key: str) -> Caller | None:
    try:
        key: Any = IAMUserAccessKey(account, "aws", access_key, {})
    except CreateAccessKeyFailure:
        return None
    store: Any = iam_backends[account]["aws"]
    if store.access_keys[access_key].status != ACTIVE:
        return None
    user = next((user for user in list(store.users.values()) if _has_key(user, access_key)), None)
    if user is None:
        return None
    return Caller(user.arn, key.create_credentials().secret_key, policies=partial(_policies_of_user, store, key, user))


def _has_key(user: Any, access_key: str) -> bool:
    return any(key.access_key_id == access_key for key in list(user.access_keys))


def _policies_of_user(store: Any, key: Any, user: Any) -> CallerPolicies:
    with using_services("iam"):
        limits = _boundary(store, getattr(user, BOUNDARY, None))
        facts = {"aws:userid": user.id, **_tags(user)}
        return CallerPolicies(_documents(key.collect_policies()), limits, facts=facts)


def _policies_of_role(account: str, session: Any) -> CallerPolicies:
    """A role that does not exist, or no longer, allows nothing."""
    passed = documents_of_session(account, session.policy, getattr(session, POLICY_ARNS, ()))
    with using_services("iam"):
        store: Any = iam_backends[account]["aws"]
        try:
            role = store.get_role_by_arn(session.role_arn)
        except ServiceException:
            return CallerPolicies((), session=passed)
        inline = [store.get_role_policy(role.name, name)[1] for name in store.list_role_policies(role.name)]
        attached, _ = store.list_attached_role_policies(role.name)
        limits = _boundary(store, role.permissions_boundary_arn)
        facts = {
            "aws:principalarn": role.arn,
            "aws:userid": session.user_id,
            **_temporary(session.access_key),
            **_tags(role),
            **getattr(session, SESSION_TAGS, {}),
        }
        return CallerPolicies(_documents([*inline, *attached]), limits, passed, facts)


def _policies_of_token(account: str, token: Any) -> CallerPolicies:
    """Those of the user who asked for the token, limited by the policy that was passed."""
    passed = documents_of_session(account, token.policy, ())
    owner = _user(account, token.owner) if token.owner else None
    if owner is None or owner.policies is None:
        # Of the account itself, or of a user whose key has been deleted since.
        return CallerPolicies(() if token.owner else None, session=passed)
    own = owner.policies()
    facts = {**own.facts, **_temporary(iam_backends[account]["aws"].access_keys[token.access_key_id])}
    return CallerPolicies(own.identity, own.boundary, passed, facts)


def _temporary(key: Any) -> dict[str, str]:
    """Condition keys of temporary credentials."""
    issued = key.create_date.strftime(TIME_FORMAT)
    return {"aws:tokenissuetime": issued, "aws:multifactorauthpresent": "false"}


def _tags(owner: Any) -> dict[str, str]:
    """The tags of a user or role as condition keys."""
    return principal_tags(owner.tags or ())


def principal_tags(tags: Iterable[Any]) -> dict[str, str]:
    """Tags as IAM and STS write them, as condition keys of a caller."""
    return tag_facts("aws:principaltag/", ((tag["Key"], tag["Value"]) for tag in tags))


def _boundary(store: Any, arn: str | None) -> Documents | None:
    return _managed(store, [arn]) if arn else None


def documents_of_session(account: str, policy: str | None, policy_arns: Iterable[str]) -> Documents | None:
    """What a session is limited to; None if neither a policy nor ARNs of policies were passed."""
    named = list(policy_arns)
    if not policy and not named:
        return None
    with using_services("iam"):
        given = [policy] if policy else []
        return (*_documents(given), *_managed(iam_backends[account]["aws"], named))


def _managed(store: Any, arns: Iterable[str]) -> Documents:
    """Managed policies by ARN; one that does not exist allows nothing."""
    found = []
    for arn in arns:
        try:
            found.append(store.get_policy(arn))
        except ServiceException:
            continue
    return _documents(found)


def _documents(policies: Iterable[Any]) -> Documents:
    """The documents of policies, which moto keeps as text, in a dictionary, or in the default policy version."""
    return tuple(_document(policy) for policy in policies)


def _document(policy: Any) -> Any:
    if isinstance(policy, str):
        try:
            return json.loads(policy)
        except ValueError:
            return policy
    return IAMPolicy(policy)._policy_json
