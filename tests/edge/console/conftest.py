"""One shop for all tests of the console, and one browser. Only answers and events of invented users are added."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from tests.edge.console.chromium import browser, missing_browser
from tests.edge.console.shop_state import ShopState, shop_server


@pytest.fixture(scope="session")
def shop() -> Iterator[ShopState]:
    with shop_server() as shop:
        yield shop


@pytest.fixture
def pages(shop: ShopState) -> FlaskClient:
    """A client of the console's routes, without a browser."""
    return create_app(shop.emulator).test_client()


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """A headless Chromium. Required when CI is set, as the shared data are."""
    missing = missing_browser()
    if missing is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with browser() as driver:
        yield driver
