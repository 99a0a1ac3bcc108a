"""The overview: the tree of dataset groups, the newest calls, the clock."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from personalize_emu.edge.console.overview import MOST_CALLS, MOST_CHILDREN
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.entries import Progress
from personalize_emu.state.clock import ManualClock
from tests.given import ITEMS_SCHEMA, Given

CONSOLE = "/_emu/console/"


@pytest.fixture
def empty(emulator: Emulator) -> FlaskClient:
    return create_app(emulator).test_client()


def test_the_tree_shows_resources_with_status_and_reasons(pages: FlaskClient) -> None:
    page = pages.get(CONSOLE).text
    for name in ("demo-shop", "interactions", "one-brand", "for-you", "aws-user-personalization", "CREATE FAILED"):
        assert name in page
    assert "missing the following columns" in page
    assert "1 of 4,207 rows left out" in page
    assert "1 dataset group, 0 at work, 1 failed" in page


def test_a_campaign_is_shown_below_its_version_and_that_below_its_solution(pages: FlaskClient) -> None:
    page = pages.get(CONSOLE).text
    places = [re.search(rf">{kind}</span>\s*<span[^>]*>for-you", page) for kind in ("solution", "solution version")]
    solution, version = (place.start() for place in places if place)
    assert solution < version < page.index("</ul>", version)


def test_without_anything_the_overview_tells_how_to_begin(empty: FlaskClient) -> None:
    page = empty.get(CONSOLE).text
    assert "0 dataset groups" in page
    assert "personalize-emu demo" in page


def test_names_are_escaped(empty: FlaskClient, emulator: Emulator, given: Given) -> None:
    group = given.group()
    given.dataset(group, given.schema(ITEMS_SCHEMA), "Items")
    given.personalize.create_filter(
        name="f", datasetGroupArn=group, filterExpression='INCLUDE ItemID WHERE Items.GENRE IN ("<b>")'
    )
    page = empty.get(CONSOLE).text
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_running_jobs_show_stage_and_percent(empty: FlaskClient, emulator: Emulator, given: Given) -> None:
    version = given.version()
    emulator.state.versions[version].progress = Progress("re-ranker", 0.4)
    page = empty.get(CONSOLE).text
    assert 'value="40"' in page
    assert "40 %, re-ranker" in page


def test_a_running_import_counts_as_at_work(slow_emulator: Emulator, slow: Given) -> None:
    slow.group("waiting")
    page = create_app(slow_emulator).test_client().get(CONSOLE).text
    assert "CREATE PENDING" in page
    assert "1 dataset group, 1 at work, 0 failed" in page


def test_older_children_are_counted(empty: FlaskClient, given: Given) -> None:
    group = given.group()
    given.dataset(group, given.schema(ITEMS_SCHEMA), "Items")
    expression = 'INCLUDE ItemID WHERE Items.GENRE IN ("a")'
    for number in range(MOST_CHILDREN + 2):
        given.personalize.create_filter(name=f"f{number}", datasetGroupArn=group, filterExpression=expression)
    page = empty.get(CONSOLE).text
    assert "and 2 older" in page
    assert f">f{MOST_CHILDREN + 1}<" in page
    assert ">f1<" not in page


def test_declared_campaigns_are_shown_without_a_group(empty: FlaskClient, emulator: Emulator) -> None:
    campaign = emulator.campaign("home-page", ["a"])
    page = empty.get(CONSOLE).text
    assert "home-page" in page
    assert f"try?arn={campaign}" not in page


def test_the_newest_calls_come_first_with_their_errors(empty: FlaskClient, given: Given, personalize: Any) -> None:
    for number in range(MOST_CALLS + 2):
        given.schema(name=f"s{number}")
    with pytest.raises(personalize.exceptions.ResourceAlreadyExistsException):
        given.schema(name="s0")
    page = empty.get(CONSOLE + "parts/calls").text
    assert page.index("ResourceAlreadyExistsException") < page.index(f"s{MOST_CALLS + 1}&#34;")
    assert page.count("CreateSchema") == MOST_CALLS


@pytest.mark.parametrize("part", ["groups", "calls"])
def test_a_part_that_has_not_changed_is_not_sent_again(empty: FlaskClient, given: Given, part: str) -> None:
    given.group("first")
    first = empty.get(f"{CONSOLE}parts/{part}")
    seen = re.search(rf"parts/{part}\?seen=(\w+)", first.text)
    assert seen is not None
    again = f"{CONSOLE}parts/{part}?seen={seen.group(1)}"
    assert empty.get(again).status_code == 204
    given.group("second")
    assert "second" in empty.get(again).text


def test_the_clock_is_advanced_by_a_form(empty: FlaskClient, clock: ManualClock) -> None:
    before = clock.now()
    answer = empty.post(CONSOLE + "clock", data={"advance": "2h"})
    assert (answer.status_code, answer.headers["location"]) == (303, CONSOLE)
    assert clock.now() - before == 7200


@pytest.mark.parametrize("given_text", ["", "soon", "-1h", "9" * 400 + "h"])
def test_a_wrong_duration_is_shown_at_the_field(empty: FlaskClient, clock: ManualClock, given_text: str) -> None:
    before = clock.now()
    answer = empty.post(CONSOLE + "clock", data={"advance": given_text})
    assert answer.status_code == 400
    assert 'aria-describedby="advance-error"' in answer.text
    assert clock.now() == before
