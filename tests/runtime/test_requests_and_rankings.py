"""Raw requests, limits of their members, and rankings for unknown users (spec 09 and 10)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from statistics import mean
from typing import Any

import pytest

from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.edge.request_pipeline import answer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.feature_columns import features_of
from personalize_emu.state.clock import ManualClock
from tests.clients import client
from tests.given import ITEMS_SCHEMA, POPULARITY, RANKING, REGION, Given, arn, avro, field, two_camps
from tests.recipes.test_semantic_similarity import BOOKS
from tests.refusals import refusal
from tests.runtime.test_semantic_similarity import READERS, Library, similar

SIGNED = {"authorization": f"AWS4-HMAC-SHA256 Credential=K/20260101/{REGION}/personalize/aws4_request, Signature=0"}
MOMENT = 1_700_000_000


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Shared by tests that only read or use their own resources."""
    with mock_personalize(clock=ManualClock(), quotas="off") as emulator:
        yield emulator


@pytest.fixture(scope="module")
def given(emulator: Emulator) -> Given:
    return Given(client("personalize"), client("s3"))


@pytest.fixture(scope="module")
def group(given: Given) -> str:
    return given.imported_group()


@pytest.fixture(scope="module")
def popular(given: Given, group: str) -> str:
    return given.campaign(given.version(given.solution(group, POPULARITY, "popular")), "popular")


@pytest.fixture(scope="module")
def ranked(given: Given, group: str) -> str:
    return given.campaign(given.version(given.solution(group, RANKING, "ranked")), "ranked")


@pytest.fixture(scope="module")
def runtime(emulator: Emulator) -> Any:
    return client("personalize-runtime")


@pytest.fixture(scope="module")
def events(emulator: Emulator) -> Any:
    return client("personalize-events")


def ranking(runtime: Any, campaign: str, user: str, items: list[str]) -> list[dict[str, Any]]:
    found = runtime.get_personalized_ranking(campaignArn=campaign, userId=user, inputList=items)
    listed: list[dict[str, Any]] = found["personalizedRanking"]
    return listed


def test_rt1_rt2_paths_of_the_operations(emulator: Emulator, popular: str, ranked: str) -> None:
    """POST only, each with its own path; `personalize-ranking` has no d."""

    def status(path: str, body: dict[str, Any], method: str = "POST") -> int:
        return answer(emulator, method, path, "", SIGNED, json.dumps(body).encode()).status

    ask = {"campaignArn": ranked, "userId": "u1", "inputList": ["i000"]}
    assert status("/recommendations", {"campaignArn": popular}) == 200
    assert status("/personalize-ranking", ask) == 200
    assert status("/personalized-ranking", ask) == 404
    assert status("/recommendation", {"campaignArn": popular}) == 404
    assert status("/recommendations", {"campaignArn": popular}, "GET") == 404


def test_rt12_user_id_limit_and_requirement(
    given: Given, runtime: Any, group: str, popular: str
) -> None:
    assert runtime.get_recommendations(campaignArn=popular, userId="u" * 256)["itemList"]
    assert refusal(runtime.get_recommendations, campaignArn=popular, userId="u" * 257)[0] == "ValidationException"
    assert runtime.get_recommendations(campaignArn=popular)["itemList"], "popularity is the same for all"
    given.dataset(group, given.schema(ITEMS_SCHEMA, "items"), "Items", "items")
    given.dataset(group, given.schema(avro("Users", field("USER_ID"), field("AGE", "int")), "users"), "Users", "users")
    expression = 'EXCLUDE ItemID WHERE Items.GENRE IN ("a") IF CurrentUser.AGE > 18'
    made = given.personalize.create_filter(name="adult", datasetGroupArn=group, filterExpression=expression)
    refused = refusal(runtime.get_recommendations, campaignArn=popular, filterArn=made["filterArn"])
    assert refused == ("InvalidInputException", "userId is required")
    assert runtime.get_recommendations(campaignArn=popular, filterArn=made["filterArn"], userId="u1")["itemList"]


@pytest.mark.parametrize(
    ("context", "allowed"),
    [
        ({f"KEY_{number}": "v" for number in range(150)}, True),
        ({f"KEY_{number}": "v" for number in range(151)}, False),
        ({"k" * 150: "v"}, True),
        ({"k" * 151: "v"}, False),
        ({"KEY": "v" * 1000}, True),
        ({"KEY": "v" * 1001}, False),
        ({"no blank": "v"}, False),
        ({"no-dash": "v"}, False),
    ],
)
def test_rt15_bounds_of_the_context(
    runtime: Any, popular: str, ranked: str, context: dict[str, str], allowed: bool
) -> None:
    for call, params in (
        (runtime.get_recommendations, {"campaignArn": popular, "userId": "u1"}),
        (runtime.get_personalized_ranking, {"campaignArn": ranked, "userId": "u1", "inputList": ["i000"]}),
    ):
        if allowed:
            assert call(**params, context=context)["recommendationId"]
        else:
            assert refusal(call, **params, context=context)[0] == "ValidationException"


def test_rt71_influence_of_freshness_and_popularity(given: Given, runtime: Any) -> None:
    """From 0 to 1, mean age and popularity of the first ten items improve monotonically."""
    library = Library(given, READERS)
    config = {"syncWithLatestSolutionVersion": False}
    plain = library.campaign("plain", config)
    made = {name: 1_000_000 + 86_400 * place for place, name in enumerate(BOOKS)}
    counts = dict.fromkeys(BOOKS, 0) | {"engine02": 600, "engine03": 600}
    for kind, values in (("FRESHNESS", made), ("POPULARITY", counts)):
        campaign = given.campaign(library.version, kind, campaignConfig=config | {"rankingInfluence": {kind: 1.0}})
        gains = []
        for asked in list(BOOKS)[::5]:
            before, after = (similar(runtime, each, asked, 10) for each in (plain, campaign))
            gains.append(mean(values[item] for item in after) - mean(values[item] for item in before))
            assert gains[-1] >= 0, (kind, asked)
        assert max(gains) > 0, kind


def test_rt86_ranking_for_unknown_user_is_by_popularity(runtime: Any, given: Given) -> None:
    rows = [*two_camps(), *((f"u{user}", "i000", 1_700_000_000) for user in range(50))]
    campaign = given.deployed(RANKING, rows, "nobody")
    first, *others = ranking(runtime, campaign, "nobody knows", ["i001", "i002", "i000", "unknown"])
    assert first["itemId"] == "i000"
    assert first["score"] > others[0]["score"]
    assert sum(item["score"] for item in (first, *others[:-1])) == pytest.approx(1, abs=1e-5)
    assert others[-1] == {"itemId": "unknown"}


def test_rt87_events_change_a_ranking_at_once_and_new_items_wait(
    given: Given, runtime: Any, events: Any, group: str, ranked: str
) -> None:
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    asked = ["i000", "i001", "i-new"]
    assert [item["itemId"] for item in ranking(runtime, ranked, "streamed", asked)][-1] == "i-new"
    odd = [f"i{number:03d}" for number in range(3, 23, 2)]
    listed = [
        {"eventType": "v", "itemId": item, "sentAt": MOMENT + place} for place, item in enumerate([*odd, "i-new"])
    ]
    for start in range(0, len(listed), 10):
        part = listed[start : start + 10]
        events.put_events(trackingId=tracker, userId="streamed", sessionId="s", eventList=part)
    after = ranking(runtime, ranked, "streamed", asked)
    assert [item["itemId"] for item in after] == ["i001", "i000", "i-new"], "who met odd items is of the odd camp"
    assert "score" not in after[-1]


def test_ev10_tracking_ids(given: Given, events: Any) -> None:
    group = given.group("tracked")
    given.dataset(group, given.schema(name="tracked"))
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    assert str(uuid.UUID(tracker)) == tracker
    one = {"sessionId": "s", "eventList": [{"eventType": "v", "itemId": "i", "sentAt": MOMENT}]}
    assert events.put_events(trackingId=tracker, **one)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert refusal(events.put_events, trackingId="x" * 256, **one)[0] == "InvalidInputException"
    assert refusal(events.put_events, trackingId="x" * 257, **one)[0] == "ValidationException"


def test_ev35_several_categories_of_an_event(given: Given, events: Any, emulator: Emulator) -> None:
    """Stored as written, and read as two categories."""
    group = given.group("categories")
    text = avro(
        "Interactions",
        field("USER_ID"),
        field("ITEM_ID"),
        field("TIMESTAMP", "long"),
        field("MOOD", ["null", "string"], categorical=True),
    )
    given.dataset(group, given.schema(text, "categories"))
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    for second, mood in enumerate(("calm", "calm|happy")):
        one = {"eventType": "v", "itemId": "i", "sentAt": MOMENT + second, "properties": json.dumps({"mood": mood})}
        events.put_events(trackingId=tracker, userId="u", sessionId="s", eventList=[one])
    rows = emulator.state.contents(arn("dataset", "categories/INTERACTIONS")).log.rows()
    assert [row["MOOD"] for row in rows] == ["calm", "calm|happy"]
    schema = parse_schema(text)
    (mood_read,) = features_of(rows_table(schema, rows), schema.fields[-1:]).categories
    assert mood_read.values == ("calm", "happy")
    assert mood_read.members.toarray().tolist() == [[1, 0], [1, 1]]


def test_ev64_the_rate_of_records_is_not_enforced(given: Given, events: Any) -> None:
    """The service allows ten requests per second; the emulator does not throttle by default (RT-101)."""
    group = given.group("fast")
    items = given.dataset(group, given.schema(ITEMS_SCHEMA, "fast"), "Items")
    for number in range(25):
        events.put_items(datasetArn=items, items=[{"itemId": f"i{number}", "properties": '{"genre": "a"}'}])
