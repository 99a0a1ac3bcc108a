"""The headless Chromium of the distribution, driven by Selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

BINARIES = ("chromium", "chromium-browser", "google-chrome")
WIDE, PHONE = (1200, 900), (390, 844)
"""Width and height in CSS pixels."""
THEMES = ("light", "dark")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars")
WAIT_SECONDS = 20
MISSING = "Chromium is missing: apt-get install chromium chromium-driver"


def missing_browser() -> str | None:
    """What has to be installed before `browser` works; None if nothing has."""
    if _binary() is None or shutil.which("chromedriver") is None:
        return MISSING
    missing = [name for name in ("selenium", "axe_core_python") if find_spec(name) is None]
    return f"{' and '.join(missing)} missing: pip install '.[dev]'" if missing else None


def _binary() -> str | None:
    return next(filter(None, map(shutil.which, BINARIES)), None)


@contextmanager
def browser() -> Iterator[Any]:
    """A Selenium driver. Nothing is downloaded: the driver is the one of the distribution."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(_binary())
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"), log_output=os.devnull)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def show(driver: Any, url: str, *, theme: str = "light", size: tuple[int, int] = WIDE) -> None:
    """Load a page in a colour scheme and window size."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": theme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    driver.get(url)


def wait_for(driver: Any, condition: str) -> None:
    """Until a JavaScript condition holds in a page that is loaded."""
    from selenium.webdriver.support.wait import WebDriverWait

    script = f"return document.readyState === 'complete' && !!({condition})"
    WebDriverWait(driver, WAIT_SECONDS).until(lambda each: each.execute_script(script))
