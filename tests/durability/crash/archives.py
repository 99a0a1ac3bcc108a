"""Archives that are written and read by processes that are killed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from personalize_emu.durability.archive import import_archive
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from tests.durability.crash.answered import Answered, Lost
from tests.durability.crash.state_checks import event_faults

# Less than the commands load, so that more of their time is spent with the files.
_WRITE = "from personalize_emu.durability.archive import export_directory as run"
_READ = "from personalize_emu.durability.archive import import_archive as run"
_RUN = "import sys; from pathlib import Path; run(Path(sys.argv[1]), Path(sys.argv[2]))"
LONGEST_IMPORT = 0.6
"""Seconds, after which an import is killed at the latest."""
PAUSE = 0.2
"""Seconds between exports, for the server to have the processor."""


class Archives:
    """Exports the directory of a server again and again, until it is killed with its server.

    directory: of the server. folder: where the archive is, and directories that are filled from it.
    """

    def __init__(self, directory: Path, folder: Path, known: Answered) -> None:
        self._directory, self._known = directory, known
        self._file, self._filled = folder / "state.tar.gz", folder / "filled"
        self._killed = threading.Event()
        self._exporting: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self.faults: list[str] = []

    def start(self) -> threading.Thread:
        self._killed.clear()
        thread = threading.Thread(target=self._export)
        thread.start()
        return thread

    def kill(self) -> None:
        self._killed.set()
        with self._lock:
            if self._exporting is not None:
                self._exporting.kill()

    def _export(self) -> None:
        while not self._killed.wait(PAUSE):
            events = set(self._known.events) - {each for each in self._known.events if each[0] in self._known.unsure}
            with self._lock:
                self._exporting = process = _child(_WRITE, self._directory, self._file)
            _, errors = process.communicate()
            if process.returncode == 0:
                self._known.exported = events
                self._known.exports += 1
            elif not self._killed.is_set():
                self.faults.append(errors)
                return

    def check(self, chosen: random.Random, arns: dict[str, str]) -> None:
        """Fill a directory from the archive, killed at a random moment, and once more. Raises Lost."""
        if self._known.exported is None:
            return
        shutil.rmtree(self._filled, ignore_errors=True)
        process = _child(_READ, self._file, self._filled)
        try:
            _, errors = process.communicate(timeout=chosen.uniform(0.05, LONGEST_IMPORT))
            if process.returncode:
                raise Lost(f"the archive cannot be read: {errors}")
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self._known.killed_imports += 1
        self._known.imports += 1
        if not (self._filled / "state.db").exists():
            import_archive(self._file, self._filled)
        with Emulator(Settings(data_dir=str(self._filled), pace="instant", batch_workers=0)) as emulator:
            for fault in event_faults(emulator, self._known.exported, self._known.unsure, arns):
                raise Lost(f"of the archive: {fault}")


def _child(imports: str, *paths: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", f"{imports}; {_RUN}", *map(str, paths)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
