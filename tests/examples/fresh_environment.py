"""A virtual environment with nothing but the built wheel and what an example requires; copies of the examples."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
INSTALL_SECONDS, RUN_SECONDS = 300, 200
_NOT_PASSED = ("AWS_", "PERSONALIZE_", "PYTEST_", "PYTHON", "VIRTUAL_ENV", "COV_")


def plain_environ() -> dict[str, str]:
    """The environment variables without those that lead to this checkout, another server or another pytest."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED)}


def run(command: list[str], folder: Path, environ: Mapping[str, str], seconds: int = RUN_SECONDS) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-5000:]}"
    return done.stdout


def copy_of(example: str, folder: Path) -> Path:
    """A copy without installed packages and caches."""
    ignored = shutil.ignore_patterns("node_modules", "__pycache__", ".pytest_cache")
    return Path(shutil.copytree(EXAMPLES / example, folder / example, ignore=ignored))


@dataclass(frozen=True)
class FreshEnvironment:
    """folder: of the virtual environment, which knows nothing of this checkout."""

    folder: Path

    def command(self, name: str) -> str:
        return str(self.folder / "bin" / name)


def fresh_environment(folder: Path, requirements: Path) -> FreshEnvironment:
    """Build the wheel and install it with the requirements into a new virtual environment."""
    environ = plain_environ()
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "dist")]
    run(build, REPOSITORY, environ, INSTALL_SECONDS)
    (wheel,) = (folder / "dist").glob("*.whl")
    made = FreshEnvironment(folder / "venv")
    # With the pip of this environment, which takes less time than installing another one.
    venv.create(made.folder, with_pip=False, symlinks=True)
    install = [sys.executable, "-m", "pip", "--python", made.command("python"), "install", "--quiet", "--no-compile"]
    run([*install, str(wheel), "--requirement", str(requirements)], folder, environ, INSTALL_SECONDS)
    return made
