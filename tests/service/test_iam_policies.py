"""What policy documents say (spec 05 S-3, S-9, S-10, S-26), apart from roles and buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.service.access.policies import CannotEvaluate, MalformedPolicy, PolicyRequest, allows, denies
from personalize_emu.service.access.policy_patterns import glob_matches

SERVICE = ("Service", "personalize.amazonaws.com")
READ = PolicyRequest(
    "s3:GetObject",
    "arn:aws:s3:::bucket/data/a.csv",
    frozenset({SERVICE}),
    {
        "aws:sourceaccount": "123456789012",
        "aws:securetransport": "true",
        "aws:tagkeys": frozenset({"a", "b"}),
        "s3:tlsversion": "1.3",
    },
)
ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allowed(**changes: Any) -> bool:
    return allows([policy({**ALLOW, **changes})], READ)


@pytest.mark.parametrize(
    "action", ["s3:GetObject", "S3:getobject", "s3:*", "*", "s3:Get*", "s3:GetObjec?", ["s3:PutObject", "s3:Get*"]]
)
def test_actions_match_by_name_and_wildcard_in_any_case(action: Any) -> None:
    assert allowed(Action=action)


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObjectAcl", "s3:Get", "ec2:*", "s3:GetObject?", [], None])
def test_other_actions_do_not_match(action: Any) -> None:
    assert not allowed(Action=action)


@pytest.mark.parametrize(
    "resource", ["*", "arn:aws:s3:::*", "arn:aws:s3:::b*t/data/?.csv", ["arn:aws:s3:::b", "arn:aws:s3:::bucket/*"]]
)
def test_resources_match_by_name_and_wildcard(resource: Any) -> None:
    """S-10."""
    assert allowed(Resource=resource)


@pytest.mark.parametrize(
    "resource", ["arn:aws:s3:::bucket", "arn:aws:s3:::Bucket/*", "arn:aws:s3:::bucket/data/[a].csv", []]
)
def test_other_resources_do_not_match(resource: Any) -> None:
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
def test_principals_match_by_name(principal: Any) -> None:
    """S-3."""
    assert allowed(Principal=principal)


@pytest.mark.parametrize(
    "principal",
    [{"Service": "forecast.amazonaws.com"}, {"AWS": "personalize.amazonaws.com"}, {"Federated": "x"}, {}],
)
def test_other_principals_do_not_match(principal: Any) -> None:
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
        {"Null": {"aws:SourceArn": "true", "aws:SourceAccount": "false"}},
        {"ArnNotLike": {"aws:SourceArn": "arn:aws:s3:*:*:*"}},
        {"ForAllValues:StringEquals": {"aws:SourceAccount": "123456789012"}},
        {"ForAllValues:StringEquals": {"aws:SourceArn": "1"}},
        {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b", "c"]}},
        {"ForAllValues:StringNotEquals": {"aws:TagKeys": ["c", "d"]}},
        {"ForAnyValue:StringLike": {"aws:TagKeys": ["b*", "c"]}},
        {"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}},
        {"ForAnyValue:StringEqualsIfExists": {"aws:CalledVia": "a"}},
        {"NumericGreaterThanEquals": {"s3:TlsVersion": 1.2}},
        {"NumericNotEquals": {"s3:TlsVersion": "soon"}},
        {"NumericLessThan": {"aws:SourceAccount": "123456789013"}},
        {"StringNotEqualsIgnoreCase": {"aws:SourceAccount": ["a", "b"]}},
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
        {"Null": {"aws:SourceArn": "false"}},
        {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "c"]}},
        {"ForAllValues:StringNotEquals": {"aws:TagKeys": ["b", "c"]}},
        {"ForAnyValue:StringEquals": {"aws:TagKeys": "c"}},
        {"ForAnyValue:StringEquals": {"aws:SourceArn": "c"}},
        {"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a", "b"]}},
        {"ForAnyValue:StringNotEquals": {"aws:SourceArn": "c"}},
        {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        {"StringNotEquals": {"aws:SourceAccount": ["1", "123456789012"]}},
        {"NumericLessThan": {"s3:TlsVersion": "soon"}},
        {"StringEquals": {"aws:SourceAccount": []}},
    ],
)
def test_conditions_fail(condition: Any) -> None:
    """S-26."""
    assert not allowed(Condition=condition)


@pytest.mark.parametrize(
    "changes",
    [
        {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"NumericNotLessThan": {"aws:SourceAccount": "1"}}},
        {"Condition": {"SomeValue:StringEquals": {"aws:SourceAccount": "123456789012"}}},
        {"Condition": {"StringEquals": {"aws:TagKeys": "a"}}},
        {"Resource": "arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*"},
    ],
)
def test_unsupported_elements_are_not_guessed(changes: Any) -> None:
    with pytest.raises(CannotEvaluate):
        allowed(**changes)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"NotAction": "s3:Put*"}, True),
        ({"NotAction": ["s3:Put*", "s3:Get*"]}, False),
        ({"NotResource": "arn:aws:s3:::other/*"}, True),
        ({"NotResource": "arn:aws:s3:::bucket/*"}, False),
        ({"NotPrincipal": {"AWS": "123456789012"}}, True),
        ({"NotPrincipal": {"Service": "personalize.amazonaws.com"}}, False),
    ],
)
def test_negated_elements(changes: Any, fits: bool) -> None:
    """S-3, S-9: what is not listed."""
    negated = next(iter(changes))
    statement = {key: value for key, value in ALLOW.items() if f"Not{key}" != negated}
    assert allows([policy({**statement, **changes})], READ) == fits


def test_irrelevant_statements_are_not_evaluated() -> None:
    unknown = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    assert not allowed(Action="s3:PutObject", Condition=unknown)
    assert not allowed(Condition={**unknown, "Bool": {"aws:SecureTransport": "false"}})
    vague, deny = {**ALLOW, "Condition": unknown}, {**ALLOW, "Effect": "Deny"}
    assert allows([policy(vague, ALLOW)], READ)
    assert not allows([policy(vague, deny)], READ)
    assert not allows([policy({**deny, "Condition": unknown})], READ)
    with pytest.raises(CannotEvaluate):
        allows([policy({**deny, "Condition": unknown}, ALLOW)], READ)


def test_dates_addresses_and_bytes() -> None:
    """The operators that no key of the service's own requests is for."""
    context = {"aws:username": "2026-01-01T00:00:00Z", "aws:referer": "10.1.2.3", "aws:principaltype": "YQ=="}
    request = PolicyRequest("a", "b", context=context)
    for condition in (
        {"DateLessThan": {"aws:username": "2026-01-02"}},
        {"DateGreaterThanEquals": {"aws:username": ["1767225600"]}},
        {"DateNotEquals": {"aws:username": "2026-01-02T00:00:00+01:00"}},
        {"IpAddress": {"aws:referer": ["::1/128", "10.0.0.0/8"]}},
        {"NotIpAddress": {"aws:referer": ["11.0.0.0/8", "nowhere"]}},
        {"BinaryEquals": {"aws:principaltype": "YQ=="}},
    ):
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
        assert allows([policy(statement)], request), condition


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("arn:aws:personalize:*:123456789012:*", True),
        ("arn:aws:personalize:us-east-1:123456789012:solution/*", True),
        ("arn:aws:*", False),
        ("*", False),
        ("arn:aws:person*:1234567890*", False),
    ],
)
def test_arns_are_compared_part_by_part(pattern: str, fits: bool) -> None:
    """S-26: a wildcard does not reach over a colon of the first five."""
    context = {"aws:sourcearn": "arn:aws:personalize:us-east-1:123456789012:solution/a:b"}
    statement = {"Effect": "Allow", "Action": "*", "Condition": {"ArnLike": {"aws:SourceArn": pattern}}}
    assert allows([policy(statement)], PolicyRequest("a", "b", context=context)) == fits


@pytest.mark.parametrize(
    "document",
    [
        "zz",
        None,
        [],
        1,
        {"Statement": "zz"},
        {"Statement": [None, 1]},
        {"Statement": [[ALLOW]]},
        policy({**ALLOW, "Effect": "allow"}),
        policy({**ALLOW, "Effect": ["Allow"]}),
        policy({**ALLOW, "Action": 1}),
        policy({**ALLOW, "Action": {"a": "b"}}),
        policy({**ALLOW, "Resource": [{}]}),
        policy({**ALLOW, "NotResource": [1]}),
        policy({**ALLOW, "Principal": "ann"}),
        policy({**ALLOW, "Principal": ["*"]}),
        policy({**ALLOW, "Principal": {"AWS": [{}]}}),
        policy({**ALLOW, "NotPrincipal": None}),
        policy({**ALLOW, "Condition": []}),
        policy({**ALLOW, "Condition": {"Bool": "aws:SecureTransport"}}),
    ],
    ids=str,
)
def test_invalid_documents_are_malformed(document: Any) -> None:
    with pytest.raises(MalformedPolicy):
        allows([document], READ)


@pytest.mark.parametrize("odd", [{}, {"Statement": []}, {"Statement": None}, policy({"Effect": "Allow"})], ids=str)
def test_an_empty_policy_allows_nothing(odd: Any) -> None:
    assert not allows([odd], READ)


def test_many_wildcards_match_without_backtracking() -> None:
    """With backtracking, each wildcard would multiply the time by the length of the name."""
    name = "a" * 2000
    assert not allows([policy({**ALLOW, "Resource": "*a" * 100 + "*b"})], PolicyRequest("s3:GetObject", name))
    assert allows([policy({**ALLOW, "Resource": "*?a" * 100 + "*"})], PolicyRequest("s3:GetObject", name))


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
def test_a_star_matches_any_text(middle: str, start: str, end: str) -> None:
    for part in ("*", "?", "$"):
        start, end = start.replace(part, ""), end.replace(part, "")
    request = PolicyRequest("a", f"{start}{middle}{end}")
    document = policy({"Effect": "Allow", "Action": "a", "Resource": f"{start}*{end}"})
    assert allows([document], request)


def slowly_fits(pattern: str, value: str) -> bool:
    """The definition of `*` and `?`, word for word."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(slowly_fits(pattern[1:], value[taken:]) for taken in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and slowly_fits(pattern[1:], value[1:])


@given(st.text("ab*?", max_size=8), st.text("ab\n", max_size=8))
def test_wildcards_agree_with_a_reference(pattern: str, value: str) -> None:
    assert glob_matches(pattern, value) == slowly_fits(pattern, value)
