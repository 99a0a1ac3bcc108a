"""Wildcards and policy variables in policies (spec 05 S-28, S-30)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.service.access.policies import CannotEvaluate, MalformedPolicy, PolicyRequest, allows
from personalize_emu.service.access.policy_patterns import glob_matches

LONG = 100_000
CONTEXT = {
    "aws:username": "ann",
    "aws:principaltag/team": "films",
    "aws:requesttag/team": "films",
    "aws:tagkeys": frozenset({"a", "b"}),
    "aws:principaltag/odd": "a*?$b",
    "aws:principalarn": "arn:aws:iam::123456789012:user/ann",
}


def allowed(resource: str, version: str = "2012-10-17", name: str = "solution/ann", **more: Any) -> bool:
    statement = {"Effect": "Allow", "Action": "*", "Resource": resource, **more}
    request = PolicyRequest("personalize:DescribeSolution", name, context=CONTEXT, families=("aws:principaltag/",))
    return allows([{"Version": version, "Statement": [statement]}], request)


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("*a" * (LONG // 100) + "*b", "a" * LONG, False),
        ("*?a" * (LONG // 100) + "*b", "a" * LONG, False),
        ("*" * LONG + "b", "a" * LONG, False),
        ("*" + "?" * 4_000 + "b*", "a" * LONG, False),
        ("*" + "a" * 50_000 + "b*", "a" * LONG, False),
        ("?" * LONG, "a" * LONG, True),
        ("*a?a*", "b" * LONG + "aba", True),
    ],
    ids=["stars", "stars and holes", "only stars", "holes", "long part", "only holes", "late"],
)
def test_hostile_patterns_take_time_in_proportion_to_their_length(pattern: str, value: str, fits: bool) -> None:
    """With backtracking the first would take longer than the machine lasts."""
    assert glob_matches(pattern, value) == fits


def test_unclosed_variables_are_plain_text_and_found_in_linear_time() -> None:
    assert not allowed("${" * LONG)
    assert not allowed("${" + " " * LONG)
    assert allowed("solution/${", name="solution/${")


@pytest.mark.parametrize(
    ("resource", "name", "fits"),
    [
        ("solution/${aws:username}", "solution/ann", True),
        ("solution/${AWS:UserName}", "solution/ann", True),
        ("solution/${aws:username}-*", "solution/ann-1", True),
        ("solution/${aws:username}", "solution/bob", False),
        ("solution/${aws:PrincipalTag/team}/*", "solution/films/1", True),
        ("solution/${aws:PrincipalTag/none}", "solution/", False),
        ("solution/${aws:PrincipalTag/none, 'all'}", "solution/all", True),
        ("solution/${aws:PrincipalTag/team, 'all'}", "solution/all", False),
        ("solution/${aws:PrincipalTag/none, ''}x", "solution/x", True),
        ("solution/${*}", "solution/*", True),
        ("solution/${*}", "solution/a", False),
        ("solution/${?}", "solution/?", True),
        ("solution/${?}", "solution/a", False),
        ("solution/${$}{*}", "solution/${a}", True),
        ("solution/$", "solution/$", True),
        ("solution/${aws:PrincipalTag/odd}", "solution/a*?$b", True),
        ("solution/${aws:PrincipalTag/odd}", "solution/axx?$b", False),
    ],
)
def test_policy_variables_stand_for_the_values_of_the_request(resource: str, name: str, fits: bool) -> None:
    """A value is no pattern, and a variable without a value matches nothing."""
    assert allowed(resource, name=name) == fits


def test_policies_of_2008_have_no_variables() -> None:
    for version in ("2008-10-17", ""):
        assert not allowed("solution/${aws:username}", version)
        assert allowed("solution/${aws:username}", version, name="solution/${aws:username}")
        assert allowed("*", version, Condition={"StringNotEquals": {"aws:username": "${aws:username}"}})


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ({"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}, True),
        ({"StringNotEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}, False),
        ({"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/none}"}}, False),
        ({"StringEquals": {"aws:RequestTag/team": ["${aws:PrincipalTag/none}", "films"]}}, True),
        ({"StringEqualsIgnoreCase": {"aws:username": "${aws:PrincipalTag/none, 'ANN'}"}}, True),
        ({"StringLike": {"aws:PrincipalTag/odd": "a${*}?${$}*"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/odd": "a*?${$}b"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": "${aws:PrincipalArn}"}}, True),
        ({"ArnNotEquals": {"aws:PrincipalArn": "${aws:PrincipalArn}"}}, False),
    ],
)
def test_policy_variables_in_conditions(condition: Any, fits: bool) -> None:
    assert allowed("*", Condition=condition) == fits


@pytest.mark.parametrize(
    "more",
    [
        {"Condition": {"StringNotEquals": {"aws:username": "${aws:PrincipalTag/none}"}}},
        {"Condition": {"NumericEquals": {"aws:username": "${aws:username}"}}},
        {"Condition": {"StringEquals": {"aws:username": "${vendor:mood}"}}},
        {"Condition": {"StringEquals": {"aws:username": "${aws:TagKeys}"}}},
        {"Condition": {"NullIfExists": {"aws:username": "true"}}},
        {"Condition": {"NotStringEquals": {"aws:username": "bob"}}},
        {"Condition": {"NotBool": {"aws:username": "bob"}}},
    ],
    ids=str,
)
def test_what_cannot_be_evaluated_is_refused(more: Any) -> None:
    with pytest.raises(CannotEvaluate):
        allowed("*", **more)


def test_a_negated_resource_with_a_variable_without_value_is_not_guessed() -> None:
    """It would stand for all resources but none."""
    statement = {"Effect": "Allow", "Action": "*", "NotResource": "solution/${aws:PrincipalTag/none}"}
    request = PolicyRequest("a:b", "solution/ann", context=CONTEXT, families=("aws:principaltag/",))
    with pytest.raises(CannotEvaluate):
        allows([{"Version": "2012-10-17", "Statement": statement}], request)


@pytest.mark.parametrize(
    ("action", "fits"), [("PERSONALIZE:describesolution", True), ("personalize:Describe?olution", True), ("x", False)]
)
def test_actions_match_in_any_case_and_resources_in_their_own(action: str, fits: bool) -> None:
    assert allowed("*", Action=action) == fits
    assert not allowed("solution/Ann")
    assert not allowed("Solution/ann")


@pytest.mark.parametrize("element", ["Action", "Resource", "Principal"])
def test_a_statement_with_an_element_and_its_negation_is_malformed(element: str) -> None:
    values = {"Action": "*", "Principal": "*"}
    with pytest.raises(MalformedPolicy):
        allowed(**{"resource": "*", **values, f"Not{element}": "*"})
