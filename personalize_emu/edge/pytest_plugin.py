"""Fixtures for tests of programs that use Amazon Personalize. Imports nothing heavy until a fixture is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns
    from personalize_emu.emulator import Emulator


@pytest.fixture
def personalize_emu() -> Iterator[Emulator]:
    """An emulator in this process; requests of all boto3 clients stay in the process."""
    from personalize_emu.edge.testing.mock import mock_personalize

    with mock_personalize() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def personalize_emu_session() -> Iterator[Emulator]:
    """As `personalize_emu`, with session scope; the tests share its resources.

    While a test uses `personalize_emu`, that emulator handles requests.
    """
    from personalize_emu.edge.testing.mock import mock_personalize

    with mock_personalize() as emulator:
        yield emulator


@pytest.fixture
def trained_campaign(personalize_emu: Emulator) -> TrainedCampaigns:  # noqa: ARG001
    """A function that trains a campaign from rows (user, item, timestamp[, event type]) and returns its ARN."""
    from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns

    return TrainedCampaigns()


@pytest.fixture(scope="session")
def trained_campaign_session(personalize_emu_session: Emulator) -> TrainedCampaigns:  # noqa: ARG001
    """As `trained_campaign`, in the emulator of the session, for campaigns that several tests use."""
    from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns

    return TrainedCampaigns()


@pytest.fixture(scope="session")
def personalize_server_session() -> Iterator[str]:
    """The URL of a server for all tests of the session, which share its resources; it includes other AWS services.

    It runs in another process, so that mocks in tests do not affect it, and has no quotas. The environment is not
    changed.
    """
    from personalize_emu.edge.testing.server_process import ServerProcess

    with ServerProcess("--pace", "instant", "--quotas", "off") as server:
        yield server.url


@pytest.fixture
def personalize_server(personalize_server_session: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a server that is reset before the test, for programs outside the test process.

    AWS_ENDPOINT_URL, credentials and region are set for the test, so that boto3, the AWS CLI and child processes use
    the server without further configuration.
    """
    from personalize_emu.edge.endpoints import client_environment, reset_server

    reset_server(personalize_server_session)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in client_environment(personalize_server_session, "us-east-1").items():
        monkeypatch.setenv(name, value)
    return personalize_server_session
