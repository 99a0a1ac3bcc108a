"""PutUsers, PutItems, PutActions through boto3 (spec 10 section 3)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from personalize_emu.emulator import Emulator
from tests.filters.worked_data import SCHEMA_TEXTS
from tests.given import POPULARITY, REGION, Given, arn
from tests.refusals import refusal
from tests.runtime.worked_shop_service import V2, Shop, csv_text, ids, open_shop

INVALID = "InvalidInputException"
SHOE = {
    "category": "shoe",
    "genres": "Comedy|Drama",
    "stock": 4,
    "inStock": "True",
    "creationTimestamp": 9,
    "isNew": True,
}
KINDS = {
    "PutUsers": ("USERS", "users", "userId", {"age": 30, "membership": "gold"}),
    "PutItems": ("ITEMS", "items", "itemId", SHOE),
    "PutActions": ("ACTIONS", "actions", "actionId", {"category": "app", "value": 7}),
}
METHODS = {"PutUsers": "put_users", "PutItems": "put_items", "PutActions": "put_actions"}


@dataclass
class Records:
    """A dataset and the operation that puts its records."""

    given: Given
    events: Any
    emulator: Emulator
    operation: str

    def __post_init__(self) -> None:
        self.kind, self.member, self.id_member, self.properties = KINDS[self.operation]
        self.group = self.given.group()
        schema = self.given.schema(SCHEMA_TEXTS[self.kind])
        self.dataset = self.given.dataset(self.group, schema, self.kind)

    def record(self, record_id: str, **properties: Any) -> dict[str, Any]:
        text = json.dumps({**self.properties, **properties}, ensure_ascii=False)
        return {self.id_member: record_id, "properties": text}

    def request(self, *records: Mapping[str, Any], dataset: str | None = None) -> dict[str, Any]:
        return {"datasetArn": dataset or self.dataset, self.member: list(records)}

    def put(self, *records: Mapping[str, Any]) -> dict[str, Any]:
        return getattr(self.events, METHODS[self.operation])(**self.request(*records))

    def refused(self, *records: Mapping[str, Any], status: int = 400, dataset: str | None = None) -> tuple[str, str]:
        request = self.request(*records, dataset=dataset)
        return refusal(getattr(self.events, METHODS[self.operation]), status=status, **request)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.emulator.state.contents(self.dataset).log.rows()]


@pytest.fixture(params=sorted(KINDS))
def records(request: pytest.FixtureRequest, given: Given, events: Any, emulator: Emulator) -> Records:
    return Records(given, events, emulator, request.param)


@pytest.fixture
def items(given: Given, events: Any, emulator: Emulator) -> Records:
    return Records(given, events, emulator, "PutItems")


def test_a_record_becomes_a_row(records: Records) -> None:
    """EV-2, EV-3, EV-4, EV-60 to EV-62, D-91: an empty response with status 200."""
    answer = records.put(records.record("one"), records.record("two"))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert set(answer) == {"ResponseMetadata"}
    assert [row[f"{records.id_member[:-2].upper()}_ID"] for row in records.rows] == ["one", "two"]
    assert set(records.rows[0].values()) == {"one", *records.properties.values()}


def test_the_last_record_of_an_id_in_a_call_wins(items: Records) -> None:
    """EV-63."""
    items.put(items.record("i", stock=1), items.record("j"), items.record("i", stock=2))
    assert [(row["ITEM_ID"], row["STOCK"]) for row in items.rows] == [("j", 4), ("i", 2)]


def test_sizes_of_the_model_are_validation_errors(records: Records) -> None:
    """EV-60 to EV-62, EV-80, Q-46."""
    longest = 24_000 if records.operation == "PutUsers" else 32_000
    records.put(*[records.record(f"r{number}") for number in range(10)])
    assert records.refused(*[records.record("r")] * 11)[0] == "ValidationException"
    assert records.refused(records.record("r" * 257))[0] == "ValidationException"
    too_long = {records.id_member: "r", "properties": "{}" + " " * (longest - 1)}
    assert records.refused(too_long)[0] == "ValidationException"
    fits = {records.id_member: "r", "properties": json.dumps(records.properties).ljust(longest)}
    records.put(fits)
    assert len(records.rows) == 11


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ("no json", "Error parsing properties json"),
        ('["a"]', "Error parsing properties json"),
        (json.dumps(json.dumps(SHOE)), "Error parsing properties json"),
        (json.dumps({**SHOE, "stock": "many"}), "stock"),
        (json.dumps({**SHOE, "category": "x" * 1001}), "more than 1000 characters"),
        (json.dumps({**SHOE, "inStock": "x" * 1001}), "more than 1000 characters"),
        (json.dumps({**SHOE, "itemId": "other"}), "another ITEM_ID"),
    ],
)
def test_one_invalid_record_refuses_the_call(items: Records, properties: str, text: str) -> None:
    """EV-6, EV-30, EV-66, EV-67."""
    bad = {"itemId": "bad", "properties": properties}
    for order in ([items.record("good"), bad], [bad, items.record("good")]):
        code, message = items.refused(*order)
        assert code == INVALID
        assert text in message
    assert items.rows == []


def test_long_texts_are_cut(items: Records) -> None:
    """EV-66: 20,000 characters, 7,000 of Chinese or Japanese; longer values of other columns are refused."""
    items.put(items.record("latin", description="a" * 20_001), items.record("han", description="語" * 7_001))
    assert [len(row["DESCRIPTION"]) for row in items.rows] == [20_000, 7_000]


def test_records_with_more_and_with_less_than_the_schema(items: Records) -> None:
    """EV-67, EV-33, EV-90: unknown keys are ignored; columns may be missing, except the id."""
    records = [
        {"itemId": "bare"},
        {"itemId": "empty", "properties": "{}"},
        {"itemId": "more", "properties": json.dumps({**SHOE, "colour": "red"})},
        {"itemId": "less", "properties": json.dumps({**SHOE, "category": None})},
    ]
    items.put(*records)
    bare, empty, more, less = items.rows
    assert (bare, empty) == ({"ITEM_ID": "bare"}, {"ITEM_ID": "empty"})
    assert more.keys() - less.keys() == {"CATEGORY"}
    assert "COLOUR" not in more


def test_a_dataset_of_another_type_is_refused(records: Records) -> None:
    """EV-65."""
    other = "USERS" if records.kind == "ITEMS" else "ITEMS"
    schema = records.given.schema(SCHEMA_TEXTS[other], name="other")
    dataset = records.given.dataset(records.group, schema, other, name="other")
    code, message = records.refused(records.record("r"), dataset=dataset)
    assert code == INVALID
    assert message == f"Dataset {dataset} is of type {other}, not {records.kind}."


def test_unknown_datasets_are_not_found(records: Records) -> None:
    """EV-65, P-38: with HTTP status 404. An ARN of another resource type is invalid input (P-56)."""
    unknown = arn("dataset", f"none/{records.kind}")
    assert records.refused(records.record("r"), dataset=unknown, status=404) == (
        "ResourceNotFoundException",
        f"Resource Arn {unknown} does not exist.",
    )
    assert records.refused(records.record("r"), dataset=records.group)[0] == INVALID


def test_dataset_being_updated_refuses_records(slow: Given, slow_emulator: Emulator) -> None:
    """EV-65, P-38: being created, updated, deleted: HTTP status 409."""
    slow_events = boto3.client("personalize-events", region_name=REGION)
    group = slow.group()
    slow_emulator.advance(60)
    dataset = slow.dataset(group, slow.schema(SCHEMA_TEXTS["USERS"]), "USERS")
    wider = json.loads(SCHEMA_TEXTS["USERS"])
    wider["fields"].append({"name": "CITY", "type": ["null", "string"], "categorical": True})

    def put(**properties: Any) -> None:
        users = [{"userId": "u", "properties": json.dumps(properties)}]
        slow_events.put_users(datasetArn=dataset, users=users)

    def busy(text: str) -> None:
        code, message = refusal(put, status=409)
        assert code == "ResourceInUseException"
        assert text in message

    busy("CREATE PENDING")
    slow_emulator.advance(60)
    put(age=1)
    put(city="Rome")
    assert rows_of(slow_emulator, dataset)[-1] == {"USER_ID": "u"}
    slow.personalize.update_dataset(datasetArn=dataset, schemaArn=slow.schema(json.dumps(wider), name="wider"))
    busy("UPDATE PENDING")
    slow_emulator.advance(600)
    put(city="Rome")
    assert rows_of(slow_emulator, dataset)[-1] == {"USER_ID": "u", "CITY": "Rome"}
    slow.personalize.delete_dataset(datasetArn=dataset)
    busy("DELETE PENDING")


def rows_of(emulator: Emulator, dataset: str) -> list[Any]:
    return list(emulator.state.contents(dataset).log.rows())


@pytest.mark.parametrize("mode", ["FULL", "INCREMENTAL"])
def test_records_can_be_put_while_an_import_is_at_work(slow: Given, slow_emulator: Emulator, mode: str) -> None:
    """EV-65, D-84: records put before an import are older than its rows, records put during it are newer."""
    group = slow.group()
    slow_emulator.advance(60)
    dataset = slow.dataset(group, slow.schema(SCHEMA_TEXTS["USERS"]), "USERS")
    slow_emulator.advance(60)
    events = boto3.client("personalize-events", region_name=REGION)
    slow.import_job(dataset, slow.upload("USER_ID,AGE,MEMBERSHIP\nold,1,gold\n", "first.csv"), "first")
    slow_emulator.advance(1000)

    def put(user: str, age: int) -> None:
        events.put_users(datasetArn=dataset, users=[{"userId": user, "properties": json.dumps({"age": age})}])

    rows = "".join(f"{user},9,gold\n" for user in ("before", "waiting", "during"))
    put("before", 1)
    job = slow.import_job(dataset, slow.upload("USER_ID,AGE,MEMBERSHIP\n" + rows), "second", importMode=mode)
    put("waiting", 2)
    slow_emulator.advance(31)
    put("during", 3)
    slow_emulator.advance(1000)
    shown = slow.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    assert shown["status"] == "ACTIVE"
    slow.export_job(dataset, ingestionMode="ALL")
    slow_emulator.advance(1000)
    (text,) = slow.downloaded("exports/").values()
    ages = {row["USER_ID"]: row["AGE"] for row in csv.DictReader(io.StringIO(text))}
    kept = {"old": "1"} if mode == "INCREMENTAL" else {}
    assert ages == {"before": "9", "waiting": "9", "during": "3", **kept}


@pytest.fixture
def shop(given: Given) -> Shop:
    return open_shop(given)


def put_item(shop: Shop, item_id: str, **properties: Any) -> None:
    record = {"itemId": item_id, "properties": json.dumps({**SHOE, **properties})}
    shop.events.put_items(datasetArn=arn("dataset", "shop/ITEMS"), items=[record])


def test_filters_and_metadata_see_a_record_at_once(shop: Shop) -> None:
    """EV-63, EV-68, D-85, D-89: a new record replaces the whole old one; omitted columns become null."""
    campaign = shop.deployed(POPULARITY, "popular", {"enableMetadataWithRecommendations": True})
    made = shop.filter('INCLUDE ItemID WHERE Items.CATEGORY IN ("hat")')
    request = {"campaignArn": campaign, "filterArn": made, "metadataColumns": {"ITEMS": ["PRICE", "CATEGORY", "STOCK"]}}
    assert shop.runtime.get_recommendations(**request)["itemList"] == []
    put_item(shop, "i3", category="hat", price=5)
    put_item(shop, "i1", category="hat")
    assert shop.runtime.get_recommendations(**request)["itemList"] == [
        {"itemId": "i1", "metadata": {"category": "hat", "stock": "4"}},
        {"itemId": "i3", "metadata": {"category": "hat", "price": "5.0", "stock": "4"}},
    ]
    put_item(shop, "i3", category="boot")
    assert ids(shop.runtime.get_recommendations(**request)) == ["i1"]


def test_filters_see_users_at_once(shop: Shop) -> None:
    """EV-60, EV-68."""
    campaign = shop.deployed(POPULARITY, "popular")
    made = shop.filter('INCLUDE ItemID WHERE Items.CATEGORY IN ("watch") IF CurrentUser.AGE > 40')
    request = {"campaignArn": campaign, "userId": "u1", "filterArn": made}
    before = ids(shop.runtime.get_recommendations(**request))
    users = [{"userId": "u1", "properties": json.dumps({"age": 41})}]
    shop.events.put_users(datasetArn=arn("dataset", "shop/USERS"), users=users)
    after = ids(shop.runtime.get_recommendations(**request))
    assert "i1" in before
    assert after == ["i5", "i6"]


def test_the_newest_of_bulk_and_individual_record_counts(shop: Shop) -> None:
    """D-84: an import after PutItems replaces the items it contains; others stay visible."""
    campaign = shop.deployed(POPULARITY, "popular", {"enableMetadataWithRecommendations": True})
    put_item(shop, "i1", category="hat")
    put_item(shop, "i7", category="cap")
    row = {
        "ITEM_ID": "i1", "CATEGORY": "glove", "STOCK": 1, "IN_STOCK": "x", "CREATION_TIMESTAMP": 1, "IS_NEW": True
    }  # fmt: skip
    location = shop.given.upload(csv_text("ITEMS", [row]), "again.csv")
    shop.given.import_job(arn("dataset", "shop/ITEMS"), location, "again")
    answer = shop.runtime.get_recommendations(campaignArn=campaign, metadataColumns={"ITEMS": ["CATEGORY"]})
    shown = {item["itemId"]: item["metadata"] for item in answer["itemList"]}
    assert shown["i1"] == {"category": "glove"}
    assert shown["i7"] == {"category": "cap"}
    assert shown["i2"] == {}


def test_new_items_are_added_at_the_next_training(shop: Shop) -> None:
    """EV-68, R-41, R-112."""
    first = shop.deployed(V2, "before")
    put_item(shop, "novelty")
    assert "novelty" not in ids(shop.runtime.get_recommendations(campaignArn=first, userId="u1"))
    made = shop.filter('INCLUDE ItemID WHERE Items.ITEM_ID IN ("novelty")')
    second = shop.deployed(POPULARITY, "after")
    assert ids(shop.runtime.get_recommendations(campaignArn=first, userId="u1", filterArn=made)) == []
    assert ids(shop.runtime.get_recommendations(campaignArn=second, filterArn=made)) == ["novelty"]


def test_actions_are_kept_for_filters_of_actions(given: Given, events: Any, emulator: Emulator) -> None:
    """EV-62, D-90: a repeated action replaces the former one."""
    actions = Records(given, events, emulator, "PutActions")
    actions.put(actions.record("a1", value=1))
    actions.put(actions.record("a1", value=2))
    contents = emulator.state.contents(actions.dataset)
    found = emulator.state.indexes.records(contents, SCHEMA_TEXTS["ACTIONS"], "ACTION_ID")
    assert found.value("a1", "VALUE") == 2
    assert len(found) == 1
