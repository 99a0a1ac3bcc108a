"""Routing, and the distinction of Personalize requests from others."""

from __future__ import annotations

from collections import Counter

import pytest

from personalize_emu.wire.errors import UnknownOperationException
from personalize_emu.wire.models import operations
from personalize_emu.wire.route import is_ours, route
from personalize_emu.wire.sigv4 import credential_scope

REST = {
    "/recommendations": "GetRecommendations",
    "/personalize-ranking": "GetPersonalizedRanking",
    "/action-recommendations": "GetActionRecommendations",
    "/events": "PutEvents",
    "/items": "PutItems",
    "/users": "PutUsers",
    "/actions": "PutActions",
    "/action-interactions": "PutActionInteractions",
}


def signed_for(service: str) -> dict[str, str]:
    scope = f"AKID/20240101/eu-west-1/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


def test_there_are_79_operations_of_three_services() -> None:
    """P-1, P-5 to P-7."""
    services = Counter(operation.service for operation in operations().values())
    assert services == {"personalize": 71, "personalize-runtime": 3, "personalize-events": 5}
    protocols = Counter(operation.protocol for operation in operations().values())
    assert protocols == {"json": 71, "rest-json": 8}


def test_fifteen_operations_answer_nothing() -> None:
    """P-32, P-36."""
    silent = {name for name, operation in operations().items() if operation.output_shape is None}
    assert {name for name in silent if name.startswith("Put")} == {
        "PutActionInteractions",
        "PutActions",
        "PutEvents",
        "PutItems",
        "PutUsers",
    }
    assert sum(name.startswith("Delete") for name in silent) == 9
    assert len(silent) == 15


def test_the_control_plane_is_routed_by_target() -> None:
    """P-5."""
    for name, operation in operations().items():
        if operation.target is not None:
            assert operation.target == f"AmazonPersonalize.{name}"
            assert route("POST", "/", {"x-amz-target": operation.target}) is operation


def test_runtime_and_events_are_routed_by_path() -> None:
    """P-6, P-7, P-8."""
    assert {path: route("POST", path, {}).name for path in REST} == REST


@pytest.mark.parametrize(
    "target", ["", "AmazonPersonalize.", "AmazonPersonalize.CreateDataInsightsJob", "Other.ListSchemas"]
)
def test_an_unknown_target_is_status_400(target: str) -> None:
    """P-12, P-57."""
    with pytest.raises(UnknownOperationException) as unknown:
        route("POST", "/", {"x-amz-target": target} if target else {})
    assert unknown.value.status == 400


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/nowhere"), ("GET", "/events"), ("POST", "/events/"), ("POST", "/Events")]
)
def test_an_unknown_path_or_method_is_status_404(method: str, path: str) -> None:
    """P-58."""
    with pytest.raises(UnknownOperationException) as unknown:
        route(method, path, {"x-amz-target": "AmazonPersonalize.ListSchemas"})
    assert unknown.value.status == 404
    assert UnknownOperationException().status == 400


@pytest.mark.parametrize(
    ("method", "path", "headers", "ours"),
    [
        ("POST", "/", {"x-amz-target": "AmazonPersonalize.ListSchemas"}, True),
        ("POST", "/", {"x-amz-target": "AmazonPersonalize.FromTheFuture"}, True),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.ListTables"}, False),
        ("POST", "/", {}, False),
        ("POST", "/events", {}, True),
        ("GET", "/events", {}, False),
        ("POST", "/events", signed_for("personalize"), True),
        ("POST", "/nowhere", signed_for("personalize"), True),
        ("POST", "/users", signed_for("s3"), False),
        ("PUT", "/users", signed_for("s3"), False),
        ("POST", "/bucket", {}, False),
        ("OPTIONS", "/events", {}, True),
        ("OPTIONS", "/", {}, True),
        ("OPTIONS", "/bucket", {}, False),
    ],
)
def test_personalize_requests_are_recognised(method: str, path: str, headers: dict[str, str], ours: bool) -> None:
    """P-8, P-80."""
    assert is_ours(method, path, headers, credential_scope(headers, "")) is ours


def test_a_presigned_request_of_another_service_is_not_ours() -> None:
    query = "X-Amz-Credential=AKID%2F20240101%2Feu-west-1%2Fs3%2Faws4_request"
    assert not is_ours("POST", "/users", {}, credential_scope({}, query))
