"""Accounts and regions see nothing of each other (P-20): of every operation, and of the routes below /_emu."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.operations import HANDLERS
from personalize_emu.state.clock import ManualClock
from personalize_emu.wire.errors import AwsError
from tests.given import ACCOUNT, REGION
from tests.service.populated_emulator import Populated, dump, fitting, populated_emulator

OTHER_ACCOUNT, OTHER_REGION = "999988887777", "eu-west-1"
OTHERS = {"account": (REGION, OTHER_ACCOUNT), "region": (OTHER_REGION, ACCOUNT)}

SAME_FOR_ALL = frozenset(
    {
        "CreateDatasetGroup", "CreateSchema", "DescribeAlgorithm", "DescribeFeatureTransformation", "DescribeRecipe",
        "ListRecipes",
    }
)  # fmt: skip
"""Operations on what belongs to nobody, or that need nothing."""


@pytest.fixture(scope="module")
def populated() -> Iterator[Populated]:
    with populated_emulator() as made:
        yield made


@pytest.fixture(scope="module")
def empty() -> Iterator[Emulator]:
    """Inside the mock of the populated one, with its buckets."""
    with mock_personalize(clock=ManualClock()) as emulator:
        yield emulator


def outcome(emulator: Emulator, operation: str, request: dict[str, Any], place: tuple[str, str]) -> Any:
    region, account = place
    try:
        return without_times(emulator.call(operation, request, region=region, account=account))
    except AwsError as error:
        return error.code, error.message


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        # `_key` is a place in the order of creation, which is not rendered.
        kept = {key: each for key, each in value.items() if not key.endswith("DateTime") and key != "_key"}
        return {key: without_times(each) for key, each in kept.items()}
    return [without_times(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("operation", sorted(HANDLERS))
def test_others_get_what_an_empty_emulator_answers(
    populated: Populated, empty: Emulator, operation: str, other: str
) -> None:
    """A request that works for the owner of the resources; all of them are as before."""
    before = owned(populated.emulator)
    for request in requests(populated, operation):
        answered = outcome(populated.emulator, operation, request, OTHERS[other])
        assert answered == outcome(empty, operation, request, OTHERS[other])
        assert not (isinstance(answered, dict) and is_of_owner(json.dumps(answered, default=str)))
    assert owned(populated.emulator) == before


@pytest.mark.parametrize("operation", sorted(HANDLERS.keys() - SAME_FOR_ALL))
def test_the_owner_gets_another_answer(populated: Populated, empty: Emulator, operation: str) -> None:
    """So that the comparison above says something."""
    for request in requests(populated, operation)[-1:]:
        with populated.copied():
            answered = outcome(populated.emulator, operation, request, (REGION, ACCOUNT))
        assert answered != outcome(empty, operation, request, (REGION, ACCOUNT))


def requests(populated: Populated, operation: str) -> list[dict[str, Any]]:
    """Such as the owner sends; of lists also the one for everything."""
    if operation == "UpdateMetricAttribution":
        added = {"eventType": "View", "metricName": "more", "expression": "SAMPLECOUNT()"}
        return [{"metricAttributionArn": populated.values["metricAttributionArn"], "addMetrics": [added]}]
    made = fitting(populated, operation)
    lists_all = operation.startswith("List") and operation != "ListTagsForResource"
    return [made, {}] if lists_all else [made]


def owned(emulator: Emulator) -> Any:
    """Records of the owner with their tags, and versions of the data."""
    shown = dump(emulator.state)
    records = {arn: record for arn, record in shown["records"].items() if is_of_owner(arn)}
    return records, shown["marks"]


def is_of_owner(text: str) -> bool:
    return f":{REGION}:{ACCOUNT}:" in text
