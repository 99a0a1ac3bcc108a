"""Who signs requests: owners of access keys, and what their policies say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from personalize_emu.settings import Settings, account_keys
from personalize_emu.state.identifiers import partition_of

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Caller:
    """The owner of an access key.

    arn: of the user or the session. session_token: what a temporary key must come with, None for a lasting one.
    expires: epoch seconds, None for never. policies: documents, read anew for each request (S-34); None for the
    account itself, which may do everything.
    """

    arn: str
    secret: str
    session_token: str | None = None
    expires: float | None = None
    policies: Callable[[], tuple[Document, ...]] | None = None


CallerOf = Callable[[str], Caller | None]
"""Access key to its owner, None when nobody has issued it."""


def nobody(_access_key: str) -> None:
    """No key was issued by anybody but the settings."""


def known_callers(settings: Settings, issued: CallerOf) -> CallerOf:
    """The keys of the settings, and those that the embedded services have issued (S-37)."""
    own = account_keys(settings.credentials)
    root = f"arn:{partition_of(settings.region)}:iam::{settings.account}:root"

    def find(access_key: str) -> Caller | None:
        return Caller(root, own[access_key]) if access_key in own else issued(access_key)

    return find
