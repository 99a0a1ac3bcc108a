"""The emulator that the current request belongs to: of the server that processes it, or else of the innermost mock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from personalize_emu.emulator import Emulator


class _Serving(threading.local):
    emulator: Emulator | None = None


_serving = _Serving()
_mocks: list[Emulator] = []


def emulator_in_use() -> Emulator | None:
    """None for users of moto outside of the server and the mock."""
    return _serving.emulator or (_mocks[-1] if _mocks else None)


@contextmanager
def serving(emulator: Emulator | None) -> Iterator[None]:
    """Requests that this thread processes inside the block belong to `emulator`."""
    before, _serving.emulator = _serving.emulator, emulator
    try:
        yield
    finally:
        _serving.emulator = before


@contextmanager
def mocked_by(emulator: Emulator) -> Iterator[None]:
    """Requests of the process inside the block, other than those to a server, belong to `emulator`."""
    _mocks.append(emulator)
    try:
        yield
    finally:
        _mocks.remove(emulator)
