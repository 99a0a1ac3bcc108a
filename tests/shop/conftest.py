"""One shop for the tests of a module, with simulated visitors in its log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from personalize_emu.shop.run import OpenShop
from tests.shop.open_shop import open_shop


@pytest.fixture(scope="module")
def shop() -> Iterator[OpenShop]:
    with open_shop() as shop:
        yield shop
