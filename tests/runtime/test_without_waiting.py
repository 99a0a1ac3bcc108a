"""Operations that may not wait: they answer, or raise MustWait and have changed nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from personalize_emu.data.records.record_log import RECENT
from personalize_emu.edge.auth.access_control import allow_all
from personalize_emu.edge.request_pipeline import RequestContext, answer, answer_at_once, default_account, finish
from personalize_emu.operations import AT_ONCE, HANDLERS
from personalize_emu.service.core.context import MustWait
from personalize_emu.service.state.dataset_contents import DatasetContents
from tests.fuzz.remembered_answers import COMPUTED, REMEMBERED
from tests.mixed_deployments import SEEN, Served, served


@pytest.fixture(scope="module")
def made() -> Iterator[Served]:
    with served(REMEMBERED) as shop:
        yield shop


def at_once(made: Served, operation: str, **params: Any) -> dict[str, Any] | None:
    return made.emulator.call(operation, params, may_wait=False)


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"eventType": "view", "itemId": SEEN[5], "sentAt": 1_700_000_000 + number, **more}


def interactions(made: Served) -> DatasetContents:
    state = made.emulator.state
    tracker = state.trackers.get(made.tracking)
    return next(each for each in state.all_contents() if tracker and each.has_interactions)


@pytest.mark.parametrize("campaign", ["exploring", "v2", "sims", "steady"])
def test_only_remembered_recommendations_are_given_at_once(made: Served, campaign: str) -> None:
    request = {"campaignArn": made.campaigns[campaign], "userId": "waiting", "itemId": SEEN[1], "numResults": 7}
    with pytest.raises(MustWait):
        at_once(made, "GetRecommendations", **request)
    computed = made.emulator.call("GetRecommendations", request)
    remembered = at_once(made, "GetRecommendations", **request)
    assert computed
    assert remembered
    assert remembered["itemList"] is computed["itemList"]
    assert remembered["recommendationId"] != computed["recommendationId"]


def test_nothing_is_recommended_at_once_when_nothing_is_remembered() -> None:
    with served(COMPUTED) as computing:
        request = {"campaignArn": computing.campaigns["steady"], "userId": "u1"}
        computing.emulator.call("GetRecommendations", request)
        with pytest.raises(MustWait):
            at_once(computing, "GetRecommendations", **request)


def test_refusals_are_given_at_once(made: Served) -> None:
    request = {"campaignArn": made.campaigns["steady"], "userId": "u1"}
    assert made.emulator.call("GetRecommendations", request)
    with pytest.raises(Exception, match="numResults must be between 1 and 500"):
        at_once(made, "GetRecommendations", **request, numResults=501)


def test_each_event_is_stored_once_and_none_is_folded_at_once(made: Served) -> None:
    """Rows are folded and keys sorted only where waiting is allowed; ids of refused attempts remain free."""
    contents, waited = interactions(made), 0
    before = len(contents.log)
    for number in range(3 * RECENT):
        params = {
            "trackingId": made.tracking,
            "userId": f"u{number % 7}",
            "sessionId": "s",
            "eventList": [event(number, eventId=f"once-{number}")],
        }
        segments = contents.log.state.segments
        try:
            at_once(made, "PutEvents", **params)
            assert contents.log.state.segments is segments
        except MustWait:
            assert len(contents.log) == before + number
            made.emulator.call("PutEvents", params)
            waited += 1
        assert len(contents.log) == before + number + 1
    assert 0 < waited < 3 * RECENT / 50


def test_events_wait_for_a_removal_of_users(made: Served) -> None:
    contents = interactions(made)
    params = {"trackingId": made.tracking, "userId": "u1", "sessionId": "s", "eventList": [event(-5)]}
    with contents._lock, pytest.raises(MustWait):
        at_once(made, "PutEvents", **params)
    at_once(made, "PutEvents", **params)


def test_other_operations_are_never_called(made: Served) -> None:
    assert set(HANDLERS) > AT_ONCE
    for operation in set(HANDLERS) - AT_ONCE:
        with pytest.raises(MustWait):
            at_once(made, operation)


def test_a_request_continues_at_the_step_that_must_wait(made: Served) -> None:
    """It keeps its request id, and the next request has the next one."""
    body = json.dumps({"campaignArn": made.campaigns["steady"], "userId": "goes-on"}).encode()
    sent = (made.emulator, "POST", "/recommendations", "", {}, body)
    context = RequestContext(*sent, default_account, allow_all)
    assert answer_at_once(context) is None
    assert context.params["userId"] == "goes-on"
    response = finish(context)
    assert (response.status, dict(response.headers)["x-amzn-requestid"]) == (200, context.request_id)
    again = RequestContext(*sent, default_account, allow_all)
    found = answer_at_once(again)
    assert found is not None
    assert json.loads(found.body)["itemList"] == json.loads(response.body)["itemList"]
    identifiers = made.emulator._identifiers._counts["request", ""]
    assert answer(*sent).status == 200
    assert next(identifiers) > 2
