"""Fixtures for tests of programs that use Amazon Personalize. Imports nothing heavy until a fixture is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from personalize_emu.edge.testing.server_control import ServerControl
    from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns
    from personalize_emu.emulator import Emulator


MARKER = "personalize_emu"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(pace=..., seed=..., ...): arguments of mock_personalize for the fixture personalize_emu of a test",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse arguments that do not exist, also for tests that do not use the fixture."""
    _arguments(item)


def _arguments(item: pytest.Item) -> dict[str, Any]:
    """The arguments of the markers of a test; those nearer to the test win.

    Raises:
        pytest.UsageError: mock_personalize has no such argument.
    """
    given: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers(MARKER))):
        _check_mark(item, mark)
        given |= mark.kwargs
    return given


def _check_mark(item: pytest.Item, mark: pytest.Mark) -> None:
    from personalize_emu.edge.testing.mock import ARGUMENTS

    unknown = [repr(value) for value in mark.args] + [name for name in mark.kwargs if name not in ARGUMENTS]
    if unknown:
        raise pytest.UsageError(
            f"{item.nodeid}: the marker {MARKER} has no argument {unknown[0]}; it has {', '.join(ARGUMENTS)}, by name"
        )


@pytest.fixture
def personalize_emu(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """An emulator in this process; requests of all boto3 clients stay in the process.

    `@pytest.mark.personalize_emu(pace="fast", seed=3)` on a test, class or module sets arguments of `mock_personalize`.
    """
    from personalize_emu.edge.testing.mock import mock_personalize

    with mock_personalize(**_arguments(request.node)) as emulator:
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
def trained_campaign(personalize_emu: Emulator) -> TrainedCampaigns:
    """A function that trains a campaign from rows (user, item, timestamp[, event type]) and returns its ARN."""
    from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns

    return TrainedCampaigns(personalize_emu)


@pytest.fixture(scope="session")
def trained_campaign_session(personalize_emu_session: Emulator) -> TrainedCampaigns:
    """As `trained_campaign`, in the emulator of the session, for campaigns that several tests use."""
    from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns

    return TrainedCampaigns(personalize_emu_session)


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
def personalize_server(
    request: pytest.FixtureRequest, personalize_server_session: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of a server that is reset before the test, for programs outside the test process.

    AWS_ENDPOINT_URL, credentials and region are set for the test, so that boto3, the AWS CLI and child processes use
    the server without further configuration; also while an emulator of the session is active in this process.
    """
    from personalize_emu.edge.endpoints import client_environment, reset_server
    from personalize_emu.edge.testing.bypass_warning import without_warnings_of

    reset_server(personalize_server_session)
    removed = ["AWS_PROFILE", "AWS_SESSION_TOKEN"]
    if "personalize_emu" not in request.fixturenames:
        # Set by the emulator of the session, so that clients use that one.
        removed.append("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
    for name in removed:
        monkeypatch.delenv(name, raising=False)
    for name, value in client_environment(personalize_server_session, "us-east-1").items():
        monkeypatch.setenv(name, value)
    with without_warnings_of(personalize_server_session):
        yield personalize_server_session


@pytest.fixture
def personalize_server_control(personalize_server: str) -> ServerControl:
    """Declared answers, recorded calls, faults and the clock of the server of `personalize_server`."""
    from personalize_emu.edge.testing.server_control import ServerControl

    return ServerControl(personalize_server)
