"""Themes of lists of similar items: terms and relevance (B-48, B-60 to B-62)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from personalize_emu.batch.themes import Themes, themes_of
from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.filters.records import Records
from tests.batch_requests import answers, failure, json_lines
from tests.given import Given, avro, field

SIMILAR = "arn:aws:personalize:::recipe/aws-similar-items"
NAMED: dict[str, Any] = {
    "batchInferenceJobMode": "THEME_GENERATION",
    "themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "TITLE"}},
}
ITEMS = (
    ("a1", "The Moon Garden", "Roses and more roses", "Outdoor|Sale"),
    ("a2", "Garden Lights", "For roses at night", "Outdoor"),
    ("a3", "Quiet Garden", "Roses, tulips", "Outdoor|Sale"),
    ("b1", "Pan of Iron", "To fry", "Kitchen|Sale"),
    ("b2", "Iron Kettle", "To boil", "Kitchen|Sale"),
    ("c1", "", "", ""),
)
SCHEMA = Schema(
    "Items",
    (
        Field("ITEM_ID", "string"),
        Field("TITLE", "string", nullable=True),
        Field("DESCRIPTION", "string", nullable=True, textual=True),
        Field("KIND", "string", nullable=True, categorical=True),
        Field("COLOUR", "string", nullable=True),
    ),
)


@pytest.fixture(scope="module")
def themes() -> Themes:
    columns = dict(zip(("ITEM_ID", "TITLE", "DESCRIPTION", "KIND"), map(list, zip(*ITEMS, strict=True)), strict=True))
    table = pa.table({**columns, "COLOUR": ["red"] * len(ITEMS)})
    return themes_of(Records(table, SCHEMA, "ITEM_ID"), [item[0] for item in ITEMS], "TITLE")


def test_b62_theme_has_terms_specific_to_the_list(themes: Themes) -> None:
    """`roses` is in all texts, `garden` in the names; the sale category is everywhere, the colour is not textual."""
    assert themes.of("The Moon Garden", np.array([1, 2, 0], np.int32)).title == "Outdoor: roses, garden"
    assert themes.of("Pan of Iron", np.array([3, 4], np.int32)).title.startswith("Kitchen")


def test_b61_relevances_fall_and_can_be_negative(themes: Themes) -> None:
    theme = themes.of("The Moon Garden", np.array([3, 1, 2, 5], np.int32))
    assert theme.title.startswith("Outdoor")
    assert set(theme.order[:2].tolist()) == {1, 2}, "the garden comes first, whatever was most similar"
    assert (np.diff(theme.relevances) <= 0).all()
    assert theme.relevances[1] > 0 > theme.relevances[-1] >= -1
    members = json.loads("{" + theme.members() + "}")
    assert members["itemsThemeRelevanceScores"] == [round(float(value), 9) for value in theme.relevances]


def test_relevance_is_the_centred_cosine(themes: Themes) -> None:
    """Equals a computation with dense vectors."""
    numbers = np.array([0, 1, 2, 3], np.int32)
    theme = themes.of("x", numbers)
    title = ["category Outdoor", "word roses", "word garden"]
    assert theme.title == "Outdoor: roses, garden"
    wanted = np.zeros(len(themes.terms))
    for term in title:
        wanted[list(themes.terms).index(term)] = themes.rarity[list(themes.terms).index(term)]
    aside = wanted / np.linalg.norm(wanted) - themes.middle
    rows = themes.weights[numbers].toarray() - themes.middle
    plain = rows @ aside / np.linalg.norm(rows, axis=1) / np.linalg.norm(aside)
    assert theme.relevances == pytest.approx(np.sort(plain)[::-1], abs=1e-5)


def test_list_without_shared_terms_has_default_title(themes: Themes) -> None:
    assert themes.of("The Moon Garden", np.array([2, 4], np.int32)).title in ("Similar to The Moon Garden", "Sale")
    assert themes.of("The Moon Garden", np.array([5], np.int32)).title == "Similar to The Moon Garden"
    empty = themes.of("The Moon Garden", np.zeros(0, np.int32))
    assert (empty.title, len(empty.order)) == ("Similar to The Moon Garden", 0)


def test_items_without_any_word_have_themes_without_relevance() -> None:
    table = pa.table({"ITEM_ID": ["a", "b"], **{name: pa.nulls(2, pa.string()) for name in SCHEMA.names[1:]}})
    theme = themes_of(Records(table, SCHEMA, "ITEM_ID"), ["a", "b"], "TITLE").of("a", np.array([1], np.int32))
    assert (theme.title, theme.relevances.tolist()) == ("Similar to a", [0.0])


def test_b48_b61_a_job_writes_a_theme_for_each_list(given: Given) -> None:
    """Even items are for the garden, odd ones for the kitchen. A repeated job writes the same themes."""
    group = given.imported_group()
    text = avro("Items", field("ITEM_ID"), field("TITLE"), field("KIND", categorical=True))
    items = given.dataset(group, given.schema(text, "items"), "Items")
    rows = (f"i{n:03d},{('Garden', 'Iron')[n % 2]} thing {n},{('Outdoor', 'Kitchen')[n % 2]}" for n in range(60))
    given.import_job(items, given.upload("ITEM_ID,TITLE,KIND\n" + "\n".join(rows), "items.csv"), "items")
    version = given.version(given.solution(group, SIMILAR))
    queries = [{"itemId": "i004"}, {"itemId": "i005"}, {"itemId": "unknown"}, {"user": 1}]
    even, odd, unknown, wrong = answers(given, version, queries, numResults=8, **NAMED)
    again = answers(given, version, queries, "again", numResults=8, **NAMED)
    assert again == [even, odd, unknown, wrong]
    assert even["output"]["theme"] == "Outdoor: garden"
    assert odd["output"]["theme"] == "Kitchen: iron"
    plain, *_ = answers(given, version, queries[:1], "plain", numResults=8)
    assert sorted(even["output"]["recommendedItems"]) == sorted(plain["output"]["recommendedItems"])
    for line in (even, odd, unknown):
        assert list(line["output"]) == ["recommendedItems", "theme", "itemsThemeRelevanceScores"]
        relevances = line["output"]["itemsThemeRelevanceScores"]
        assert len(relevances) == len(line["output"]["recommendedItems"]) == 8
        assert relevances == sorted(relevances, reverse=True)
    assert (wrong["output"], wrong["error"]) == (None, "itemId is required")
    path = given.upload(json_lines([{"itemId": "i004"}] * 101), "in/many")
    assert "A maximum of 100" in failure(given, version, path, name="many", **NAMED)
