"""The page of a dataset: preview, counts, charts, missing values, imports and advice."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from personalize_emu.edge.console.charts import HEIGHT, WIDTH, bars, items_with_share, long_tail, over_time
from personalize_emu.edge.console.dataset_page import dataset_page
from personalize_emu.emulator import Emulator
from tests.edge.console.shop_state import ShopState
from tests.given import ITEMS_SCHEMA, USERS_SCHEMA, Given, arn, as_csv, avro, field, two_camps

DATASET = "/_emu/console/dataset"


def text_of(client: FlaskClient, dataset: str) -> str:
    answer = client.get(DATASET, query_string={"arn": dataset})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text)


def test_interactions_show_counts_span_tail_and_imports(pages: FlaskClient, shop: ShopState) -> None:
    page = text_of(pages, shop.datasets["interactions"])
    assert "<dt>Imported rows</dt><dd>4,206</dd>" in page
    assert "<dt>Distinct USER_ID</dt><dd>80</dd>" in page
    assert "have 80 % of the interactions" in page
    assert "From 2022-11-" in page
    assert "4,207 rows read, 1 left out" in page
    assert "Left out: interactions.csv, line 4208, column ITEM_ID: a value is required" in page


def test_the_advice_is_that_of_the_data_check(pages: FlaskClient, shop: ShopState) -> None:
    """Cold items need the dataset of the other type."""
    for kind in ("interactions", "items"):
        assert "57 of 500 (11.4 %) items have no interaction" in text_of(pages, shop.datasets[kind])


def test_a_failed_import_shows_its_reason(pages: FlaskClient, shop: ShopState) -> None:
    assert "Input CSV is missing the following columns" in text_of(pages, shop.datasets["users"])


def test_missing_values_and_milliseconds_are_found(emulator: Emulator, given: Given) -> None:
    schema = avro(
        "Interactions",
        field("USER_ID"),
        field("ITEM_ID"),
        field("TIMESTAMP", "long"),
        field("DEVICE", ["null", "string"], categorical=True),
    )
    lines = [
        f"u{row % 30},i{row % 60},{1_700_000_000_000 + row},{'buy' if row % 4 == 0 else ''}" for row in range(1200)
    ]
    dataset = given.dataset(schema=given.schema(schema))
    given.import_job(dataset, given.upload("USER_ID,ITEM_ID,TIMESTAMP,DEVICE\n" + "\n".join(lines)))
    page = dataset_page(emulator, dataset)
    assert page is not None
    assert {column.name: column.missing for column in page.columns}["DEVICE"] == 900
    warnings = " ".join(finding.text for finding in page.findings if finding.level == "warning")
    assert "DEVICE is filled in 300 of 1,200" in warnings
    assert "millisecond" in warnings
    assert ">missing<" in text_of(create_app(emulator).test_client(), dataset)


@pytest.mark.parametrize(
    ("rows", "warnings"),
    [
        ([(f"u{row % 40}", f"i{row % 7}", 1_600_000_000 + row) for row in range(1000)], []),
        (
            [("u1", "i1", 1_600_000_000)] * 600
            + [(f"u{row % 24}", f"i{row}", 1_600_000_000 + row) for row in range(600)],
            ["599 of 1,200 (49.9 %) rows are exact duplicates", "too few to train: 601", "train: 24 users with two"],
        ),
        (
            [("bot", f"i{row}", 1_600_000_000 + row) for row in range(1800)]
            + [(f"u{row % 100}", "i1", 1_600_000_000 + row) for row in range(200)],
            ["skewed: 1 % of the users have 90 % of the interactions"],
        ),
        (
            [(f"u{row % 40}", f"i{row % 7}", 1_600_000_000 + row + 200_000_000 * (row > 899)) for row in range(1000)],
            ["100 of 1,000 (10.0 %) timestamps are in the future, the last on 2027-01-15"],
        ),
    ],
)
def test_too_few_skewed_repeated_and_future_rows_have_warnings(
    emulator: Emulator, given: Given, rows: Any, warnings: list[str]
) -> None:
    dataset = given.dataset()
    given.import_job(dataset, given.upload(as_csv(rows)))
    page = dataset_page(emulator, dataset)
    assert page is not None
    found = [finding.text for finding in page.findings if finding.level == "warning"]
    assert len(found) == len(warnings)
    for wanted in warnings:
        assert any(wanted in text for text in found), found


def test_streamed_events_are_counted_and_shown_newest_first(emulator: Emulator, given: Given) -> None:
    from tests.clients import client

    group = given.imported_group()
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    for moment in (1, 2):
        event = {"eventType": "view", "itemId": f"new{moment}", "sentAt": 1_700_000_000 + moment}
        client("personalize-events").put_events(trackingId=tracker, userId="u", sessionId="s", eventList=[event])
    page = dataset_page(emulator, arn("dataset", "group/INTERACTIONS"))
    assert page is not None
    assert (page.imported, page.streamed) == (len(two_camps()), 2)
    items = page.newest.header.index("ITEM_ID")
    assert [row[items] for row in page.newest.rows] == ["new2", "new1"]


def test_a_dataset_with_events_only_has_charts(emulator: Emulator, given: Given) -> None:
    from tests.clients import client

    group = given.group()
    dataset = given.dataset(group)
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "view", "itemId": "i", "sentAt": 1_700_000_000}
    client("personalize-events").put_events(trackingId=tracker, userId="u", sessionId="s", eventList=[event])
    assert "all interactions have the same timestamp" in text_of(create_app(emulator).test_client(), dataset)


def test_a_dataset_without_rows_says_so(emulator: Emulator, given: Given) -> None:
    page = text_of(create_app(emulator).test_client(), given.dataset())
    assert "There are no rows yet." in page
    assert "Nothing has been imported." in page


def test_only_the_first_rows_of_large_datasets_are_used(
    emulator: Emulator, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("personalize_emu.edge.console.dataset_page.MOST_ROWS", 1000)
    dataset = given.dataset()
    given.import_job(dataset, given.upload(as_csv(two_camps())))
    page = text_of(create_app(emulator).test_client(), dataset)
    assert "of the first 1,000 rows" in page
    assert "<dd>1,200</dd>" in page


def test_the_largest_bar_is_as_high_as_the_chart() -> None:
    drawn = bars([1, 4, 0, 2])
    assert [bar.height for bar in drawn] == [HEIGHT / 4, HEIGHT, HEIGHT / 2]
    assert all(bar.y + bar.height == HEIGHT for bar in drawn)
    assert drawn[-1].x + drawn[-1].width <= WIDTH
    assert bars([]) == bars([0, 0]) == ()


def test_the_tail_falls_and_keeps_the_mean() -> None:
    counts = np.arange(1, 121)
    tail = long_tail(counts)
    assert len(tail) == 60
    assert list(tail) == sorted(tail, reverse=True)
    assert tail.mean() == counts.mean()
    assert items_with_share(np.array([8, 1, 1]), 0.8) == 1
    assert items_with_share(np.array([5, 3, 2]), 0.8) == 2


def test_spans_of_time_count_every_row() -> None:
    assert over_time(np.array([5, 5, 9])).sum() == 3
    assert over_time(np.array([7])).sum() == 1


@pytest.mark.parametrize(
    ("dataset_type", "schema", "operation", "records"),
    [
        ("Items", ITEMS_SCHEMA, "put_items", {"items": [{"itemId": "i", "properties": '{"genre": "a|b"}'}]}),
        ("Users", USERS_SCHEMA, "put_users", {"users": [{"userId": "u", "properties": '{"age": 7}'}]}),
    ],
)
def test_records_put_one_by_one_are_shown_without_an_import(
    emulator: Emulator, given: Given, events: Any, dataset_type: str, schema: str, operation: str, records: Any
) -> None:
    dataset = given.dataset(schema=given.schema(schema), dataset_type=dataset_type)
    getattr(events, operation)(datasetArn=dataset, **records)
    page = dataset_page(emulator, dataset)
    assert page is not None
    assert (page.imported, page.streamed) == (0, 1)
    assert records[dataset_type.lower()][0][dataset_type[:-1].lower() + "Id"] in page.newest.rows[0]
    assert "put one by one" in text_of(create_app(emulator).test_client(), dataset)
