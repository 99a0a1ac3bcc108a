"""Cached boto3 clients, one per environment, because creating a client takes longer than most tests."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3

from tests.given import REGION

Environment = frozenset[tuple[str, str]]


def environment() -> Environment:
    """The environment variables that boto3 clients read."""
    return frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))


def client(service: str) -> Any:
    """Handlers are looked up for each request, so a client works with one mock after another."""
    return _client_of(service, environment())


@cache
def _client_of(service: str, _environment: Environment) -> Any:
    return boto3.client(service, region_name=REGION)
