"""UpdateDataset through boto3 (spec 02 R-DS-10 to R-DS-14; spec 03 D-92 to D-98)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import Schema
from tests.given import INTERACTIONS_SCHEMA, ITEMS_SCHEMA, USERS_SCHEMA, Given, arn, avro, field, two_camps
from tests.refusals import refusal

ITEM = (field("ITEM_ID"), field("GENRE", "string", categorical=True))
BY_ATTRIBUTE = "arn:aws:personalize:::recipe/aws-item-attribute-affinity"
WIDER = avro("Items", *ITEM, field("PRICE", ["null", "float"]))


def shown(given: Given, dataset: str) -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_dataset(datasetArn=dataset)
    return answer["dataset"]


@pytest.fixture
def items(given: Given) -> str:
    dataset = given.dataset(schema=given.schema(ITEMS_SCHEMA, "narrow"), dataset_type="Items")
    given.import_job(dataset, given.upload("ITEM_ID,GENRE\na,x\nb,y\n"))
    return dataset


def test_an_update_passes_the_recorded_states(slow: Given, clock: ManualClock) -> None:
    """R-DS-10, R-DS-11, R-GEN-13, R-GEN-14, D-98, R-SCH-8."""
    group = slow.group()
    clock.advance(60)
    narrow, wide = slow.schema(ITEMS_SCHEMA, "narrow"), slow.schema(WIDER, "wide")
    dataset = slow.dataset(group, narrow, "Items")
    assert refusal(slow.personalize.update_dataset, datasetArn=dataset, schemaArn=wide)[0] == "ResourceInUseException"
    clock.advance(60)
    assert "latestDatasetUpdate" not in shown(slow, dataset)
    answer = slow.personalize.update_dataset(datasetArn=dataset, schemaArn=wide)
    assert answer["datasetArn"] == dataset
    created = shown(slow, dataset)["latestDatasetUpdate"]["creationDateTime"]
    for status in ("UPDATE PENDING", "UPDATE IN_PROGRESS"):
        seen = shown(slow, dataset)
        assert (seen["status"], seen["schemaArn"]) == (status, narrow)
        update = seen["latestDatasetUpdate"]
        assert (update["status"], update["schemaArn"], update["creationDateTime"]) == (status, wide, created)
        for call in (slow.personalize.delete_dataset, slow.personalize.update_dataset):
            extra = {"schemaArn": wide} if call == slow.personalize.update_dataset else {}
            assert refusal(call, datasetArn=dataset, **extra)[0] == "ResourceInUseException"
        assert refusal(slow.personalize.delete_schema, schemaArn=wide)[0] == "ResourceInUseException"
        clock.advance(60)
    clock.advance(60)
    seen = shown(slow, dataset)
    assert (seen["status"], seen["schemaArn"]) == ("ACTIVE", wide)
    update = seen["latestDatasetUpdate"]
    assert set(update) == {"schemaArn", "status", "creationDateTime", "lastUpdatedDateTime"}
    assert (update["status"], update["creationDateTime"]) == ("ACTIVE", created)
    assert (update["lastUpdatedDateTime"] - created).total_seconds() == 120
    slow.personalize.delete_schema(schemaArn=narrow)


def test_stored_rows_are_kept_with_null_in_new_columns(given: Given, items: str, emulator: Emulator) -> None:
    """D-96, D-98: an import that follows reads the wider file, beside records that lack the column."""
    given.personalize.update_dataset(datasetArn=items, schemaArn=given.schema(WIDER, "wide"))
    contents = emulator.state.contents(items)
    assert contents.bulk is not None
    assert contents.bulk.num_rows == 2
    location = given.upload("ITEM_ID,GENRE,PRICE\nb,z,2.5\n", "wide.csv")
    given.import_job(items, location, "wide", importMode="INCREMENTAL")
    assert contents.bulk.to_pylist() == [
        {"ITEM_ID": "a", "GENRE": "x", "PRICE": None},
        {"ITEM_ID": "b", "GENRE": "z", "PRICE": 2.5},
    ]


def test_later_imports_need_the_new_column(given: Given, items: str) -> None:
    """D-98, D-51."""
    given.personalize.update_dataset(datasetArn=items, schemaArn=given.schema(WIDER, "wide"))
    job = given.import_job(items, given.upload("ITEM_ID,GENRE\na,x\n"), "narrow")
    reason = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]["failureReason"]
    assert reason.startswith("Input CSV is missing the following columns:[PRICE].")


def test_fields_may_change_their_order(given: Given, items: str) -> None:
    """D-95."""
    turned = given.schema(avro("Items", *reversed(ITEM)), "turned")
    given.personalize.update_dataset(datasetArn=items, schemaArn=turned)
    assert shown(given, items)["schemaArn"] == turned


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((*ITEM[:1], field("OTHER", ["null", "string"], categorical=True)), "field GENRE must stay as it is"),
        ((ITEM[0], field("GENRE", ["null", "string"], categorical=True)), "field GENRE must stay as it is"),
        ((ITEM[0], field("GENRE", "string", textual=True)), "field GENRE must stay as it is"),
        ((*ITEM, field("PRICE", "float")), "added field PRICE must allow null"),
    ],
)
def test_fields_must_be_kept_and_new_ones_nullable(given: Given, items: str, fields: Any, reason: str) -> None:
    """D-93, D-94, D-95."""
    schema = given.schema(avro("Items", *fields), "new")
    assert refusal(given.personalize.update_dataset, datasetArn=items, schemaArn=schema) == (
        "InvalidInputException",
        f"Invalid schema: {reason}.",
    )
    assert "latestDatasetUpdate" not in shown(given, items)


def test_an_equal_schema_is_accepted(given: Given, items: str) -> None:
    """D-93, D-94, D-95: it keeps every field, and adds none that does not allow null."""
    narrow = shown(given, items)["schemaArn"]
    equal = given.schema(json.dumps(json.loads(ITEMS_SCHEMA), indent=2), "equal")
    for schema in (narrow, equal):
        given.personalize.update_dataset(datasetArn=items, schemaArn=schema)
        assert shown(given, items)["schemaArn"] == schema
        assert shown(given, items)["latestDatasetUpdate"]["status"] == "ACTIVE"


def test_a_schema_that_does_not_fit_is_refused(given: Given, items: str) -> None:
    """D-95, R-DS-15, R-GEN-6."""
    other_domain = given.schema(WIDER, "domain", domain="ECOMMERCE")
    other_type = given.schema(USERS_SCHEMA, "users")
    for schema in (other_domain, other_type):
        code, _ = refusal(given.personalize.update_dataset, datasetArn=items, schemaArn=schema)
        assert code == "InvalidInputException"
    unknown = refusal(given.personalize.update_dataset, datasetArn=items, schemaArn=arn("schema", "none"))
    assert unknown[0] == "ResourceNotFoundException"


def test_only_items_and_users_schemas_can_be_replaced(given: Given) -> None:
    """D-92, R-DS-13, E-30."""
    dataset = given.dataset()
    wider = json.loads(INTERACTIONS_SCHEMA)
    wider["fields"].append(field("EVENT_VALUE", ["null", "float"]))
    assert refusal(
        given.personalize.update_dataset, datasetArn=dataset, schemaArn=given.schema(json.dumps(wider), "wider")
    ) == ("InvalidInputException", "The schema of a INTERACTIONS dataset cannot be replaced.")
    users = given.dataset(arn("dataset-group", "group"), given.schema(USERS_SCHEMA, "users"), "Users")
    wide = given.schema(avro("Users", field("USER_ID"), field("AGE", "int"), field("CITY", ["null", "string"])), "wide")
    given.personalize.update_dataset(datasetArn=users, schemaArn=wide)
    assert shown(given, users)["status"] == "ACTIVE"


def test_an_update_is_refused_while_an_import_runs(slow: Given, clock: ManualClock) -> None:
    """R-DS-14, R-DIJ-10: and the other way round."""
    group = slow.group()
    clock.advance(60)
    dataset, wide = slow.dataset(group, slow.schema(ITEMS_SCHEMA, "narrow"), "Items"), slow.schema(WIDER, "wide")
    clock.advance(60)
    location = slow.upload("ITEM_ID,GENRE\na,x\n")
    job = slow.import_job(dataset, location)
    assert refusal(slow.personalize.update_dataset, datasetArn=dataset, schemaArn=wide) == (
        "ResourceInUseException",
        f"Resource {dataset} is in use: dataset-import-job {job}.",
    )
    clock.advance(1000)
    slow.personalize.update_dataset(datasetArn=dataset, schemaArn=wide)
    assert refusal(slow.import_job, dataset=dataset, location=location, name="second")[0] == "ResourceInUseException"


def test_a_failed_update_keeps_the_old_schema(slow: Given, clock: ManualClock, slow_emulator: Emulator) -> None:
    """R-DS-12: here the new schema is lost before its time, which no call of a client can do."""
    group = slow.group()
    clock.advance(60)
    narrow, wide = slow.schema(ITEMS_SCHEMA, "narrow"), slow.schema(WIDER, "wide")
    dataset = slow.dataset(group, narrow, "Items")
    clock.advance(60)
    slow.personalize.update_dataset(datasetArn=dataset, schemaArn=wide)
    (lost,) = [schema for schema in slow_emulator.state.store.all(Schema) if schema.arn == wide]
    slow_emulator.state.store.remove(lost)
    clock.advance(600)
    seen = shown(slow, dataset)
    assert (seen["status"], seen["schemaArn"]) == ("ACTIVE", narrow)
    update = seen["latestDatasetUpdate"]
    assert (update["status"], update["failureReason"]) == ("UPDATE FAILED", f"Resource Arn {wide} does not exist.")


def test_existing_solutions_are_not_trained_on_new_columns(given: Given, emulator: Emulator) -> None:
    """D-97. A new solution reads them."""
    group = given.imported_group()
    items = given.dataset(group, given.schema(ITEMS_SCHEMA, "narrow"), "Items")
    ids = sorted({item for _, item, _ in two_camps()})
    given.import_job(items, given.upload("ITEM_ID,GENRE\n" + "".join(f"{i},x\n" for i in ids)), "narrow")
    solution = given.solution(group)
    before = given.version(solution)
    given.personalize.update_dataset(datasetArn=items, schemaArn=given.schema(WIDER, "wide"))
    rows = "".join(f"{item},x,{number}\n" for number, item in enumerate(ids))
    given.import_job(items, given.upload("ITEM_ID,GENRE,PRICE\n" + rows), "wide")
    after = given.version(solution)
    metrics = [
        given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"] for version in (before, after)
    ]
    assert metrics[0] == metrics[1]
    new = given.version(given.solution(group, name="new"))
    described = [emulator.state.trained(version).data.item_features for version in (after, new)]
    assert [len(features.numbers) for features in described if features is not None] == [0, 1]


def test_existing_solutions_do_not_segment_by_new_columns(given: Given, emulator: Emulator) -> None:
    """D-97, where segments are asked for by attributes."""
    group = given.imported_group()
    items = given.dataset(group, given.schema(ITEMS_SCHEMA, "narrow"), "Items")
    rows = [f"{item},{'xy'[number % 2]}" for number, item in enumerate(sorted({item for _, item, _ in two_camps()}))]
    given.import_job(items, given.upload("\n".join(["ITEM_ID,GENRE", *rows, ""])), "narrow")
    old = given.solution(group, BY_ATTRIBUTE, name="old")
    given.personalize.update_dataset(datasetArn=items, schemaArn=given.schema(WIDER, "wide"))
    lines = "\n".join(["ITEM_ID,GENRE,PRICE", *(f"{row},{number % 3}" for number, row in enumerate(rows)), ""])
    given.import_job(items, given.upload(lines), "wide")
    versions = [given.version(solution) for solution in (old, given.solution(group, BY_ATTRIBUTE, name="new"))]
    attributes = [emulator.state.trained(version).attributes for version in versions]
    assert [set(found.fields) for found in attributes if found is not None] == [{"GENRE"}, {"GENRE", "PRICE"}]
