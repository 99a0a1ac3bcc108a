"""One shop for the tests of a module, with simulated visitors in its log, and one browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from personalize_emu.shop.run import OpenShop
from tests.edge.console.conftest import driver as driver
from tests.shop.open_shop import ServedShop, open_shop, web_server


@pytest.fixture(scope="module")
def served() -> Iterator[ServedShop]:
    with open_shop() as served:
        yield served


@pytest.fixture
def shop(served: ServedShop) -> OpenShop:
    return served.shop


@pytest.fixture(scope="module")
def url(served: ServedShop) -> Iterator[str]:
    """Of the shop on a port of its own."""
    with web_server(served) as url:
        yield url
