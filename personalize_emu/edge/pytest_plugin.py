"""Fixtures for tests of programs that use Amazon Personalize. Imports nothing heavy until a fixture is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from personalize_emu.edge.trained_campaign import TrainedCampaigns
    from personalize_emu.emulator import Emulator


@pytest.fixture
def personalize_emu() -> Iterator[Emulator]:
    """An emulator in this process: boto3 clients of Personalize and of all other AWS services stay in it."""
    from personalize_emu.edge.mock import mock_personalize

    with mock_personalize() as emulator:
        yield emulator


@pytest.fixture
def trained_campaign(personalize_emu: Emulator) -> TrainedCampaigns:  # noqa: ARG001
    """A function: rows of (user, item, timestamp[, event type]) in, the ARN of an active campaign out."""
    from personalize_emu.edge.trained_campaign import TrainedCampaigns

    return TrainedCampaigns()


@pytest.fixture(scope="session")
def personalize_server() -> Iterator[str]:
    """The URL of a server for programs that run outside the test process; other AWS services are on it too.

    It runs in a process of its own, so that mocks in the tests do not touch its state. Since all tests of a
    session share it, it has no quotas.
    """
    from personalize_emu.edge.server_process import ServerProcess

    with ServerProcess("--pace", "instant", "--quotas", "off") as server:
        yield server.url
