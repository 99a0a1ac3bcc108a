"""botocore serialises and we parse; we render and botocore parses: every operation with values from the model."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize_emu.wire.errors import AwsError, CommonError, ModelledError
from personalize_emu.wire.models import operations
from personalize_emu.wire.parse import parse
from personalize_emu.wire.render import Response, render, render_error
from personalize_emu.wire.route import route
from personalize_emu.wire.validate import validate
from tests.wire.model_values import botocore_operations, drawn

MODELS = botocore_operations()
NOW = 1_700_000_000.0
few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def in_epoch_seconds(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {key: in_epoch_seconds(each) for key, each in value.items()}
    return [in_epoch_seconds(each) for each in value] if isinstance(value, list) else value


def as_botocore_sees(response: Response) -> dict[str, Any]:
    headers = HeadersDict(dict(response.headers))
    return {"status_code": response.status, "headers": headers, "body": response.body}


def parsed_by_botocore(response: Response, name: str) -> dict[str, Any]:
    model = MODELS[name]
    parser = create_parser(model.metadata["protocol"])
    found: dict[str, Any] = parser.parse(as_botocore_sees(response), model.output_shape)
    return found


@pytest.mark.parametrize("name", sorted(MODELS))
@given(data=st.data())
@few
def test_requests_of_botocore_are_understood(name: str, data: st.DataObject) -> None:
    model = MODELS[name]
    params = data.draw(drawn(model.input_shape))
    sent = create_serializer(model.metadata["protocol"]).serialize_to_request(params, model)

    operation = route(sent["method"], sent["url_path"], {key.lower(): text for key, text in sent["headers"].items()})
    found = parse(operation, sent["body"])

    assert operation.name == name
    assert found == in_epoch_seconds(params)
    validate(operation, found)


@pytest.mark.parametrize("name", sorted(name for name, model in MODELS.items() if model.output_shape))
@given(data=st.data())
@few
def test_answers_are_understood_by_botocore(name: str, data: st.DataObject) -> None:
    members = in_epoch_seconds(data.draw(drawn(MODELS[name].output_shape)))

    response = render(operations()[name], {**members, "notInTheShape": 1}, "id-1", NOW)
    found = parsed_by_botocore(response, name)

    assert found.pop("ResponseMetadata")["RequestId"] == "id-1"
    assert in_epoch_seconds(found) == members


@pytest.mark.parametrize("name", sorted(name for name, model in MODELS.items() if not model.output_shape))
def test_empty_answers_are_understood_by_botocore(name: str) -> None:
    """P-32, P-36."""
    response = render(operations()[name], None, "id-1", NOW)

    assert response.body == b""
    assert ("content-length", "0") in response.headers
    assert parsed_by_botocore(response, name).keys() == {"ResponseMetadata"}


@pytest.mark.parametrize("error_class", [*ModelledError.__subclasses__(), *CommonError.__subclasses__()])
@pytest.mark.parametrize("name", ["DescribeDataset", "GetRecommendations", "PutItems"])
def test_errors_are_understood_by_botocore(name: str, error_class: type[AwsError]) -> None:
    """P-38 to P-41."""
    error = error_class('no "such" thing: ünknown')
    found = parsed_by_botocore(render_error(operations()[name], error, "id-1", NOW), name)

    assert found["Error"] == {"Code": error_class.__name__, "Message": 'no "such" thing: ünknown'}
    assert found["ResponseMetadata"]["RequestId"] == "id-1"


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("DescribeDataset", "ResourceNotFoundException", 400),
        ("DeleteDataset", "ResourceInUseException", 400),
        ("GetRecommendations", "ResourceNotFoundException", 404),
        ("GetRecommendations", "InvalidInputException", 400),
        ("PutItems", "ResourceNotFoundException", 404),
        ("PutItems", "ResourceInUseException", 409),
        ("PutEvents", "InvalidInputException", 400),
        ("GetRecommendations", "ThrottlingException", 400),
        ("CreateDataset", "NotImplementedException", 501),
        ("CreateDataset", "InternalFailure", 500),
    ],
)
def test_error_status_depends_on_the_endpoint(name: str, code: str, status: int) -> None:
    """P-37, P-38, P-63, P-64."""
    classes = {each.__name__: each for each in [*ModelledError.__subclasses__(), *CommonError.__subclasses__()]}
    assert render_error(operations()[name], classes[code]("x"), "id-1", NOW).status == status
