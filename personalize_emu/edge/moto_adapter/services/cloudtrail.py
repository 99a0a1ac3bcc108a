"""Recorded calls of Personalize as events of the embedded CloudTrail.

Management events only, as CloudTrail keeps them: calls of the control plane, the newest of those that the option
`recorded_calls` keeps. Who called is not recorded.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError

from personalize_emu.doubles.recorded_calls import RecordedCall
from personalize_emu.edge.moto_adapter.services.emulators import emulator_in_use
from personalize_emu.edge.moto_adapter.services.extensions import replace_while_in_use
from personalize_emu.operations import CONTROL_PLANE

SOURCE = "personalize.amazonaws.com"
MOST_RESULTS = 50
READING = ("Describe", "Get", "List")
_ARN = "Arn"

Event = dict[str, Any]


@cache
def extend() -> None:
    """Add LookupEvents. Applied once per process."""
    replace_while_in_use(CloudTrailResponse, "lookup_events", _lookup_events)


def _lookup_events(response: Any) -> str:
    params = json.loads(response.body)
    emulator = emulator_in_use()
    assert emulator is not None, "replaced functions run while an emulator is in use"
    calls = [call for call in emulator.calls() if call.operation in CONTROL_PLANE]
    here = [call for call in calls if (call.account, call.region) == (response.current_account, response.region)]
    found = [event for event in reversed(list(_events(here))) if _is_wanted(event, params)]
    return json.dumps(_page(found, params))


def _events(calls: list[RecordedCall]) -> Iterator[Event]:
    """Oldest first. An event keeps its id as long as its call is recorded."""
    same: Counter[tuple[Any, ...]] = Counter()
    for call in calls:
        key = (call.time, call.operation, call.account, call.region, call.status)
        same[key] += 1
        yield _event(call, str(uuid5(NAMESPACE_OID, f"{key} {same[key]}")))


def _event(call: RecordedCall, event_id: str) -> Event:
    reads = call.operation.startswith(READING)
    record = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AWSAccount", "accountId": call.account},
        "eventTime": datetime.fromtimestamp(call.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": SOURCE,
        "eventName": call.operation,
        "awsRegion": call.region,
        "requestParameters": call.params,
        # CloudTrail leaves out what reading operations return.
        "responseElements": None if reads else call.answer,
        **({"errorCode": call.error, "errorMessage": call.message} if call.error else {}),
        "eventID": event_id,
        "readOnly": reads,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": call.account,
        "eventCategory": "Management",
    }
    return {
        "EventId": event_id,
        "EventName": call.operation,
        "ReadOnly": str(reads).lower(),
        "EventTime": call.time,
        "EventSource": SOURCE,
        "Resources": list(_resources({**call.params, **(call.answer or {})})),
        "CloudTrailEvent": json.dumps(record),
    }


def _resources(members: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The resources that the members name by ARN."""
    for name, value in members.items():
        if name.endswith(_ARN) and isinstance(value, str) and ":personalize:" in value:
            word = name.removesuffix(_ARN)
            yield {"ResourceType": f"AWS::Personalize::{word[0].upper()}{word[1:]}", "ResourceName": value}


_ATTRIBUTES: Mapping[str, Callable[[Event, str], bool]] = {
    "EventId": lambda event, value: event["EventId"] == value,
    "EventName": lambda event, value: event["EventName"] == value,
    "EventSource": lambda event, value: event["EventSource"] == value,
    "ReadOnly": lambda event, value: event["ReadOnly"] == value.lower(),
    "ResourceName": lambda event, value: any(each["ResourceName"] == value for each in event["Resources"]),
    "ResourceType": lambda event, value: any(each["ResourceType"] == value for each in event["Resources"]),
    "AccessKeyId": lambda _event, _value: False,
    "Username": lambda _event, _value: False,
}


def _is_wanted(event: Event, params: Mapping[str, Any]) -> bool:
    attributes = params.get("LookupAttributes") or []
    if len(attributes) > 1 or any(each.get("AttributeKey") not in _ATTRIBUTES for each in attributes):
        raise JsonRESTError("InvalidLookupAttributesException", "You can specify one lookup attribute, a known one.")
    begin, end = params.get("StartTime"), params.get("EndTime")
    return (
        all(_ATTRIBUTES[each["AttributeKey"]](event, str(each["AttributeValue"])) for each in attributes)
        and (begin is None or event["EventTime"] >= begin)
        and (end is None or event["EventTime"] <= end)
    )


def _page(events: list[Event], params: Mapping[str, Any]) -> dict[str, Any]:
    """One page; the token is the id of the last event of the page before."""
    size = params.get("MaxResults", MOST_RESULTS)
    if not 1 <= size <= MOST_RESULTS:
        raise JsonRESTError("InvalidMaxResultsException", f"MaxResults must be between 1 and {MOST_RESULTS}.")
    token = params.get("NextToken")
    ids = [event["EventId"] for event in events]
    if token is not None and token not in ids:
        raise JsonRESTError("InvalidNextTokenException", "The token is not valid.")
    begin = 0 if token is None else ids.index(token) + 1
    page = events[begin : begin + size]
    following = {"NextToken": page[-1]["EventId"]} if len(events) > begin + size else {}
    return {"Events": page, **following}
