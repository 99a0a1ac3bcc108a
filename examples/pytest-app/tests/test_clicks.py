"""Reported clicks, with a start file: a dataset group with an event tracker."""

from pathlib import Path

import pytest
from botocore.config import Config
from recommendations import Clicks, events_client

pytestmark = pytest.mark.personalize_emu(init=str(Path(__file__).with_name("shop.yaml")))
ONCE = Config(retries={"total_max_attempts": 1})


def test_clicks_are_sent(personalize_emu, tracking_id):
    Clicks(events_client(), tracking_id).report("u1", "s1", "tent")
    (call,) = personalize_emu.calls("PutEvents")
    assert call.params["userId"] == "u1"
    assert [event["itemId"] for event in call.params["eventList"]] == ["tent"]


@pytest.mark.parametrize("fault", [{"error": "InternalServerException"}, {"drop": True}], ids=["error", "drop"])
def test_no_click_is_lost(personalize_emu, tracking_id, fault):
    clicks = Clicks(events_client(ONCE), tracking_id)
    personalize_emu.fail("PutEvents", **fault, times=1)
    clicks.report("u1", "s1", "tent")
    assert len(clicks.waiting) == 1
    clicks.report("u1", "s1", "lamp")
    assert clicks.waiting == []
    arrived = [call for call in personalize_emu.calls("PutEvents") if call.status == 200]
    assert [call.params["eventList"][0]["itemId"] for call in arrived] == ["tent", "lamp"]
