"""Every page of the shop in a headless Chromium: both colour schemes, a wide window and a phone."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from personalize_emu.shop.shop_log import Group
from tests.edge.console.chromium import PHONE, THEMES, WIDE, show, wait_for
from tests.edge.console.test_in_browser import CONTRASTS, LEAST_CONTRAST, requested
from tests.shop.open_shop import ServedShop

PAGES = {
    "home": "/",
    "category": "/?category=Tents",
    "item": "/item/item0012",
    "search": "/search?q=coffee",
    "nothing-found": "/search?q=zeppelin",
    "dashboard": "/dashboard",
    "missing": "/item/none",
}
REFUSED = frozenset({"missing"})
"""Pages whose status the browser logs."""


def shop_as(driver: Any, served: ServedShop, url: str, group: Group) -> None:
    """Use the switch of visitors."""
    show(driver, url)
    user_id = next(user_id for user_id, label in served.shop.shown.visitors.items() if label.endswith(f", {group}"))
    Select(driver.find_element("id", "visitor")).select_by_value(user_id)
    driver.find_element("css selector", ".visitor button").click()
    wait_for(driver, f"document.querySelector('.visitor strong')?.innerText === '{user_id}'")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("page", PAGES)
def test_pages_fit_and_can_be_read(driver: Any, url: str, page: str, theme: str, size: tuple[int, int]) -> None:
    driver.get_log("performance")
    driver.get_log("browser")
    show(driver, url + PAGES[page], theme=theme, size=size)
    width = driver.execute_script("return document.documentElement.scrollWidth")
    assert width <= size[0], "scrolls sideways"
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(253, 251, 248)") == (theme == "light")
    faint = [(ratio, node) for ratio, node in driver.execute_script(CONTRASTS) if ratio < LEAST_CONTRAST]
    assert faint == []
    logged = [entry["message"] for entry in driver.get_log("browser")]
    assert [text for text in logged if page not in REFUSED or "404" not in text] == []
    assert [each for each in requested(driver) if not each.startswith((url, "chrome://", "data:"))] == []


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_no_fault_of_accessibility(driver: Any, url: str, page: str) -> None:
    axe = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    for theme, size in zip(THEMES, (WIDE, PHONE), strict=True):
        show(driver, url + PAGES[page], theme=theme, size=size)
        driver.execute_script(axe)
        found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found["violations"]] == []
        assert len(found["passes"]) > 20


@pytest.mark.parametrize("group", Group)
def test_somebody_buys_what_a_row_shows(driver: Any, served: ServedShop, url: str, group: Group) -> None:
    shop_as(driver, served, url, group)
    assert driver.find_element("css selector", ".visitor .group").text == group
    driver.find_elements("css selector", ".card")[1].click()
    wait_for(driver, "document.querySelector('form[action$=buy]')")
    title = driver.find_element("tag name", "h1").text
    driver.find_element("css selector", "form[action$=buy] button").click()
    wait_for(driver, "document.querySelector('h1').innerText === 'Thank you'")
    assert title in driver.find_element("tag name", "main").text
    sent = served.server.emulator.calls("PutEvents")[-1].params["eventList"][0]
    assert (sent["eventType"], sent["metricAttribution"]["eventAttributionSource"]) == ("Purchase", group)


def test_pictures_of_products_are_drawn(driver: Any, url: str) -> None:
    show(driver, url)
    drawn = driver.execute_script(
        "return [...document.querySelectorAll('.picture use')].map(each => each.getBBox().width)"
    )
    assert len(drawn) == 18
    assert min(drawn) > 5


def test_the_keyboard_reaches_everything_that_can_be_used(driver: Any, url: str) -> None:
    show(driver, f"{url}/dashboard")
    wanted = driver.execute_script(
        "return document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]').length"
    )
    reached, body = set(), driver.find_element("tag name", "body")
    for _ in range(wanted + 2):
        body.send_keys(Keys.TAB)
        body = driver.switch_to.active_element
        reached.add(body.id)
    assert len(reached) >= wanted


def test_the_first_key_offers_to_skip_to_the_content(driver: Any, url: str) -> None:
    show(driver, url)
    driver.find_element("tag name", "body").send_keys(Keys.TAB)
    skip = driver.switch_to.active_element
    assert (skip.text, skip.rect["x"] >= 0) == ("Skip to content", True)
    skip.send_keys(Keys.ENTER)
    assert driver.switch_to.active_element.get_attribute("id") == "content"
