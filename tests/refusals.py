"""Checks of refused boto3 calls."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def refusal(call: Any, *, status: int = 400, **params: Any) -> tuple[str, str]:
    """Make a call that must be refused with this HTTP status; returns error code and message."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
