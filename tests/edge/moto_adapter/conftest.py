"""A client of CloudFormation in the mock, with the data that the templates import."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from tests.clients import client
from tests.edge.moto_adapter.stacks import put_csv


@pytest.fixture
def cloudformation(emulator: Emulator) -> Any:
    put_csv(client("s3"))
    return client("cloudformation")
