"""Explanations over HTTP and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest

from personalize_emu.cli import main
from personalize_emu.edge.console.trying import deployment
from personalize_emu.edge.console.why_page import WhyPage, why_page
from personalize_emu.edge.endpoints import admin_call
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator
from tests.given import USER_PERSONALIZATION, Given


@pytest.fixture
def server(emulator: Emulator) -> Iterator[LiveServer]:
    with LiveServer(emulator) as server:
        yield server


def asked(campaign: str, item: str = "i010") -> dict[str, str]:
    return {"campaignArn": campaign, "userId": "u2", "itemId": item}


def test_get_and_post_answer_as_the_emulator_does(emulator: Emulator, given: Given, server: LiveServer) -> None:
    campaign = given.deployed(USER_PERSONALIZATION)
    expected = json.loads(json.dumps(emulator.explain(campaign, "u2", "i010").members()))
    assert admin_call(server.url, "POST", "explanations", asked(campaign)) == expected
    assert admin_call(server.url, "GET", f"explanations?{urlencode(asked(campaign))}") == expected


def test_the_command_prints_parts_that_add_up(
    given: Given, server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = given.deployed(USER_PERSONALIZATION)
    command = ["explain", campaign, "--user", "u2", "--item", "i010", "--endpoint", server.url]
    assert main(command) == 0
    _, parts, effects = capsys.readouterr().out.split("\n\n")
    *values, total = [float(line.split()[0]) for line in parts.splitlines()]
    # Each is rounded to four decimals.
    assert sum(values) == pytest.approx(total, abs=1e-4 * len(values))
    assert len(effects.splitlines()) == 1 + 10
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["itemId"] == "i010"


def test_python_command_and_console_give_the_same_parts(
    emulator: Emulator, given: Given, server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue 17 E: `explain` in Python and on the command line is that of the console."""
    campaign = given.deployed(USER_PERSONALIZATION)
    found = emulator.explain(campaign, "u2", "i010")
    command = ["explain", campaign, "--user", "u2", "--item", "i010", "--endpoint", server.url]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(found.members()))
    chosen = deployment(emulator, campaign)
    assert chosen is not None
    page = why_page(emulator, chosen, {"user": "u2", "item": "i010"})
    assert isinstance(page, WhyPage)
    assert [(bar.label, bar.value) for bar in page.parts] == [(part.source, part.value) for part in found.parts]
    assert [bar.value for bar in page.history] == [each.effect for each in found.history]
    assert (page.utility, page.rank, page.share) == (found.utility, found.rank, found.share)


@pytest.mark.parametrize(
    ("change", "status"),
    [({"itemId": "nothing"}, 404), ({"itemId": ""}, 400), ({"userId": 7}, 400), ({"campaignArn": "home"}, 400)],
)
def test_wrong_requests_are_refused(given: Given, server: LiveServer, change: dict[str, Any], status: int) -> None:
    body = asked(given.deployed(USER_PERSONALIZATION)) | change
    with pytest.raises(HTTPError) as refused:
        admin_call(server.url, "POST", "explanations", body)
    with refused.value as answer:
        assert answer.code == status
