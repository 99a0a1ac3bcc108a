"""Access keys and policies of the embedded IAM and STS."""

from __future__ import annotations

from datetime import UTC
from functools import partial
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.access_control import AssumedRoleAccessKey, CreateAccessKeyFailure, IAMPolicy, IAMUserAccessKey
from moto.iam.models import get_account_id_from, iam_backends
from moto.sts.models import sts_backends

from personalize_emu.edge.auth.callers import Caller
from personalize_emu.edge.moto_adapter.resetting import is_resetting, using_services
from personalize_emu.service.core.context import MustWait


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
    """The user or session to which the embedded IAM or STS issued a key."""
    with using_services("iam"):
        return _caller_of(access_key)


def _caller_of(access_key: str) -> Caller | None:
    account = get_account_id_from(access_key)
    for session in sts_backends[account]["aws"].assumed_roles:
        if session.access_key_id == access_key:
            token = session.session_token
            key: Any = AssumedRoleAccessKey(account, "aws", access_key, {"X-Amz-Security-Token": token})
            expires = session.expiration.replace(tzinfo=UTC).timestamp()
            return Caller(key.arn, session.secret_access_key, token, expires, partial(_documents, key))
    try:
        key = IAMUserAccessKey(account, "aws", access_key, {})
    except CreateAccessKeyFailure:
        return None
    return Caller(key.arn, key.create_credentials().secret_key, policies=partial(_documents, key))


def _documents(key: Any) -> tuple[dict[str, Any], ...]:
    """The policy documents of a key, which moto keeps as text, in a dictionary, or in the default policy version."""
    with using_services("iam"):
        return tuple(IAMPolicy(policy)._policy_json for policy in key.collect_policies())
