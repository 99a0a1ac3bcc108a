"""aws-semantic-similarity through boto3: items alone, ranking influence, incremental training.

R-8, R-79, R-79a, R-79b, R-79c, R-70e, RT-47, RT-70, T-7, T-84, R-SOL-11, R-SOL-12.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.batch_requests import begin
from tests.given import Given, as_csv, avro, field
from tests.recipes.test_semantic_similarity import BOOKS
from tests.refusals import refusal

SEMANTIC = "arn:aws:personalize:::recipe/aws-semantic-similarity"
BOOKS_SCHEMA = avro(
    "Items",
    field("ITEM_ID"),
    field("TITLE", itemName=True),
    field("STORY", ["null", "string"], textual=True),
    field("CREATION_TIMESTAMP", "long"),
    field("SHELF", categorical=True),
)
READERS = [(f"u{user}", item, 1_000 + user) for user in range(600) for item in ("engine02", "engine03")]


class Library:
    """A group of books, with a campaign on them."""

    def __init__(self, given: Given, rows: list[tuple[str, str, int]] | None = None) -> None:
        self.given = given
        self.group = given.group("library")
        self.books = given.dataset(self.group, given.schema(BOOKS_SCHEMA, "books"), "Items", "books")
        given.import_job(self.books, given.upload(books_csv(BOOKS), "books.csv"), "books")
        if rows is not None:
            readers = given.dataset(self.group, given.schema(name="readers"), "Interactions", "readers")
            given.import_job(readers, given.upload(as_csv(rows)), "readers")

    def campaign(self, name: str = "similar", config: dict[str, Any] | None = None, **solution: Any) -> str:
        extra = {"campaignConfig": config} if config else {}
        self.version = self.given.version(self.given.solution(self.group, SEMANTIC, name, **solution))
        return self.given.campaign(self.version, name, **extra)


def books_csv(books: dict[str, tuple[str, str]]) -> str:
    lines = [
        f'{item},"{title}","{story}",{1_000_000 + 86_400 * place},s{place % 3}\n'
        for place, (item, (title, story)) in enumerate(books.items())
    ]
    return "ITEM_ID,TITLE,STORY,CREATION_TIMESTAMP,SHELF\n" + "".join(lines)


def similar(runtime: Any, campaign: str, item: str, count: int = 8, **extra: Any) -> list[str]:
    answer = runtime.get_recommendations(campaignArn=campaign, itemId=item, numResults=count, **extra)
    return [each["itemId"] for each in answer["itemList"]]


@pytest.fixture
def library(given: Given) -> Library:
    return Library(given)


def test_r79_items_alone_are_enough(library: Library, runtime: Any) -> None:
    """Without an Interactions dataset: trained, evaluated (M-3), answered without scores, with metadata (R-73b)."""
    campaign = library.campaign()
    assert all(item.startswith("garden") for item in similar(runtime, campaign, "garden03"))
    metrics = library.given.personalize.get_solution_metrics(solutionVersionArn=library.version)["metrics"]
    assert metrics["coverage"] == 1.0
    answer = runtime.get_recommendations(
        campaignArn=campaign, itemId="bread01", numResults=3, metadataColumns={"ITEMS": ["TITLE"]}
    )
    assert [set(item) for item in answer["itemList"]] == [{"itemId", "metadata"}] * 3
    assert all(item["metadata"]["title"].startswith("Book of") for item in answer["itemList"])


def test_rt47_an_unknown_item(library: Library, runtime: Any) -> None:
    assert similar(runtime, library.campaign(), "nothing of the kind") == []


def test_rt47_unknown_item_gets_popular_items(given: Given, runtime: Any) -> None:
    campaign = Library(given, READERS).campaign()
    assert similar(runtime, campaign, "nothing of the kind") == ["engine02", "engine03"]


def test_r70e_r79a_rt70_influence_is_the_campaigns(given: Given, runtime: Any) -> None:
    library = Library(given, READERS)
    plain = library.campaign()
    popular = given.campaign(library.version, "popular", campaignConfig={"rankingInfluence": {"POPULARITY": 1.0}})
    fresh = given.campaign(library.version, "fresh", campaignConfig={"rankingInfluence": {"FRESHNESS": 0.9}})
    assert similar(runtime, plain, "garden00", 2) != similar(runtime, popular, "garden00", 2)
    assert sorted(similar(runtime, popular, "garden00", 2)) == ["engine02", "engine03"]
    assert similar(runtime, fresh, "bread00", 1) == [list(BOOKS)[-1]]
    given.personalize.update_campaign(campaignArn=popular, campaignConfig={"rankingInfluence": {"POPULARITY": 0.0}})
    assert similar(runtime, popular, "garden00", 2) == similar(runtime, plain, "garden00", 2)


def test_b8_influence_of_a_batch_job(given: Given, runtime: Any) -> None:
    library = Library(given, READERS)
    library.campaign()
    path = given.upload('{"itemId": "garden00"}\n', "asked.json")
    begin(given, library.version, path, numResults=2, batchInferenceJobConfig={"rankingInfluence": {"POPULARITY": 1.0}})
    (text,) = [text for key, text in given.downloaded("").items() if key.endswith("asked.json.out")]
    assert sorted(json.loads(text)["output"]["recommendedItems"]) == ["engine02", "engine03"]


def test_r79b_new_items_are_added_within_half_an_hour(
    library: Library, runtime: Any, events: Any, clock: ManualClock
) -> None:
    campaign = library.campaign()
    book = {"title": "Book of roses", "story": "Roses and pruning", "creationTimestamp": 5, "shelf": "s1"}
    clock.advance(100)
    events.put_items(datasetArn=library.books, items=[{"itemId": "new", "properties": json.dumps(book)}])
    assert similar(runtime, campaign, "new") == []
    clock.advance(1_600)
    assert similar(runtime, campaign, "new") == []
    clock.advance(100)
    assert all(item.startswith("garden") for item in similar(runtime, campaign, "new", 3))
    assert "new" in similar(runtime, campaign, "garden00", 50)
    given = library.given
    shown = given.personalize.describe_solution_version(solutionVersionArn=library.version)["solutionVersion"]
    assert "performIncrementalUpdate" not in shown


def test_t7_r_sol_11_incremental_training_can_be_off(
    library: Library, runtime: Any, events: Any, clock: ManualClock
) -> None:
    campaign = library.campaign(performIncrementalUpdate=False)
    changed = {"title": "Engine", "story": "piston oil", "creationTimestamp": 5, "shelf": "s1"}
    before = similar(runtime, campaign, "bread00")
    events.put_items(datasetArn=library.books, items=[{"itemId": "bread00", "properties": json.dumps(changed)}])
    clock.advance(7_200)
    assert similar(runtime, campaign, "bread00") == before
    other = library.campaign("other", performIncrementalUpdate=True)
    assert all(item.startswith("engine") for item in similar(runtime, other, "bread00", 3))


def test_t84_without_a_flagged_name_or_a_text_there_is_no_solution(given: Given) -> None:
    group = given.group()
    unnamed = avro("Items", field("ITEM_ID"), field("TITLE"), field("STORY", textual=True))
    given.dataset(group, given.schema(unnamed, "unnamed"), "Items")
    code, text = refusal(given.personalize.create_solution, name="s", datasetGroupArn=group, recipeArn=SEMANTIC)
    assert code == "InvalidInputException"
    assert "item name column" in text


def test_t84_without_a_single_text_training_fails(given: Given) -> None:
    group = given.group()
    given.dataset(group, given.schema(BOOKS_SCHEMA, "books"), "Items")
    version = given.version(given.solution(group, SEMANTIC))
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert shown["status"] == "CREATE FAILED"
    assert shown["failureReason"] == "Dataset has no item with a name or a text to train on."
