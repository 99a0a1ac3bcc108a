"""Plain boto3 clients: to make one takes longer than most tests do, so there is one for each environment."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3

from tests.given import REGION

Environment = frozenset[tuple[str, str]]


def environment() -> Environment:
    """All that a client reads of it."""
    return frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))


def client(service: str) -> Any:
    """What it is answered by is looked up at each request, so that it serves one mock after another."""
    return _client_of(service, environment())


@cache
def _client_of(service: str, _environment: Environment) -> Any:
    return boto3.client(service, region_name=REGION)
