"""Every operation meets requests that are wrong in every way a member can be, and random ones.

`outcome` holds each answer to P-38, P-39, P-43 and P-56: no internal failures, only errors that are declared, and
nothing changed by what was refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import Shape, StructureShape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize_emu.operations import HANDLERS
from personalize_emu.wire.models import is_json_value
from tests.service.populated_emulator import (
    MODELS,
    Populated,
    fitting,
    input_shape,
    members_below,
    outcome,
    placed,
    populated_emulator,
    replaced,
    wire_form,
    without,
)
from tests.wire.model_values import drawn, full

NAMES = sorted(HANDLERS)
NOT_OURS = {"roleArn", "kmsKeyArn"}
WITHOUT_STORE = {"recipeArn", "algorithmArn", "featureTransformationArn", "resourceArn"}
"""ARNs of what every account has, and of any kind of resource."""
STILL_REFUSED = {
    "CreateMetricAttribution": "InvalidInputException",
    "DeleteDataset": "ResourceInUseException",
    "DeleteSolution": "ResourceInUseException",
    "StartRecommender": "InvalidInputException",
    "StopSolutionVersionCreation": "ResourceInUseException",
    "UpdateMetricAttribution": "InvalidInputException",
    "UpdateRecommender": "InvalidInputException",
}
"""What stands in the way of the rest, with the error for it."""
HUGE = "x" * 200_000


@pytest.fixture(scope="module")
def populated() -> Iterator[Populated]:
    with populated_emulator() as made:
        yield made


def declares(name: str, code: str) -> bool:
    return code in {shape.name for shape in MODELS[name].error_shapes}


def arn_members(name: str) -> list[str]:
    """Top-level members that name one of our resources."""
    members = input_shape(name).members
    return [member for member in members if member.endswith("Arn") and member not in NOT_OURS | WITHOUT_STORE]


def full_request(populated: Populated, name: str) -> dict[str, Any]:
    request: dict[str, Any] = placed(populated, name, full(input_shape(name)))
    return request


def test_the_populated_emulator_has_every_kind_of_resource(populated: Populated) -> None:
    """A new kind of resource has to be made in tests/service/populated_emulator.py."""
    needed = {member for name in NAMES for member in arn_members(name)}
    assert needed - set(populated.values) == set()


@pytest.mark.parametrize("name", NAMES)
def test_valid_requests_are_not_malformed(populated: Populated, name: str) -> None:
    """The values of the state are good enough for what follows to mean something."""
    found = outcome_of_copy(populated, name, fitting(populated, name))
    assert found.code == STILL_REFUSED.get(name), found


@pytest.mark.parametrize("name", NAMES)
def test_required_members_are_required(populated: Populated, name: str) -> None:
    """P-46, P-54."""
    shape, request = input_shape(name), full_request(populated, name)
    required = [(member,) for member in shape.required_members]
    for path, member in members_below(shape):
        base = (*path, 0) if member.type_name == "list" else path
        inner = member.member if member.type_name == "list" else member
        if isinstance(inner, StructureShape):
            required += [(*base, each) for each in inner.required_members]
    for path in required:
        found = outcome(populated, name, without(request, path))
        assert found.code == "ValidationException", path
        assert "Member must not be null" in found.text


@pytest.mark.parametrize("name", NAMES)
def test_unknown_resources(populated: Populated, name: str) -> None:
    """R-GEN-6, P-44, P-56: not found where that is declared; lists of the children of nothing are empty."""
    for member in arn_members(name):
        request = fitting(populated, name)
        known = populated.values[member]
        if member == "recommenderArn":
            request.pop("campaignArn", None)
        unknown = f"{known}-unknown" if member != "solutionVersionArn" else f"{known[:-8]}00000000"
        found = outcome_of_copy(populated, name, {**request, member: unknown})
        if declares(name, "ResourceNotFoundException"):
            assert found.code == "ResourceNotFoundException", (member, found)
        else:
            assert found.status == 200 or found.code == "InvalidInputException", (member, found)


@pytest.mark.parametrize("name", NAMES)
def test_resources_of_another_type(populated: Populated, name: str) -> None:
    """R-GEN-7, P-56: also where the ARN exists."""
    for member in arn_members(name):
        other = "schemaArn" if member != "schemaArn" else "datasetGroupArn"
        request = fitting(populated, name)
        if member == "recommenderArn":
            request.pop("campaignArn", None)
        for wrong in (populated.values[other], "arn:aws:personalize:::recipe/aws-sims", "arn:aws:personalize:a:b:c"):
            found = outcome(populated, name, {**request, member: wrong})
            assert found.code == "InvalidInputException", (member, wrong, found)


@pytest.mark.parametrize("name", [name for name in NAMES if "nextToken" in input_shape(name).members])
def test_page_tokens_of_other_queries(populated: Populated, name: str) -> None:
    """P-69."""
    for token in ("mine", "AAAA", "=" * 1500, "~\x00"):
        found = outcome(populated, name, {**fitting(populated, name), "nextToken": token})
        assert found.code == "InvalidNextTokenException", found
    long = outcome(populated, name, {**fitting(populated, name), "nextToken": "a" * 1501})
    assert long.code == "ValidationException"


def wrong_values(shape: Shape) -> list[Any]:
    """JSON values of every type but the member's own."""
    own = {"structure": "map", "integer": "number", "long": "number", "double": "number", "float": "number"}
    kind = own.get(shape.type_name, shape.type_name)
    everything = {"string": "text", "number": 1, "boolean": True, "list": ["x"], "map": {"x": "y"}}
    allowed = {kind, "number", "string"} if kind == "timestamp" else {kind}
    return [value for name, value in everything.items() if name not in allowed]


@pytest.mark.parametrize("name", NAMES)
def test_members_of_the_wrong_json_type(populated: Populated, name: str) -> None:
    """P-59. Properties may be any JSON (EV-30)."""
    request = full_request(populated, name)
    for path, shape in members_below(input_shape(name)):
        if is_json_value(shape):
            continue
        for wrong in wrong_values(shape):
            found = outcome(populated, name, replaced(request, path, wrong))
            assert found.code == "SerializationException", (path, wrong, found)
    for wrong in ([], "text", 1, True):
        assert outcome(populated, name, wrong).code == "SerializationException"


@pytest.mark.parametrize("name", NAMES)
def test_values_out_of_bounds(populated: Populated, name: str) -> None:
    """P-46, P-52, P-53: too long is a validation error where the model has a bound; huge is never too much."""
    request = full_request(populated, name)
    for path, shape in members_below(input_shape(name)):
        bound = shape.metadata.get("max")
        if shape.type_name == "string":
            found = outcome_of_copy(populated, name, replaced(request, path, HUGE))
            bounded = bound is not None or "enum" in shape.metadata or "pattern" in shape.metadata
            assert not bounded or found.code == "ValidationException", path
        elif shape.type_name == "list":
            found = outcome_of_copy(populated, name, replaced(request, path, [full(shape.member)] * 1000))
            assert bound is None or bound >= 1000 or found.code == "ValidationException", path
        elif shape.type_name in ("integer", "long"):
            for number in (2**31 - 1, -(2**31), 2**64):
                found = outcome_of_copy(populated, name, replaced(request, path, number))
            assert found.code == "SerializationException", path
        elif shape.type_name in ("double", "float", "timestamp"):
            for number in (1e300, -1e300, 1e-320):
                outcome_of_copy(populated, name, replaced(request, path, number))


def outcome_of_copy(populated: Populated, name: str, request: Any) -> Any:
    with populated.copied():
        return outcome(populated, name, request)


@pytest.mark.parametrize("name", NAMES)
def test_random_requests(populated: Populated, name: str) -> None:
    """Valid by the model; resources and texts of the state in place of some of its values."""
    texts = sorted({text for text in populated.values.values() if isinstance(text, str)})

    @given(st.data())
    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def send_random_request(data: st.DataObject) -> None:
        request = wire_form(data.draw(drawn(input_shape(name))))
        outcome_of_copy(populated, name, mixed(data, request))

    def mixed(data: st.DataObject, value: Any, member: str = "") -> Any:
        if isinstance(value, dict):
            return {key: mixed(data, each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [mixed(data, each, member) for each in value]
        if not isinstance(value, str):
            return value
        known = [populated.values[member]] * 4 if member in populated.values else []
        return data.draw(st.sampled_from([value, value, *known, *(texts if value.startswith("arn:") else ())]))

    send_random_request()
