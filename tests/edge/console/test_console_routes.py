"""What holds for every page of the console: headers, weight, bad input, origins, access; GET changes nothing."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from tests.edge.console.shop_state import ShopState

CONSOLE = "/_emu/console/"
GROUP = "arn:aws:personalize:us-east-1:123456789012:dataset-group/demo-shop"
DATASETS = GROUP.replace("dataset-group", "dataset")
PAGES = (
    "",
    f"dataset?arn={DATASETS}/INTERACTIONS",
    f"dataset?arn={DATASETS}/ITEMS",
    f"dataset?arn={DATASETS}/USERS",
    f"solutions?group={GROUP}",
    f"events?group={GROUP}",
    f"log?arn={DATASETS.replace('dataset/', 'dataset-import-job/').removesuffix('demo-shop')}interactions",
    f"log?arn={DATASETS.replace('dataset/', 'dataset-import-job/').removesuffix('demo-shop')}wrong-columns",
    "usage",
    "try",
    f"why?arn={GROUP.replace('dataset-group/demo-shop', 'campaign/for-you')}&user=user0001&item=item0001",
    f"try?arn={GROUP.replace('dataset-group/demo-shop', 'campaign/for-you')}&user=user0001",
)
POSTS = ("clock", f"try?arn={GROUP.replace('dataset-group/demo-shop', 'campaign/for-you')}")
HEAVIEST = 300 * 1024
"""Bytes of a page with its scripts and styles, uncompressed."""
OWN = re.compile(r'(?:href|src|action|hx-get|hx-post)="([^"]*)"')


def content_of(pages: FlaskClient, url: str) -> bytes:
    """Of a static file."""
    with pages.get(url) as answer:
        return answer.data


@pytest.mark.parametrize("page", PAGES)
def test_pages_load_nothing_from_elsewhere(pages: FlaskClient, page: str) -> None:
    answer = pages.get(CONSOLE + page)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert [url for url in OWN.findall(answer.text) if not url.startswith((CONSOLE, "#", "?"))] == []
    assert not re.search(r'<script(?![^>]*src=)|<style| style="| on\w+="', answer.text)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_weighs_less_than_300_kb_with_all_it_loads(pages: FlaskClient, page: str) -> None:
    text = pages.get(CONSOLE + page).text
    loaded = set(re.findall(r'(?:href|src)="(/_emu/console/static/[^"]*)"', text))
    weights = [len(content_of(pages, each)) for each in loaded]
    assert len(weights) >= 2
    assert len(text.encode()) + sum(weights) < HEAVIEST


@pytest.mark.parametrize("page", PAGES)
def test_pages_have_one_heading_a_language_and_labels(pages: FlaskClient, page: str) -> None:
    text = pages.get(CONSOLE + page).text
    assert '<html lang="en">' in text
    assert text.count("<h1") == 1
    fields = re.findall(r'<(?:input|select|textarea)(?![^>]*type="hidden")[^>]*\bid="([^"]*)"', text)
    assert set(fields) == set(re.findall(r'<label for="([^"]*)"', text))


def test_scripts_come_with_their_licence(pages: FlaskClient) -> None:
    assert b"Zero-Clause BSD" in content_of(pages, CONSOLE + "static/htmx-LICENSE.txt")


@pytest.mark.parametrize("path", ["nothing", "static/none.js", "parts/none", "../console/nothing"])
def test_unknown_paths_give_a_page_that_leads_back(pages: FlaskClient, path: str) -> None:
    answer = pages.get(CONSOLE + path)
    assert answer.status_code == 404
    assert "To the overview" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_other_admin_routes_still_answer_as_json(pages: FlaskClient) -> None:
    error = pages.get("/_emu/nothing").json["error"]
    assert "GET console/" in error
    assert "parts" not in error


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://example.com"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
def test_posts_of_other_origins_are_refused(pages: FlaskClient, path: str, headers: dict[str, str]) -> None:
    assert pages.post(CONSOLE + path, headers=headers).status_code == 403


@pytest.mark.parametrize("path", POSTS)
def test_posts_of_our_own_pages_are_taken(pages: FlaskClient, path: str) -> None:
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert pages.post(CONSOLE + path, headers=own).status_code == 400


def test_get_does_not_advance_the_clock(pages: FlaskClient) -> None:
    assert pages.get(CONSOLE + "clock?advance=1h").status_code == 405


def test_pages_change_nothing(pages: FlaskClient, shop: ShopState) -> None:
    def state() -> tuple[object, ...]:
        emulator = shop.emulator
        return emulator.state.store.changes, len(emulator.calls()), emulator.usage()["lines"][0]["resource"]

    before = state()
    for page in PAGES:
        pages.get(CONSOLE + page)
    assert state() == before


def test_with_auth_the_console_wants_a_signature() -> None:
    with Emulator(Settings(auth="sigv4")) as emulator:
        client = create_app(emulator).test_client()
        for answer in (client.get(CONSOLE), client.post(CONSOLE + "clock", data={"advance": "1h"})):
            assert answer.status_code == 403
            assert "sign the request" in answer.text
