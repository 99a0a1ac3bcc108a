"""An emulator of Amazon Personalize that imports data, trains models and serves recommendations."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from personalize_emu.edge.testing.mock import mock_personalize
    from personalize_emu.edge.testing.server_control import ServerControl
    from personalize_emu.emulator import Emulator
    from personalize_emu.settings import Settings
    from personalize_emu.tryout.in_process import try_out

    __version__: str

__all__ = ["Emulator", "ServerControl", "Settings", "__version__", "mock_personalize", "try_out"]

_HOMES = MappingProxyType(
    {
        "Emulator": "personalize_emu.emulator",
        "ServerControl": "personalize_emu.edge.testing.server_control",
        "Settings": "personalize_emu.settings",
        "mock_personalize": "personalize_emu.edge.testing.mock",
        "try_out": "personalize_emu.tryout.in_process",
    }
)


def __getattr__(name: str) -> Any:
    """Import public names lazily: the pytest plugin must not import numpy and moto."""
    if name == "__version__":
        from importlib.metadata import version

        return version("personalize-emu")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
