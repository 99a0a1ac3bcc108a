"""The owners of access keys and their policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from personalize_emu.edge.auth.caller_policies import CallerPolicies
from personalize_emu.settings import Settings, account_keys
from personalize_emu.state.identifiers import account_in, partition_of


@dataclass(frozen=True)
class Caller:
    """The owner of an access key.

    arn: of the user or session. session_token: required with a temporary key, None for a permanent key.
    expires: epoch seconds, None for never. policies: returns what limits the caller now, called for each
    request (S-34); None for the account itself, which has all permissions.
    """

    arn: str
    secret: str
    session_token: str | None = None
    expires: float | None = None
    policies: Callable[[], CallerPolicies] | None = None

    @property
    def account(self) -> str:
        return account_in(self.arn)


CallerOf = Callable[[str], Caller | None]
"""Looks up the owner of an access key; None if the key was never issued."""


def no_issued_keys(_access_key: str) -> None:
    """Used where only the keys of the settings exist."""


def known_callers(settings: Settings, issued: CallerOf) -> CallerOf:
    """Looks up keys of the settings first, then keys issued by the embedded services (S-37)."""
    own = account_keys(settings.credentials)
    root = f"arn:{partition_of(settings.region)}:iam::{settings.account}:root"

    def find(access_key: str) -> Caller | None:
        return Caller(root, own[access_key]) if access_key in own else issued(access_key)

    return find
