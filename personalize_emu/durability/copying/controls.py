"""The methods with which an emulator writes its state to a file, and forgets one region. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from personalize_emu.service.core.region_reset import remove_region
from personalize_emu.service.lifecycle.creation import creation_job
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.settings import Settings
from personalize_emu.state.clock import Clock

if TYPE_CHECKING:
    from personalize_emu.durability.durable_state import DurableState
    from personalize_emu.durability.service_rows import ServiceRows


def no_services(_rows: ServiceRows) -> None:
    """Of an emulator without embedded services, or with those of a mock."""


class StateControls:
    """What needs the whole state of an emulator."""

    settings: Settings
    clock: Clock
    write_services: Callable[[ServiceRows], None] = staticmethod(no_services)
    """Writes what the embedded services have, for `export` without a data directory."""
    _state: EmulatorState
    _durable: DurableState | None
    _raised_quotas: dict[str, int]

    def export(self, path: str | Path) -> int:
        """Write everything to one file, for `mock_personalize(state=...)` and `personalize-emu import`.

        Returns the size of the file in bytes. The state is that of one moment: calls are in it as a whole or not at
        all. A file that exists is replaced. Of a mock the buckets and roles are left out, which are those of moto.

        Raises:
            OSError: the file cannot be written. NotWritten, UnusableDirectory: the data directory cannot be read.
        """
        # SQLite and file formats, which few emulators need.
        from personalize_emu.durability.copying.state_copy import MemoryState, export_memory

        if self._durable is not None:
            return self._durable.export(Path(path))
        state = MemoryState(self._state, self.clock, self._raised_quotas, self.write_services)
        return export_memory(state, self._version, Path(path))

    @property
    def writes_later(self) -> bool:
        """Whether events that were stored at once (`may_wait=False`) are on disk only after `write_queued`."""
        return self._durable is not None

    def write_queued(self) -> None:
        """Write what has been queued before, in one transaction. Raises NotWritten."""
        if self._durable is not None:
            self._durable.flush()

    def _reset_region(self, region: str) -> None:
        """Remove everything in a region, in one transaction. Raises NotWritten."""
        state = self._state
        with state.store.lock:
            gone = remove_region(state, region)
            if self._durable is not None:
                self._durable.forget_region(region)
        # Jobs that are on hold would hold up those who wait for the end of all jobs.
        state.jobs.abandon({creation_job(record) for record in gone})

    @property
    def _version(self) -> str:
        """Of this package."""
        from importlib.metadata import version

        return version("personalize-emu")
