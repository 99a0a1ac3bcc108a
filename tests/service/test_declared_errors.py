"""P-43: an operation raises modelled errors only that its model declares, and PutEvents none that EV-7 lacks."""

from __future__ import annotations

import pytest
from botocore.session import get_session

from personalize_emu.operations import HANDLERS
from personalize_emu.wire.models import SERVICES
from tests.service.raised_errors import errors_of

BESIDE_THE_MODEL = {
    # Asks for the schema of a dataset, which lives as long as its dataset (R-SCH-7).
    "PutEvents": {"ResourceNotFoundException"},
}


def declared() -> dict[str, set[str]]:
    models = [get_session().get_service_model(service) for service in SERVICES]
    return {
        name: {shape.name for shape in model.operation_model(name).error_shapes}
        for model in models
        for name in model.operation_names
    }


DECLARED = declared()


@pytest.mark.parametrize("operation", sorted(HANDLERS))
def test_p43_only_declared_errors_are_raised(operation: str) -> None:
    undeclared = errors_of(HANDLERS[operation]) - DECLARED[operation]
    assert undeclared == BESIDE_THE_MODEL.get(operation, set())


def test_p43_raised_errors_are_found_in_the_code() -> None:
    """Errors far below the handler, of each kind."""
    assert errors_of(HANDLERS["CreateSchema"]) == DECLARED["CreateSchema"]
    assert errors_of(HANDLERS["CreateCampaign"]) == DECLARED["CreateCampaign"]
    assert errors_of(HANDLERS["UntagResource"]) == DECLARED["UntagResource"]
    assert errors_of(HANDLERS["ListDatasetGroups"]) == {"InvalidNextTokenException"}
    assert errors_of(HANDLERS["UpdateMetricAttribution"]) == DECLARED["UpdateMetricAttribution"]
