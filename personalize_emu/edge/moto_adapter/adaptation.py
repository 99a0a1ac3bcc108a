"""How moto is changed, once per process, before its stores or servers are used."""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.core.common_models import BaseModel
from moto.s3.models import FakeKey

from personalize_emu.edge.moto_adapter.accounts import keep_boundaries
from personalize_emu.edge.moto_adapter.bucket_policies import enforce_bucket_policies
from personalize_emu.edge.moto_adapter.keys import find_keys_by_arn
from personalize_emu.edge.moto_adapter.managed_policies import parse_policies_on_demand
from personalize_emu.edge.moto_adapter.sessions import keep_sessions


def adapt_moto() -> None:
    """All changes that servers and mocks need; calls after the first change nothing."""
    enforce_bucket_policies()
    parse_policies_on_demand()
    keep_boundaries()
    keep_sessions()
    find_keys_by_arn()


@cache
def let_objects_go() -> None:
    """Have objects of moto freed once nothing refers to them; calls after the first change nothing.

    moto lists every object that was ever made, for a dashboard that is not served here. A server that runs for long
    would keep what was overwritten and deleted, the content of S3 objects included.
    """
    setattr(BaseModel, "__new__", staticmethod(_made))  # noqa: B010
    # It warns of content that was not closed before; closing it is all that is left to do.
    setattr(FakeKey, "__del__", FakeKey.dispose)  # noqa: B010


def _made(model: type[BaseModel], *_arguments: Any, **_more: Any) -> Any:
    """In place of `BaseModel.__new__`, which appends to `instances_tracked`, too."""
    return super(BaseModel, model).__new__(model)
