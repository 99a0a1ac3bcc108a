"""Every operation against policies that allow and deny it, one row of the table at a time (spec 05 section 5).

What is expected is derived from the service models and not from the table, so that each checks the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape

from personalize_emu.edge.auth.access_control import require_permission
from personalize_emu.edge.auth.caller_policies import CallerPolicies
from personalize_emu.edge.auth.callers import Caller
from personalize_emu.edge.auth.condition_keys import (
    CONDITION_KEYS,
    principal_facts,
    request_facts,
    request_tags,
    resource_facts,
)
from personalize_emu.edge.auth.service_authorization import RESOURCE_TYPES, ROWS, Permission, permissions_of
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.resources import RESOURCE_TYPES as KINDS
from personalize_emu.wire.errors import AccessDeniedException
from personalize_emu.wire.models import Operation, operations
from personalize_emu.wire.sigv4 import SignedRequest
from tests.given import ACCOUNT, INTERACTIONS_SCHEMA, REGION, arn

USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/visit"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Personalize"
OF_AWS = ("recipe", "algorithm", "feature-transformation")
WITHOUT_RESOURCE = {"PutEvents", "PutActionInteractions"}
"""Guide, "Recording events": the policy needs the resource `*`."""
SAMPLE = {"name": "films", "jobName": "films", "datasetType": "Items"}
NAMES = sorted(operations())
Statement = dict[str, Any]


def word_of(member: str) -> str:
    """`batchInferenceJobArn` is an ARN of batch-inference-job; ARNs of versions begin as those of solutions."""
    stem = member.removesuffix("Arn").replace("solutionVersion", "solution").replace("resource", "campaign")
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in stem)


def sample_of(member: str) -> str:
    word = word_of(member)
    if member == "roleArn":
        return ROLE
    if word in OF_AWS:
        return f"arn:aws:personalize:::{word}/films"
    return arn(word, {"dataset": "films/ITEMS"}.get(word, "films/1234abcd" if "Version" in member else "films"))


def arn_members(shape: Shape | None, path: str = "") -> Iterator[str]:
    """The paths to all ARNs in a request but those of keys."""
    if isinstance(shape, ListShape):
        yield from arn_members(shape.member, path.removesuffix(".") + "[].")
    elif isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if name.endswith("Arn") and name != "kmsKeyArn":
                yield path + name
            else:
                yield from arn_members(member, f"{path}{name}.")


def paths_of(operation: Operation) -> list[str]:
    return list(arn_members(operation.input_shape))


def members_of(operation: Operation) -> Mapping[str, Shape]:
    return operation.input_shape.members if operation.input_shape else {}


def params_of(operation: Operation) -> dict[str, Any]:
    """A request with all ARNs that it can have."""
    params: dict[str, Any] = {name: value for name, value in SAMPLE.items() if name in members_of(operation)}
    for path in paths_of(operation):
        place, parts = params, path.split(".")
        for part in parts[:-1]:
            made: Any = place.setdefault(part.removesuffix("[]"), [{}] if part.endswith("[]") else {})
            place = made[0] if isinstance(made, list) else made
        place[parts[-1]] = sample_of(parts[-1])
    return params


def is_creation(name: str) -> bool:
    return name.startswith("Create") and name != "CreateSolutionVersion"


def created(name: str) -> str:
    word = word_of(name[6].lower() + name[7:] + "Arn")
    return arn(word, {"dataset": "films/ITEMS", "event-tracker": "*"}.get(word, "films"))


def resources_of(name: str) -> list[str]:
    """The resources that a request with all ARNs is checked for, each once."""
    if name in WITHOUT_RESOURCE or (name.startswith("List") and name != "ListTagsForResource"):
        return ["*"]
    named = [sample_of(path.rpartition(".")[2]) for path in paths_of(operations()[name]) if "roleArn" not in path]
    return list(dict.fromkeys([*([created(name)] if is_creation(name) else []), *named]))


@dataclass(frozen=True)
class Received:
    """A parsed request."""

    emulator: Emulator
    known_operation: Operation
    params: Mapping[str, Any]
    region: str | None = REGION
    account: str | None = None
    address: str = "192.0.2.7"
    signed: SignedRequest = field(default_factory=lambda: SignedRequest("POST", "/", "", {"user-agent": "test"}, b""))


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    made = Emulator(Settings(pace="instant"))
    yield made
    made.close()


@dataclass(frozen=True)
class Call:
    """A request by a user or session that is checked against policies."""

    emulator: Emulator
    name: str

    @property
    def action(self) -> str:
        return f"personalize:{self.name}"

    def refusal(self, *identity: Statement, more: Mapping[str, Any] | None = None, **limits: Any) -> str | None:
        """The text of the refusal; None if the call is allowed. limits: statements of boundary and session."""
        documents = {kind: (policy(*statements),) for kind, statements in limits.items()}
        caller = Caller(
            SESSION if "session" in limits else USER,
            "",
            policies=lambda: CallerPolicies((policy(*identity),), **documents),
        )
        operation = operations()[self.name]
        try:
            require_permission(Received(self.emulator, operation, {**params_of(operation), **(more or {})}), caller)
        except AccessDeniedException as error:
            return error.message
        return None

    def text(self, reason: str, caller: str = USER, resource: str | None = None, action: str | None = None) -> str:
        """P-62."""
        resource = resource or resources_of(self.name)[0]
        return f"User: {caller} is not authorized to perform: {action or self.action} on resource: {resource} {reason}"

    def enough(self) -> list[Statement]:
        """Statements that allow the request and nothing else."""
        return [allow(self.action, resources_of(self.name)), allow("iam:PassRole", ROLE)]


def policy(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any, resource: Any = "*", **more: Any) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> Statement:
    return {**allow(action, resource, **more), "Effect": "Deny"}


@pytest.fixture(params=NAMES)
def call(request: pytest.FixtureRequest, emulator: Emulator) -> Call:
    return Call(emulator, request.param)


def test_every_operation_has_a_row_and_no_other() -> None:
    """S-28."""
    assert set(ROWS) == set(operations())


@pytest.mark.parametrize("name", NAMES)
def test_the_table_agrees_with_the_service_model(name: str) -> None:
    """S-5, S-30, S-31, S-32: all ARNs of the request, its role, its tags, and what it creates."""
    row, operation = ROWS[name], operations()[name]
    roles = [path for path in paths_of(operation) if path.endswith("roleArn")]
    assert ([row.role] if row.role else []) == roles
    assert row.tags == ("tags" in members_of(operation) and name != "TagResource")
    levels = {"Describe": "Read", "Get": "Read", "List": "List", "Tag": "Tagging", "Untag": "Tagging"}
    assert row.level == next((level for verb, level in levels.items() if name.startswith(verb)), "Write")
    checked = [*row.resources, *row.also]
    assert [each.member for each in checked if not each.member] == [""] * is_creation(name)
    for each in checked:
        words = {RESOURCE_TYPES[kind].arn.split(":")[5].partition("/")[0] for kind in each.types}
        assert not each.member or word_of(each.member.rpartition(".")[2]) in words
    params = {**params_of(operation), "tags": []} if row.tags else params_of(operation)
    permissions = [(each.action, each.resource) for each in permissions_of(name, params, REGION, ACCOUNT)]
    assert sorted(permissions) == sorted(
        [
            *((f"personalize:{name}", resource) for resource in resources_of(name)),
            *([("personalize:TagResource", resources_of(name)[0])] if row.tags else []),
            *([("iam:PassRole", ROLE)] if row.role else []),
        ]
    )


def test_resource_types_have_the_arns_and_tags_of_the_resources() -> None:
    """R-GEN-1, R-GEN-2, R-TAG-1."""
    words = {kind.arn.split(":")[5].partition("/")[0]: kind for kind in RESOURCE_TYPES.values()}
    for resource in KINDS:
        assert words[resource.type_word].has_tags == resource.taggable, resource
    for word, kind in words.items():
        place = "::" if word in OF_AWS else "${Region}:${Account}:"
        assert kind.arn == f"arn:${{Partition}}:personalize:{place}{word}/${{ResourceId}}"


def test_a_policy_for_the_resources_of_the_request_allows_it(call: Call) -> None:
    assert call.refusal(*call.enough()) is None


def test_without_a_policy_it_is_denied(call: Call) -> None:
    """P-62."""
    assert call.refusal(allow("s3:*")) == call.text(f"because no identity-based policy allows the {call.action} action")


def test_an_explicit_deny_wins_over_every_allow(call: Call) -> None:
    refused = call.text("with an explicit deny in an identity-based policy")
    assert call.refusal(allow("*"), deny(call.action)) == refused
    assert call.refusal(allow("*"), deny("personalize:*", resources_of(call.name)[0])) == refused


def test_a_permissions_boundary_limits_it(call: Call) -> None:
    silent = call.text(f"because no permissions boundary allows the {call.action} action")
    denied = call.text("with an explicit deny in a permissions boundary")
    assert call.refusal(allow("*"), boundary=[allow("s3:*")]) == silent
    assert call.refusal(allow("*"), boundary=[allow("*"), deny(call.action)]) == denied
    assert call.refusal(allow("*"), boundary=call.enough()) is None
    assert call.refusal(allow("s3:*"), boundary=[allow("*")]) is not None


def test_a_session_policy_limits_it(call: Call) -> None:
    silent = call.text(f"because no session policy allows the {call.action} action", SESSION)
    denied = call.text("with an explicit deny in a session policy", SESSION)
    assert call.refusal(allow("*"), session=[allow("s3:*")]) == silent
    assert call.refusal(allow("*"), session=[allow("*"), deny(call.action)]) == denied
    assert call.refusal(allow("*"), session=call.enough()) is None
    assert call.refusal(allow("s3:*"), session=[allow("*")]) is not None


@pytest.mark.parametrize("changed", [("films", "series"), (REGION, "eu-west-1"), (ACCOUNT, "999999999999")])
def test_a_policy_for_another_resource_does_not_allow_it(call: Call, changed: tuple[str, str]) -> None:
    """S-30: another name, region or account of one of the resources, and any ARN where there is no resource."""
    resources = resources_of(call.name)
    for resource in resources:
        other = arn("campaign", "x") if resource == "*" else resource.replace("*", "films").replace(*changed)
        if other == resource:
            # Recipes and algorithms have neither region nor account.
            assert changed != ("films", "series")
            continue
        statements = [allow(call.action, [*(set(resources) - {resource}), other]), allow("iam:PassRole", ROLE)]
        reason = f"because no identity-based policy allows the {call.action} action"
        assert call.refusal(*statements) == call.text(reason, resource=resource)


PASSING = [name for name in NAMES if ROWS[name].role]
TAGGING = [name for name in NAMES if ROWS[name].tags]


@pytest.mark.parametrize("name", PASSING)
def test_the_role_must_be_allowed_to_be_passed_to_the_service(emulator: Emulator, name: str) -> None:
    """S-5, E-21."""
    call, passed = Call(emulator, name), "iam:PassedToService"
    reason = "because no identity-based policy allows the iam:PassRole action"
    refused = call.text(reason, resource=ROLE, action="iam:PassRole")
    mine = allow("personalize:*")
    assert call.refusal(mine) == refused
    assert call.refusal(mine, allow("iam:PassRole", ROLE + "2")) == refused
    other = {"StringEquals": {passed: "forecast.amazonaws.com"}}
    assert call.refusal(mine, allow("iam:PassRole", Condition=other)) == refused
    right = {"StringEquals": {passed: "personalize.amazonaws.com"}}
    assert call.refusal(mine, allow("iam:PassRole", ROLE, Condition=right)) is None
    assert call.refusal(allow("*"), boundary=[mine]) is not None
    foreign = ROLE.replace(ACCOUNT, "999999999999")
    place = {"metricsOutputConfig": {"roleArn": foreign}} if "." in str(ROWS[name].role) else {"roleArn": foreign}
    assert call.refusal(allow("*"), more=place) == "Cross-account pass role is not allowed."


@pytest.mark.parametrize("name", TAGGING)
def test_tags_need_a_permission_of_their_own(emulator: Emulator, name: str) -> None:
    """S-31, S-32: for what is created, with the tags of the request as conditions."""
    call, tags = Call(emulator, name), {"tags": [{"tagKey": "Team", "tagValue": "films"}]}
    target, tag = resources_of(name)[0], "personalize:TagResource"
    reason = f"because no identity-based policy allows the {tag} action"
    refused = call.text(reason, resource=target, action=tag)
    assert call.refusal(*call.enough(), more=tags) == refused
    assert call.refusal(*call.enough(), allow(tag, arn("campaign", "other")), more=tags) == refused
    assert call.refusal(*call.enough(), allow(tag, target), more=tags) is None
    for key, value in (("aws:RequestTag/team", "films"), ("aws:requesttag/TEAM", "f*s")):
        limited = allow(tag, target, Condition={"StringLike": {key: value}})
        assert call.refusal(*call.enough(), limited, more=tags) is None
    strict = allow(tag, Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["Stage"]}})
    assert call.refusal(*call.enough(), strict, more=tags) == refused


def test_a_request_without_its_arn_needs_permission_for_all(emulator: Emulator) -> None:
    """Before the service refuses it as incomplete (P-56)."""
    for name in ("DescribeCampaign", "UpdateMetricAttribution", "GetRecommendations"):
        assert [each.resource for each in permissions_of(name, {}, REGION, ACCOUNT)] == ["*"]
    ids = [each.resource for each in permissions_of("CreateDataset", {}, REGION, ACCOUNT)]
    assert ids == [arn("dataset", "*/*")]


def test_what_is_created_has_the_arn_that_was_checked(emulator: Emulator) -> None:
    """R-GEN-1, R-DS-2."""
    made: dict[str, str] = {}

    def create(operation: str, member: str, **params: Any) -> None:
        checked = next(permissions_of(operation, params, REGION, ACCOUNT)).resource
        response = emulator.call(operation, params) or {}
        made[member] = response[member]
        assert checked.replace("/*", f"/{made[member].rpartition('/')[2]}") == made[member]

    create("CreateDatasetGroup", "datasetGroupArn", name="films")
    create("CreateSchema", "schemaArn", name="interactions", schema=INTERACTIONS_SCHEMA)
    create("CreateDataset", "datasetArn", name="d", datasetType="interactions", **made)
    group = {"datasetGroupArn": made["datasetGroupArn"]}
    create("CreateEventTracker", "eventTrackerArn", name="clicks", **group)
    tracker = emulator.call("DescribeEventTracker", {"eventTrackerArn": made["eventTrackerArn"]}) or {}
    event = {"eventType": "click", "itemId": "i", "sentAt": 1.7e9}
    session = {"userId": "u", "sessionId": "s", "trackingId": tracker["eventTracker"]["trackingId"]}
    emulator.call("PutEvents", {**session, "eventList": [event]})
    recipe = "arn:aws:personalize:::recipe/aws-user-personalization"
    create("CreateSolution", "solutionArn", name="s", recipeArn=recipe, performAutoTraining=False, **group)


def test_all_condition_keys_are_listed_and_have_values() -> None:
    """S-31: what the page on access lists is what calls have. Those of temporary credentials come from STS."""
    permission = permissions_of("DescribeCampaign", {"campaignArn": arn("campaign", "c")}, REGION, ACCOUNT)
    passed = Permission("iam:PassRole", ROLE, passes_role=True)
    headers = {"user-agent": "a", "referer": "b"}
    present = {
        *principal_facts(USER),
        *principal_facts(SESSION),
        *request_facts(headers, "192.0.2.7", REGION, 1.7e9),
        *request_tags({"tags": [{"tagKey": "k", "tagValue": "v"}]}),
        *resource_facts(next(permission), {"k": "v"}, ACCOUNT),
        *resource_facts(passed, {}, ACCOUNT),
        *("aws:userid", "aws:tokenissuetime", "aws:multifactorauthpresent", "aws:principaltag/k"),
    }
    assert present == {key.lower().replace("${tagkey}", "k") for key in CONDITION_KEYS}
