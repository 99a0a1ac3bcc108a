"""Remembered answers are the answers that would be computed (RT-35); what is new in each response stays new."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from personalize_emu.service.state.dataset_contents import USER_SLOTS
from personalize_emu.settings import Settings
from personalize_emu.state.bounded_cache import BoundedCache
from tests.fuzz.remembered_answers import COMPUTED, REMEMBERED, differences
from tests.mixed_deployments import DAY, SEEN, Served, served

MB = 1 << 20


@pytest.fixture(scope="module")
def made() -> Iterator[Served]:
    with served(REMEMBERED) as shop:
        yield shop


def members(made: Served, operation: str = "GetRecommendations", **params: Any) -> dict[str, Any]:
    """The members of a response as handlers return them, not rendered."""
    answer = made.emulator.call(operation, params)
    assert answer is not None
    return answer


def test_mixed_requests_get_equal_bytes() -> None:
    """Among events, records, clock moves, and changes of filters, campaigns and data; `python -m` runs many more."""
    assert differences(seed=8, requests=400, events=80, records=12, moves=12, changes=10) == []


def test_equal_requests_share_their_list(made: Served) -> None:
    for campaign in ("exploring", "v2", "sims"):
        request = {"campaignArn": made.campaigns[campaign], "userId": "u1", "itemId": SEEN[0]}
        assert members(made, **request)["itemList"] is members(made, **request)["itemList"]
    filtered = {
        "campaignArn": made.campaigns["steady"],
        "userId": "u1",
        "filterArn": made.filters["unseen"],
        "metadataColumns": {"ITEMS": ["GENRE"]},
    }
    assert members(made, **filtered)["itemList"] is members(made, **filtered)["itemList"]


def test_an_event_of_the_user_makes_a_new_list(made: Served) -> None:
    """EV-47: the next request sees it; lists of other users are kept."""
    request = {"campaignArn": made.campaigns["steady"], "userId": "u3"}
    other_user = next(user for user in ("u4", "u5") if hash(user) % USER_SLOTS != hash("u3") % USER_SLOTS)
    other = {"campaignArn": made.campaigns["steady"], "userId": other_user}
    before, kept = members(made, **request)["itemList"], members(made, **other)["itemList"]
    event = {"eventType": "view", "itemId": SEEN[5], "sentAt": 1_700_000_100}
    made.call("PutEvents", trackingId=made.tracking, userId="u3", sessionId="s-u3", eventList=[event])
    after = members(made, **request)["itemList"]
    assert after is not before
    assert after != before
    assert members(made, **other)["itemList"] is kept


def test_every_response_has_ids_of_its_own(made: Served) -> None:
    """RT-5, P-24: recommendation id and request id; events refer to remembered responses, too."""
    request = {"campaignArn": made.campaigns["exploring"], "userId": "u2", "numResults": 5}
    first, second = (made.call("GetRecommendations", **request) for _ in range(2))
    shown = [json.loads(response.body) for response in (first, second)]
    assert shown[0]["itemList"] == shown[1]["itemList"]
    assert shown[0]["recommendationId"] != shown[1]["recommendationId"]
    assert dict(first.headers)["x-amzn-requestid"] != dict(second.headers)["x-amzn-requestid"]
    for answer in shown:
        recorded = made.emulator.state.answers.find(answer["recommendationId"])
        assert recorded is not None
        assert recorded.user_id == "u2"
        assert recorded.items == tuple(item["itemId"] for item in answer["itemList"])


def test_remembered_responses_are_counted_like_others(made: Served) -> None:
    """CW-8: requests in /_emu/metrics and in CloudWatch."""
    request = {"campaignArn": made.campaigns["ranking"], "userId": "u1", "inputList": list(SEEN[:4])}
    made.emulator.state.metrics.take()
    before = made.emulator.state.counters.counts().requests.get(("GetPersonalizedRanking", 200), 0)
    for _ in range(3):
        assert made.call("GetPersonalizedRanking", **request).status == 200
    assert made.emulator.state.counters.counts().requests["GetPersonalizedRanking", 200] == before + 3
    sent = {series.metric: statistic.count for series, statistic in made.emulator.state.metrics.take()}
    assert sent["GetPersonalizedRanking"] == 3


def test_size_0_remembers_nothing() -> None:
    with served(COMPUTED) as made:
        request = {"campaignArn": made.campaigns["steady"], "userId": "u1"}
        first, second = (members(made, **request)["itemList"] for _ in range(2))
        assert first == second
        assert first is not second
        assert len(made.emulator.state.lists) == len(made.emulator.state.scores) == 0


def test_the_size_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="remembered_bytes must not be negative, not -1"):
        Settings(remembered_bytes=-1)


class Kept:
    def __init__(self, size: int) -> None:
        self.size = size


def test_a_cache_holds_at_most_its_bytes() -> None:
    """The value used longest ago goes first; one that does not fit is not kept, and nothing goes for it."""
    cache: BoundedCache[Kept] = BoundedCache(100)
    values = {name: Kept(40) for name in "abc"}
    cache.put("a", values["a"])
    cache.put("b", values["b"])
    assert cache.get("a") is values["a"]
    cache.put("c", values["c"])
    assert [name for name in "abc" if cache.get(name)] == ["a", "c"]
    cache.put("d", Kept(101))
    assert [name for name in "acd" if cache.get(name)] == ["a", "c"]
    cache.put("a", Kept(60))
    assert cache.held_bytes == 100


def test_sizes_are_estimated_from_above(made: Served) -> None:
    """The bound is one of real memory."""
    state = made.emulator.state
    requests = [
        {"campaignArn": made.campaigns["steady"], "userId": f"new-{number}", "numResults": count, **more}
        for number in range(40)
        for count, more in ((1, {}), (25, {}), (25, {"metadataColumns": {"ITEMS": ["GENRE", "PRICE"]}}))
    ]
    for request in requests[:3]:
        made.call("GetRecommendations", **(request | {"userId": "first"}))
    estimated = state.lists.held_bytes + state.scores.held_bytes

    tracemalloc.start()
    try:
        for request in requests:
            made.call("GetRecommendations", **request)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken < state.lists.held_bytes + state.scores.held_bytes - estimated


def test_a_new_version_makes_new_lists(made: Served) -> None:
    """From the moment the campaign serves it, also within one exploration window."""
    requests = [{"campaignArn": made.campaigns["steady"], "userId": user} for user in ("u5", "u6")]
    before = [members(made, **request)["itemList"] for request in requests]
    version = json.loads(made.call("CreateSolutionVersion", solutionArn=made.solution).body)["solutionVersionArn"]
    updated = made.call("UpdateCampaign", campaignArn=made.campaigns["steady"], solutionVersionArn=version)
    assert updated.status == 200
    after = [members(made, **request)["itemList"] for request in requests]
    assert all(new is not old for new, old in zip(after, before, strict=True))


def test_the_clock_alone_can_end_a_list() -> None:
    """F-52: three months after the last import a filter no longer considers what the user had by then."""
    with served(REMEMBERED) as made:
        request = {
            "campaignArn": made.campaigns["popular"],
            "userId": "u1",
            "numResults": 500,
            "filterArn": made.filters["unseen"],
        }
        made.emulator.advance(90 * DAY)
        before = members(made, **request)["itemList"]
        assert members(made, **request)["itemList"] is before
        made.emulator.advance(1)
        assert len(members(made, **request)["itemList"]) > len(before)
