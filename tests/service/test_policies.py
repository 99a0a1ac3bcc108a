"""What policy documents say (spec 05 S-3, S-9, S-10, S-26), apart from roles and buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.service.policies import CannotEvaluate, PolicyRequest, allows, denies

SERVICE = ("Service", "personalize.amazonaws.com")
READ = PolicyRequest(
    "s3:GetObject",
    "arn:aws:s3:::bucket/data/a.csv",
    frozenset({SERVICE}),
    {"aws:sourceaccount": "123456789012", "aws:securetransport": "true"},
)
ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allowed(**changes: Any) -> bool:
    return allows([policy({**ALLOW, **changes})], READ)


@pytest.mark.parametrize(
    "action", ["s3:GetObject", "S3:getobject", "s3:*", "*", "s3:Get*", "s3:GetObjec?", ["s3:PutObject", "s3:Get*"]]
)
def test_actions_fit_by_name_and_wildcard_in_any_case(action: Any) -> None:
    assert allowed(Action=action)


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObjectAcl", "s3:Get", "ec2:*", "s3:GetObject?", [], None])
def test_other_actions_do_not(action: Any) -> None:
    assert not allowed(Action=action)


@pytest.mark.parametrize(
    "resource", ["*", "arn:aws:s3:::*", "arn:aws:s3:::b*t/data/?.csv", ["arn:aws:s3:::b", "arn:aws:s3:::bucket/*"]]
)
def test_resources_fit_by_name_and_wildcard(resource: Any) -> None:
    """S-10."""
    assert allowed(Resource=resource)


@pytest.mark.parametrize(
    "resource", ["arn:aws:s3:::bucket", "arn:aws:s3:::Bucket/*", "arn:aws:s3:::bucket/data/[a].csv", []]
)
def test_other_resources_do_not(resource: Any) -> None:
    """S-10: the bucket is not its objects; names keep their case."""
    assert not allowed(Resource=resource)


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"Service": "personalize.amazonaws.com"},
        {"Service": ["s3.amazonaws.com", "personalize.amazonaws.com"]},
    ],
)
def test_principals_fit_by_name(principal: Any) -> None:
    """S-3."""
    assert allowed(Principal=principal)


@pytest.mark.parametrize(
    "principal",
    [{"Service": "forecast.amazonaws.com"}, {"AWS": "personalize.amazonaws.com"}, {"Federated": "x"}, {}],
)
def test_other_principals_do_not(principal: Any) -> None:
    assert not allowed(Principal=principal)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        {"StringEquals": {"AWS:sourceaccount": ["1", "123456789012"]}},
        {"StringLike": {"aws:SourceAccount": "12345*"}},
        {"StringNotEquals": {"aws:SourceAccount": "1"}},
        {"StringNotEquals": {"aws:SourceArn": "1"}},
        {"StringEqualsIfExists": {"aws:SourceArn": "1"}},
        {"Bool": {"aws:SecureTransport": True}},
        {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceAccount": "123456789012"}},
    ],
)
def test_conditions_hold(condition: Any) -> None:
    """S-24, S-26: a bucket may insist on TLS."""
    assert allowed(Condition=condition)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": "1"}},
        {"StringEquals": {"aws:SourceArn": "1"}},
        {"StringNotLike": {"aws:SourceAccount": "1*"}},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceAccount": "1"}},
    ],
)
def test_conditions_fail(condition: Any) -> None:
    """S-26."""
    assert not allowed(Condition=condition)


@pytest.mark.parametrize(
    "changes",
    [
        {"NotAction": "s3:PutObject"},
        {"NotResource": "arn:aws:s3:::other/*"},
        {"NotPrincipal": {"AWS": "*"}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"ForAllValues:StringEquals": {"aws:SourceAccount": "123456789012"}}},
        {"Resource": "arn:aws:s3:::bucket/${aws:username}/*"},
    ],
)
def test_nothing_is_guessed(changes: Any) -> None:
    with pytest.raises(CannotEvaluate):
        allowed(**changes)


def test_what_does_not_matter_is_not_evaluated() -> None:
    assert not allowed(Action="s3:PutObject", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})


def test_a_deny_beats_every_allow() -> None:
    deny = {**ALLOW, "Effect": "Deny"}
    assert not allows([policy(ALLOW, deny)], READ)
    assert not allows([policy(ALLOW), policy(deny)], READ)
    assert denies([policy(ALLOW), policy(deny)], READ)
    assert not denies([policy(ALLOW)], READ)


def test_nothing_is_allowed_by_default() -> None:
    assert not allows([], READ)
    assert allows([{"Statement": ALLOW}], READ)


@given(st.text(st.characters(blacklist_characters="$*?")), st.text(max_size=5), st.text(max_size=5))
def test_a_star_stands_for_any_text(middle: str, start: str, end: str) -> None:
    for part in ("*", "?", "$"):
        start, end = start.replace(part, ""), end.replace(part, "")
    request = PolicyRequest("a", f"{start}{middle}{end}")
    document = policy({"Effect": "Allow", "Action": "a", "Resource": f"{start}*{end}"})
    assert allows([document], request)
