"""Takes the pictures of docs/console.md and docs/shop.md: `python -m docs.screenshots`, with Chromium.

The data are generated, so the pictures change with the console only, but for times and identifiers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.edge.console.chromium import browser, missing_browser, show, wait_for
from tests.edge.console.shop_state import ShopState, shop_server
from tests.shop.open_shop import open_shop, web_server

FOLDER = Path(__file__).parent / "images"
SIZE = (860, 600)
LARGEST = 100_000
"""Bytes of a picture."""


def overview(driver: Any, _shop: ShopState, url: str) -> None:
    show(driver, url, size=SIZE)


def dataset(driver: Any, shop: ShopState, url: str) -> None:
    show(driver, f"{url}dataset?arn={shop.datasets['interactions']}", size=SIZE)


def solutions(driver: Any, shop: ShopState, url: str) -> None:
    show(driver, f"{url}solutions?group={shop.group}", theme="dark", size=SIZE)


def events(driver: Any, shop: ShopState, url: str) -> None:
    show(driver, f"{url}events?group={shop.group}", size=(SIZE[0], 555))
    driver.execute_script("document.querySelector('.rates').scrollIntoView()")


def log(driver: Any, shop: ShopState, url: str) -> None:
    show(driver, f"{url}log?arn={shop.failed_import}", theme="dark", size=(780, 500))


def try_it(driver: Any, shop: ShopState, url: str) -> None:
    """After a click on the sixth place."""
    show(driver, f"{url}try?arn={shop.campaigns['for-you']}&user={shop.user_id}", size=SIZE)
    driver.find_element("name", "show").click()
    wait_for(driver, "document.querySelectorAll('[name=click]').length === 10")
    driver.find_elements("name", "click")[5].click()
    wait_for(driver, "document.querySelector('.sent').innerText")
    driver.execute_script("document.querySelector('.sent').scrollIntoView()")


PICTURES: dict[str, Callable[[Any, ShopState, str], None]] = {
    "console-overview": overview,
    "console-dataset": dataset,
    "console-solutions": solutions,
    "console-events": events,
    "console-log": log,
    "console-try": try_it,
}


SHOP_PICTURES = {"shop-home": ("/", "light"), "shop-dashboard": ("/dashboard#numbers", "light")}
"""Path and colour scheme."""
SHOP_SIZE, SIMULATED = (760, 560), 300


def main() -> None:
    """Write one PNG for each picture. Exits with a message without a browser."""
    missing = missing_browser()
    if missing is not None:
        raise SystemExit(missing)
    FOLDER.mkdir(exist_ok=True)
    with shop_server() as shop, browser() as driver:
        for name, prepare in PICTURES.items():
            prepare(driver, shop, f"{shop.server.url}/_emu/console/")
            save(driver, name)
    with open_shop(SIMULATED, customers=SIMULATED) as served, web_server(served) as url, browser() as driver:
        show(driver, url, size=SHOP_SIZE)
        driver.find_element("css selector", "#visitor option:nth-of-type(2)").click()
        driver.find_element("css selector", ".visitor button").click()
        for name, (path, theme) in SHOP_PICTURES.items():
            show(driver, url + path, theme=theme, size=SHOP_SIZE)
            save(driver, name)


def save(driver: Any, name: str) -> None:
    path = FOLDER / f"{name}.png"
    driver.save_screenshot(str(path))
    size = path.stat().st_size
    print(f"{path.name}: {size:,} bytes")  # noqa: T201
    if size > LARGEST:
        raise SystemExit(f"{path.name} is larger than {LARGEST:,} bytes")


if __name__ == "__main__":
    main()
