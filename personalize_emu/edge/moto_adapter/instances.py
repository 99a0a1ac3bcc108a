"""Lets objects of moto go once nothing refers to them.

moto lists every object that was ever made, for a dashboard that is not served here. A server that runs for long would
keep what was overwritten and deleted, the content of S3 objects included.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.core.common_models import BaseModel
from moto.s3.models import FakeKey


@cache
def let_objects_go() -> None:
    """From now on in this process; calls after the first change nothing."""
    setattr(BaseModel, "__new__", staticmethod(_made))  # noqa: B010
    # It warns of content that was not closed before; closing it is all that is left to do.
    setattr(FakeKey, "__del__", FakeKey.dispose)  # noqa: B010


def _made(model: type[BaseModel], *_arguments: Any, **_more: Any) -> Any:
    """In place of `BaseModel.__new__`, which appends to `instances_tracked`, too."""
    return super(BaseModel, model).__new__(model)
