"""The condition keys of a call and their values, as policies see them (S-31).

who calls       aws:PrincipalArn, aws:username, aws:PrincipalTag/…    from the ARN, and from IAM
what is sent    aws:SourceIp, aws:CurrentTime, aws:RequestTag/…       from the request
what it is for  aws:ResourceTag/…, iam:PassedToService                from the resource
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from personalize_emu.edge.auth.service_authorization import ANY, Permission
from personalize_emu.service.access.policy_context import PolicyContext
from personalize_emu.state.identifiers import account_in

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
PASSED_TO = "personalize.amazonaws.com"
_TAG = "${TagKey}"

CONDITION_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "aws:CurrentTime": "the clock of the emulator",
        "aws:EpochTime": "the clock of the emulator, in seconds",
        "aws:MultiFactorAuthPresent": "`false` with temporary credentials, absent with others",
        "aws:PrincipalAccount": "the account of the caller",
        "aws:PrincipalArn": "the user; of a session, its role",
        "aws:PrincipalIsAWSService": "`false`",
        "aws:PrincipalTag/${TagKey}": "tags of user or role, and those passed with AssumeRole",
        "aws:PrincipalType": "`User`, `AssumedRole` or `FederatedUser`",
        "aws:Referer": "the header, if sent",
        "aws:RequestTag/${TagKey}": "tags of the request",
        "aws:RequestedRegion": "the region of the signature",
        "aws:ResourceAccount": "the account in the ARN of the resource; the caller's where the resource is `*`",
        "aws:ResourceTag/${TagKey}": "tags of the resource; absent while it is being created",
        "aws:SecureTransport": "`true`: clients of AWS use TLS, whatever they use with the emulator",
        "aws:SourceIp": "the address of the client; 127.0.0.1 in the same process",
        "aws:TagKeys": "keys of the tags of the request",
        "aws:TokenIssueTime": "when temporary credentials were issued, absent with others",
        "aws:UserAgent": "the header, if sent",
        "aws:ViaAWSService": "`false`",
        "aws:userid": "the id of the user; of a session, `<id of the role>:<name of the session>`",
        "aws:username": "the name of a user, absent for sessions",
        "iam:PassedToService": f"`{PASSED_TO}` for iam:PassRole",
    }
)
"""All keys that a call can have, and what their values are. Names match in any case."""

FAMILIES = tuple(key.removesuffix(_TAG).lower() for key in CONDITION_KEYS)
"""Keys that a call certainly does not have if they are missing, beside those that no call has."""

_TYPES = {"root": "Account", "user": "User", "assumed-role": "AssumedRole", "federated-user": "FederatedUser"}


def principal_facts(arn: str) -> Mapping[str, str]:
    """The condition keys of a caller that follow from its ARN. For a session the role's path is unknown."""
    _, partition, _, _, account, name = arn.split(":", 5)
    kind, _, path = name.partition("/")
    facts = {"aws:principalarn": arn, "aws:principalaccount": account, "aws:principaltype": _TYPES.get(kind, "")}
    if kind == "user":
        facts["aws:username"] = path.rpartition("/")[2]
    elif kind == "assumed-role":
        facts["aws:principalarn"] = f"arn:{partition}:iam::{account}:role/{path.partition('/')[0]}"
    return facts


def request_facts(headers: Mapping[str, str], address: str, region: str, now: float) -> Mapping[str, str]:
    """headers: names in lower case. address: of the client. now: epoch seconds."""
    facts = {
        "aws:securetransport": "true",
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        "aws:requestedregion": region,
        "aws:currenttime": datetime.fromtimestamp(now, UTC).strftime(TIME_FORMAT),
        "aws:epochtime": str(int(now)),
        "aws:sourceip": address,
    }
    named = {"aws:useragent": headers.get("user-agent"), "aws:referer": headers.get("referer")}
    return facts | {key: value for key, value in named.items() if value is not None}


def request_tags(params: Mapping[str, Any]) -> PolicyContext:
    """Of a parsed request, which has not been validated: a list can have null in it."""
    given = {tag["tagKey"]: tag["tagValue"] for tag in params.get("tags", ()) if tag is not None and len(tag) == 2}
    keys = frozenset([*given, *(key for key in params.get("tagKeys", ()) if key is not None)])
    tags = tag_facts("aws:requesttag/", given.items())
    return {**tags, "aws:tagkeys": keys} if keys else tags


def tag_facts(prefix: str, tags: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {f"{prefix}{key.lower()}": value for key, value in tags}


def resource_facts(permission: Permission, tags: Mapping[str, str], caller_account: str) -> Mapping[str, str]:
    """tags: of the resource."""
    owner = caller_account if permission.resource == ANY else account_in(permission.resource)
    facts = {"aws:resourceaccount": owner} if owner else {}
    if permission.passes_role:
        return {**facts, "iam:passedtoservice": PASSED_TO}
    return {**facts, **tag_facts("aws:resourcetag/", tags.items())}
