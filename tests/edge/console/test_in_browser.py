"""Every page of the console in a headless Chromium: both colour schemes, a wide window and a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from tests.edge.console.chromium import PHONE, THEMES, WIDE, show, wait_for
from tests.edge.console.shop_state import ShopState
from tests.edge.console.test_console_routes import PAGES

LEAST_CONTRAST = 4.5
"""Of text on its background (WCAG 2, AA)."""
CONTRASTS = """
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const behind = node => { for (; node; node = node.parentElement) {
  const found = rgb(getComputedStyle(node).backgroundColor); if (found.length < 4 || found[3] > 0) return found; }
  return [255, 255, 255]; };
return [...document.querySelectorAll('main *, header *')]
  .filter(node => [...node.childNodes].some(each => each.nodeType === 3 && each.data.trim()) && node.offsetParent)
  .map(node => { const [a, b] = [rgb(getComputedStyle(node).color), behind(node)].map(light);
    return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), node.tagName + '.' + node.className]; });
"""


def console(shop: ShopState, page: str) -> str:
    return f"{shop.server.url}/_emu/console/{page}"


def requested(driver: Any) -> Iterator[str]:
    """URLs that the browser has asked for since the log was last read."""
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.rpartition("/")[2] or "overview")
def test_pages_fit_and_can_be_read(driver: Any, shop: ShopState, page: str, theme: str, size: tuple[int, int]) -> None:
    driver.get_log("performance")
    driver.get_log("browser")
    show(driver, console(shop, page), theme=theme, size=size)
    width = driver.execute_script("return document.documentElement.scrollWidth")
    assert width <= size[0], "scrolls sideways"
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (theme == "light")
    faint = [(ratio, node) for ratio, node in driver.execute_script(CONTRASTS) if ratio < LEAST_CONTRAST]
    assert faint == []
    assert driver.get_log("browser") == [], "errors, or violations of the content security policy"
    assert [url for url in requested(driver) if not url.startswith((shop.server.url, "chrome://", "data:"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.rpartition("/")[2] or "overview")
def test_axe_finds_no_fault_of_accessibility(driver: Any, shop: ShopState, page: str) -> None:
    axe = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    show(driver, console(shop, page))
    driver.execute_script(axe)
    found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found["violations"]] == []
    assert len(found["passes"]) > 20


def test_the_overview_follows_what_happens(driver: Any, shop: ShopState) -> None:
    show(driver, console(shop, ""))
    made = shop.personalize.create_dataset_group(name="made-later")["datasetGroupArn"]
    wait_for(driver, "document.querySelector('#groups').innerText.includes('made-later')")
    wait_for(driver, "document.querySelector('#summary').innerText.startsWith('2 dataset groups')")
    wait_for(driver, "document.querySelector('#calls').innerText.includes('made-later')")
    shop.personalize.delete_dataset_group(datasetGroupArn=made)
    wait_for(driver, "document.querySelector('#summary').innerText.startsWith('1 dataset group')")


def test_the_log_follows_a_running_job(driver: Any, shop: ShopState) -> None:
    show(driver, console(shop, f"log?arn={shop.failed_import}"))
    shop.emulator.state.logs.add(shop.failed_import, "a later line", "warning")
    wait_for(driver, "document.querySelector('#log').innerText.includes('a later line')")


def test_two_campaigns_are_compared_and_series_have_their_values(driver: Any, shop: ShopState) -> None:
    show(driver, console(shop, f"events?group={shop.group}"), size=PHONE)
    driver.find_element("id", "event").send_keys("Purchase")
    driver.find_element("css selector", "form button").click()
    wait_for(driver, "document.querySelector('caption').innerText.includes('at least one Purchase')")
    assert "popular" in driver.find_element("css selector", "main p").text
    driver.find_element("css selector", ".series summary").click()
    table = driver.find_element("css selector", ".series details table")
    totals = [
        int(text)
        for text in driver.execute_script(
            "return [...document.querySelectorAll('.series:first-child .legend .detail')].map(each => each.innerText)"
        )
    ]
    cells = [int(cell.text) for cell in table.find_elements("css selector", "td")]
    assert sum(cells) == sum(totals) >= 20


def test_a_click_moves_the_list(driver: Any, shop: ShopState) -> None:
    show(driver, console(shop, "try?arn=" + shop.campaigns["for-you"]), size=PHONE)
    driver.find_element("id", "user").send_keys(shop.user_id)
    driver.find_element("name", "show").click()
    wait_for(driver, "document.querySelectorAll('[name=click]').length === 10")
    button = driver.find_elements("name", "click")[5]
    name = button.get_attribute("aria-label").removeprefix("Send a View of ")
    button.click()
    wait_for(driver, "document.querySelector('.sent').innerText")
    assert name in driver.find_element("css selector", ".sent").text
    moved = [cell.text for cell in driver.find_elements("css selector", ".places td:nth-child(3)")]
    assert any(text.startswith(("▲", "▼", "new")) for text in moved)


def test_an_error_is_under_the_cursor(driver: Any, shop: ShopState) -> None:
    show(driver, console(shop, "try?arn=" + shop.campaigns["for-you"]))
    driver.find_element("id", "user").send_keys(shop.user_id)
    driver.find_element("id", "filter").send_keys("one-brand")
    driver.find_element("name", "show").click()
    wait_for(driver, "document.querySelector('.error')")
    wait_for(driver, "document.activeElement.id === 'filter_values'")
    field = driver.switch_to.active_element
    assert "$BRAND" in driver.find_element("id", field.get_attribute("aria-describedby")).text


def test_the_cursor_is_where_a_filter_is_wrong(driver: Any, shop: ShopState) -> None:
    show(driver, console(shop, "try?arn=" + shop.campaigns["for-you"]), size=PHONE)
    driver.find_element("id", "user").send_keys(shop.user_id)
    driver.find_element("id", "filter_expression").send_keys("INCLUDE ItemID\nWERE Items.BRAND IN ($B)")
    driver.find_element("name", "show").click()
    wait_for(driver, "document.activeElement.id === 'filter_expression'")
    wait_for(driver, "document.activeElement.value.slice(document.activeElement.selectionStart).startsWith('WERE')")
    shown = driver.find_element("css selector", ".pointed").text.split("\n")
    assert shown == ["WERE Items.BRAND IN ($B)", "^"]
    assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]


def test_the_keyboard_reaches_everything_that_can_be_used(driver: Any, shop: ShopState) -> None:
    from selenium.webdriver.common.keys import Keys

    show(driver, console(shop, ""))
    wanted = driver.execute_script(
        "return document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea').length"
    )
    reached = set()
    body = driver.find_element("tag name", "body")
    for _ in range(2 * wanted + 5):
        body.send_keys(Keys.TAB)
        reached.add(driver.switch_to.active_element.id)
        body = driver.switch_to.active_element
    assert len(reached) >= wanted


def test_the_first_key_offers_to_skip_to_the_content(driver: Any, shop: ShopState) -> None:
    from selenium.webdriver.common.keys import Keys

    show(driver, console(shop, ""))
    driver.find_element("tag name", "body").send_keys(Keys.TAB)
    skip = driver.switch_to.active_element
    assert (skip.text, skip.rect["x"] >= 0) == ("Skip to content", True)
    skip.send_keys(Keys.ENTER)
    assert driver.switch_to.active_element.get_attribute("id") == "content"
