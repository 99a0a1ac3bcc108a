"""Start-up times of imports, a server and a test run; best of several attempts."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import bare_environment, served
from benchmarks.report import show

ATTEMPTS = 3


def program(*arguments: str, folder: str | None = None) -> float:
    """Run time of a Python program. Raises CalledProcessError if it fails."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=bare_environment(), cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def server() -> float:
    """Seconds until `serve` prints its URL."""
    began = time.perf_counter()
    with served():
        return time.perf_counter() - began


def test_run(options: Sequence[str]) -> float:
    """Seconds of a test run with one empty test."""
    with TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        return program("-m", "pytest", "-q", *options, folder=folder)


def main() -> int:
    measurements = {
        "python, nothing imported": lambda: program("-c", "pass"),
        "import personalize_emu": lambda: program("-c", "import personalize_emu"),
        "from personalize_emu import mock_personalize": lambda: program(
            "-c", "from personalize_emu import mock_personalize"
        ),
        "personalize-emu --help": lambda: program("-m", "personalize_emu", "--help"),
        "personalize-emu serve, until it listens": server,
        "pytest, one empty test, without the plugin": lambda: test_run(["-p", "no:personalize_emu"]),
        "pytest, one empty test, with the plugin": lambda: test_run([]),
    }
    rows = [[name, f"{min(measure() for _ in range(ATTEMPTS)):.2f}"] for name, measure in measurements.items()]
    show(f"Start-up, best of {ATTEMPTS}", ["what", "seconds"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
