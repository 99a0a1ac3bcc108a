"""A `personalize-emu serve` in a child process, on a free port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import Any

READY = re.compile(r"personalize-emu is ready on (\S+)")
STOP_SECONDS = 15


class ServerFailed(RuntimeError):
    """The server ended before it was ready; the message contains its output."""


class ServerProcess:
    """Runs `personalize-emu serve` during the `with` block.

    Args:
        options: further options of `personalize-emu serve`.
        environ: environment variables of the server; by default those of this process.
    """

    def __init__(self, *options: str, environ: Mapping[str, str] | None = None) -> None:
        self._command = [sys.executable, "-m", "personalize_emu", "serve", "--port", "0", *options]
        self._environ = environ
        self.url = ""

    def __enter__(self) -> ServerProcess:
        self._log = TemporaryFile("w+")
        self.process = subprocess.Popen(
            self._command, env=self._environ, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if ready := READY.match(line):
                self.url = ready[1]
                return self
        self.stop()
        with self._log:
            raise ServerFailed(self.log())

    def __exit__(self, *_error: Any) -> None:
        self.stop()
        self._log.close()

    def log(self) -> str:
        """The standard error output of the server so far."""
        # Parent and child share the file position, so it must not be changed here.
        number = self._log.fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode(errors="replace")

    def stop(self) -> int:
        """Stop the server with SIGTERM, or SIGKILL after a time-out; returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()
