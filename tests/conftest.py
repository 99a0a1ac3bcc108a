"""Fixtures of the whole suite: an emulator with a manual clock, and boto3 clients."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, settings

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.clients import Environment, client, environment
from tests.given import Given

# Deterministic examples without deadlines in CI, so that a run depends on the change alone.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
if os.environ.get("CI"):
    settings.load_profile("ci")

# The models of boto3 and moto are a million objects that stay: looking through them for garbage takes a tenth of a run.
gc.set_threshold(100_000, 50, 100)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


@cache
def _session_of(_environment: Environment) -> Any:
    """One session per environment, because a new session loads all service models again."""
    return boto3.session.Session()


def _default_session() -> Any:
    """The default session of boto3, which moto removes with each mock."""
    return boto3.DEFAULT_SESSION or _session_of(environment())


@pytest.fixture(scope="session", autouse=True)
def shared_sessions() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "_get_default_session", _default_session)
        yield


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(clock: ManualClock) -> Iterator[Emulator]:
    """Pace instant: work is done inside the call."""
    with mock_personalize(clock=clock) as emulator:
        yield emulator


@pytest.fixture
def slow_emulator(clock: ManualClock) -> Iterator[Emulator]:
    """Pace real with a manual clock: nothing happens until the test advances it."""
    with mock_personalize(clock=clock, pace="real") as emulator:
        yield emulator


@pytest.fixture
def personalize(emulator: Emulator) -> Any:
    return client("personalize")


@pytest.fixture
def runtime(emulator: Emulator) -> Any:
    return client("personalize-runtime")


@pytest.fixture
def events(emulator: Emulator) -> Any:
    return client("personalize-events")


@pytest.fixture
def given(personalize: Any) -> Given:
    return Given(personalize, client("s3"))


@pytest.fixture
def slow(slow_emulator: Emulator) -> Given:
    return Given(client("personalize"), client("s3"))
