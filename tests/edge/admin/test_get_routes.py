"""Routes that a link or an image on any web page could call change nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from personalize_emu.emulator import Emulator
from personalize_emu.state.resources import RESOURCE_TYPES
from tests.given import INTERACTIONS_SCHEMA, Given

LISTS = ("answers", "calls", "faults", "job-faults", "state", "usage")
QUERY = "?advance=2h&seconds=9&arn={0}&group={0}&version={0}&tab=items&user=u&item=i"


def snapshot(emulator: Emulator, client: FlaskClient) -> list[Any]:
    store = emulator.state.store
    records = [record for kind in RESOURCE_TYPES for record in store.all(kind)]
    tags = [store.tags(record.arn) for record in records]
    return [records, tags, emulator.clock.now(), *(client.get(f"/_emu/{name}").data for name in LISTS)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_routes_change_nothing(emulator: Emulator, given: Given, method: str) -> None:
    """Each route, those that only accept POST and DELETE among them, with parameters that other routes take."""
    group = given.group(tags=[{"tagKey": "team", "tagValue": "films"}])
    given.dataset(group, given.schema(INTERACTIONS_SCHEMA))
    app = create_app(emulator)
    client = app.test_client()
    client.post("/_emu/faults", json={"operation": "PutEvents", "error": "ThrottlingException", "times": 2})
    before = snapshot(emulator, client)
    assert before[0]
    assert b"PutEvents" in before[5]
    rules = [
        rule.rule.replace("<int:number>", "1").replace("<path:filename>", "x") for rule in app.url_map.iter_rules()
    ]
    assert len(rules) > 20
    for path in dict.fromkeys(rules):
        client.open(path + QUERY.format(group), method=method)
        client.open(path, method=method)
        assert snapshot(emulator, client) == before, path
