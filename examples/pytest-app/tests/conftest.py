"""What the tests share."""

import boto3
import pytest


@pytest.fixture(autouse=True)
def region(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def tracking_id(personalize_emu):
    """Of the event tracker in shop.yaml."""
    personalize = boto3.client("personalize")
    (tracker,) = personalize.list_event_trackers()["eventTrackers"]
    described = personalize.describe_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])
    return described["eventTracker"]["trackingId"]
