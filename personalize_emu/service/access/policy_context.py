"""What is known of a request when a policy is evaluated: condition keys and their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PolicyContext = Mapping[str, "str | frozenset[str]"]
"""Condition keys in lower case and their values; a frozen set where a key has any number of them."""

KEY_NAMES = (
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalServiceName",
    "aws:PrincipalType",
    "aws:Referer",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:TagKeys",
    "aws:username",
    "aws:ViaAWSService",
    "aws:VpcSourceIp",
    "aws:UserAgent",
    "iam:PassedToService",
    "s3:ResourceAccount",
    "s3:TlsVersion",
)
"""Keys for which the context is complete. Some, as those of VPCs, are in no request."""
KNOWN_KEYS = frozenset(name.lower() for name in KEY_NAMES)
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
