"""Limits on imports, and data that trainings refuse, through boto3 (spec 03 sections 1, 5 to 7; spec 04)."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pyarrow as pa
import pytest

from personalize_emu.data.schemas.columns import STRING
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.service.training_data.dataset_input import refuse_reserved_event_types
from personalize_emu.settings import quota_limits
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.jobs import JobFailed
from tests.given import (
    INTERACTIONS_SCHEMA,
    ITEMS_SCHEMA,
    POPULARITY,
    REGION,
    USERS_SCHEMA,
    Given,
    arn,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal

BY_ATTRIBUTE = "arn:aws:personalize:::recipe/aws-item-attribute-affinity"


def import_of(given: Given, name: str = "import") -> dict[str, Any]:
    answer = given.personalize.describe_dataset_import_job(datasetImportJobArn=arn("dataset-import-job", name))
    shown: dict[str, Any] = answer["datasetImportJob"]
    return shown


@pytest.mark.parametrize("more", [0, 1])
def test_schema_has_at_most_20000_characters(given: Given, more: int) -> None:
    """D-18, Q-64, P-52."""
    document = {**json.loads(INTERACTIONS_SCHEMA), "doc": ""}
    document["doc"] = "x" * (20_000 + more - len(json.dumps(document)))
    if more:
        assert refusal(given.schema, text=json.dumps(document))[0] == "ValidationException"
    else:
        assert given.schema(json.dumps(document))


def test_location_has_at_most_256_characters(given: Given) -> None:
    """D-43."""
    dataset = given.dataset(schema=given.schema(USERS_SCHEMA), dataset_type="Users")
    location = given.upload("USER_ID,AGE\nu,1\n", "x" * (256 - len(f"s3://{'personalize-tests'}/")))
    assert len(location) == 256
    given.import_job(dataset, location)
    assert import_of(given)["status"] == "ACTIVE"
    assert refusal(given.import_job, dataset=dataset, location=location + "x", name="long")[0] == "ValidationException"


def test_default_limits_of_import_bytes() -> None:
    """D-73, Q-26, Q-27, Q-41: those of the service; a raise is an option."""
    limits = quota_limits("default")
    assert (limits["full-import-bytes"], limits["incremental-import-bytes"]) == (100 * 2**30, 2**30)
    assert quota_limits("full-import-bytes=1099511627776")["full-import-bytes"] == 2**40


@pytest.mark.parametrize("mode", ["FULL", "INCREMENTAL"])
def test_import_of_too_many_bytes_fails(clock: ManualClock, mode: str) -> None:
    """D-73, Q-26, Q-27, Q-41: all files of a job together."""
    with mock_personalize(clock=clock, quotas=f"{mode.lower()}-import-bytes=30"):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        dataset = given.dataset(schema=given.schema(USERS_SCHEMA), dataset_type="Users")
        rows = "USER_ID,AGE\nu,1\n"
        folder = given.upload(rows, "users/0.csv").removesuffix("0.csv")
        given.import_job(dataset, folder, "first")
        given.import_job(dataset, folder, "one", importMode=mode)
        given.upload(rows, "users/1.csv")
        given.import_job(dataset, folder, "two", importMode=mode)
        assert import_of(given, "one")["status"] == "ACTIVE"
        assert import_of(given, "two")["failureReason"] == "Input data has 32 bytes. A maximum of 30 bytes is allowed."


def test_failure_reason_has_no_prefix(given: Given) -> None:
    """D-126: what a console writes before it is not part of it."""
    dataset = given.dataset(schema=given.schema(ITEMS_SCHEMA), dataset_type="Items")
    given.import_job(dataset, given.upload("ITEM_ID\na\n"))
    assert import_of(given)["failureReason"].startswith("Input CSV is missing the following columns:[GENRE].")


TYPED = (field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"))


@pytest.mark.parametrize(("columns", "types", "fits"), [(5, 4, True), (5, 5, False), (0, 9, True), (0, 10, False)])
def test_event_types_and_optional_columns_are_limited(given: Given, columns: int, types: int, fits: bool) -> None:
    """D-24, D-25, Q-23: EVENT_TYPE counts as a column, IMPRESSION does not; the import goes well in any case."""
    extra = [field(f"F{number}", "int") for number in range(columns)]
    schema = avro("Interactions", *TYPED, field("IMPRESSION", ["string", "null"]), *extra)
    group = given.group()
    head = ",".join(["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,IMPRESSION", *(each["name"] for each in extra)])
    lines = (
        ",".join([*map(str, row), f"t{n % types}", "i1", *["1"] * columns]) for n, row in enumerate(two_camps())
    )
    given.import_job(given.dataset(group, given.schema(schema)), given.upload("\n".join([head, *lines])))
    assert import_of(given)["status"] == "ACTIVE"
    version = given.version(given.solution(group, POPULARITY))
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert shown["status"] == ("ACTIVE" if fits else "CREATE FAILED")
    if not fits:
        assert shown["failureReason"].startswith(f"Dataset has {columns + 1} optional metadata columns and {types} ")


@pytest.mark.parametrize(
    ("types", "fits"),
    [
        (["EVENT_TYPE"], False),
        (["EVENT_TYPE", "IMPRESSION", "USER_ID"], False),
        (["EVENT_TYPE", "click"], True),
        (["event_type"], True),
    ],
)
def test_training_with_reserved_event_types_only_fails(given: Given, types: list[str], fits: bool) -> None:
    """D-17: it is the training that fails, not the import."""
    group = given.group()
    lines = (",".join([*map(str, row), types[n % len(types)]]) for n, row in enumerate(two_camps()))
    text = "\n".join(["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE", *lines])
    given.import_job(given.dataset(group, given.schema(avro("Interactions", *TYPED))), given.upload(text))
    assert import_of(given)["status"] == "ACTIVE"
    version = given.version(given.solution(group, POPULARITY))
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    expected = None if fits else "All values in the event_type column are either reserved keywords or null"
    assert (shown["status"], shown.get("failureReason")) == ("ACTIVE" if fits else "CREATE FAILED", expected)


def test_training_with_null_event_types_only_fails() -> None:
    """D-17; without rows, and without the column, there is nothing to refuse."""
    nothing = pa.table({"EVENT_TYPE": pa.array([None, None], STRING)})
    with pytest.raises(JobFailed, match="reserved keywords or null"):
        refuse_reserved_event_types(nothing, pa.table({}), ())
    refuse_reserved_event_types(nothing, pa.table({"EVENT_TYPE": ["click"]}), ("click",))
    refuse_reserved_event_types(nothing.slice(0, 0), pa.table({}), ())
    refuse_reserved_event_types(pa.table({"USER_ID": ["u"]}), pa.table({"USER_ID": ["u"]}), ())


def items_csv(genre: str) -> str:
    return "ITEM_ID,GENRE\n" + "".join(f"i{number:03d},{genre.format(number)}\n" for number in range(60))


@pytest.mark.parametrize(("genre", "fits"), [("drama", False), ("g{}", False), ("g{}|all", False), ("", True)])
def test_training_with_uninformative_attributes_fails(given: Given, genre: str, fits: bool) -> None:
    """E-15: equal for all items, or different for each."""
    group = given.imported_group()
    items = given.dataset(group, given.schema(ITEMS_SCHEMA, "items"), "Items")
    text = items_csv(genre) if genre else items_csv("g{}").replace("g1\n", "g0\n")
    given.import_job(items, given.upload(text, "items.csv"), "items")
    version = given.version(given.solution(group, BY_ATTRIBUTE))
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    expected = None if fits else (
        "Did not find any attribute to train on. There may not be any attribute in the items dataset, or all "
        "attribute values either have same or all distinct values."
    )  # fmt: skip
    assert shown.get("failureReason") == expected


def test_training_costs_are_not_shown(given: Given) -> None:
    """E-38: training hours stand for it, and those of a failed training are not shown."""
    few = given.imported_group([(f"u{n}", f"i{n}", n) for n in range(1000)])
    version = given.version(given.solution(few, POPULARITY))
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert shown["status"] == "CREATE FAILED"
    assert "trainingHours" not in shown
    members = given.personalize.meta.service_model.shape_for("SolutionVersion").members
    assert not [name for name in members if "bill" in name.lower() or "cost" in name.lower()]
