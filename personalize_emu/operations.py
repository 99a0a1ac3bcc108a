"""The table: operation name to the function that carries it out. Coverage is computed from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from personalize_emu.service.context import Context

Handler = Callable[[Context, Mapping[str, Any]], dict[str, Any] | None]

CONTROL_PLANE: Mapping[str, Handler] = MappingProxyType({})
"""Runs under the store's lock: a check and the change that depends on it are one step."""

LIVE: Mapping[str, Handler] = MappingProxyType({})
"""Runtime and events: takes no lock."""

HANDLERS: Mapping[str, Handler] = MappingProxyType({**CONTROL_PLANE, **LIVE})
