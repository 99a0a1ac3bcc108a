"""What is known of a request when a policy is evaluated: condition keys and their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PolicyContext = Mapping[str, "str | frozenset[str]"]
"""Condition keys in lower case and their values; a frozen set where a key has any number of them."""

KNOWN_KEYS = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalisawsservice",
        "aws:principalservicename",
        "aws:principaltype",
        "aws:referer",
        "aws:requestedregion",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:tagkeys",
        "aws:username",
        "aws:viaawsservice",
        "aws:vpcsourceip",
        "aws:useragent",
        "iam:passedtoservice",
        "s3:resourceaccount",
        "s3:tlsversion",
    }
)
"""Keys for which the context is complete. Some, as those of VPCs, are in no request."""
TAG_KEYS = ("aws:requesttag/", "aws:resourcetag/")
"""Prefixes of such keys, which end with the key of a tag (S-31)."""


class CannotEvaluate(Exception):
    """The result depends on an element or a condition that is not evaluated here."""


@dataclass(frozen=True)
class RequestFacts:
    """values: of the condition keys that the request has. families: prefixes of keys for which they are complete."""

    values: PolicyContext
    families: tuple[str, ...] = ()

    def value(self, key: str) -> str | frozenset[str] | None:
        """None if the request does not have the key, or if its value is not known; see `is_known`."""
        return self.values.get(key.lower())

    def is_known(self, key: str) -> bool:
        """Whether the request certainly does not have the key if it has no value."""
        return key.lower() in KNOWN_KEYS or key.lower().startswith(TAG_KEYS + self.families)
