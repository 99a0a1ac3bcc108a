"""Runs the code blocks of a documentation page in order, in an empty folder.

```python    runs in one namespace per page; a block whose first line is `# NAME.py` is saved as that file
```bash      runs in a shell; exported variables are kept for later blocks. A block with only `personalize-emu serve`
             runs in the background
```console   runs the lines after `$ `, which must print the following lines (`...` matches anything)
```text      is not run, nor are those of NOT_RUN
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
NOT_RUN = ("text", "json", "sql", "mermaid", "js", "java", "go", "csharp", "rust", "hcl", "ini")
LANGUAGES = ("python", "bash", "console", *NOT_RUN)
PORT = "4577"
_CARRIED = ("AWS_", "PERSONALIZE_")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block. line: of its first line of code in the page."""

    language: str
    code: str
    line: int


def blocks(text: str) -> list[Block]:
    return [Block(found[1], found[2], text.count("\n", 0, found.start()) + 2) for found in _FENCE.finditer(text)]


class Reader:
    """Runs the blocks of one page; stops its processes at the end."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int) -> None:
        self._folder = folder
        self._shims = folder / ".bin"
        self._port = str(port)
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._terminals: list[subprocess.Popen[str]] = []
        self.environment = {**environment, "PERSONALIZE_EMU_PORT": self._port, "PATH": self._path()}

    def close(self) -> None:
        for terminal in self._terminals:
            os.killpg(terminal.pid, signal.SIGTERM)
            terminal.wait()
            if terminal.stdout is not None:
                terminal.stdout.close()

    def read(self, block: Block, page: str) -> None:
        """Run a block; raises whatever goes wrong."""
        code = block.code.replace(PORT, self._port)
        if block.language == "python":
            self._python(code, f"{page}:{block.line}", block.line)
        elif block.language == "bash":
            self._bash(code)
        elif block.language == "console":
            self._console(code)

    def _python(self, code: str, where: str, line: int) -> None:
        name = re.match(r"# (\S+\.py)\n", code)
        if name:
            (self._folder / name[1]).write_text(code, encoding="utf-8")
        else:
            exec(compile("\n" * (line - 1) + code, where.split(":")[0], "exec"), self._namespace)

    def _bash(self, code: str) -> None:
        if re.fullmatch(r"personalize-emu serve[^\n]*\n", code):
            self._open_terminal(code)
        else:
            self._shell(code)

    def _open_terminal(self, command: str) -> None:
        """Start a server and wait until it prints its URL."""
        terminal = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._terminals.append(terminal)
        assert terminal.stdout is not None
        assert any(f":{self._port}" in line for line in terminal.stdout), "the server did not start"

    def _console(self, code: str) -> None:
        for command, expected in _commands(code):
            printed = self._shell(command)
            pattern = re.escape(expected.strip()).replace(re.escape("..."), ".*")
            if not re.fullmatch(pattern, printed.strip(), re.DOTALL):
                raise AssertionError(f"{command}\nprinted\n{printed}\nand not\n{expected}")

    def _shell(self, code: str) -> str:
        """Run code in bash, keep its exported variables, and return its output."""
        kept = self._folder / ".exports"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f'{code}\nenv -0 > "{kept}"'],
            cwd=self._folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{code}\nended with {done.returncode}:\n{done.stdout}")
        for name, value in (pair.split("=", 1) for pair in kept.read_text().split("\0") if pair):
            if name.startswith(_CARRIED):
                self.environment[name] = os.environ[name] = value
        return done.stdout

    def _path(self) -> str:
        """PATH with the programs of this environment first, and a `make` that only prints commands."""
        self._shims.mkdir(exist_ok=True)
        make = f'exec "{_which("make")}" --directory "{REPOSITORY}" --dry-run "$@" > /dev/null\n'
        emulator = f'exec "{sys.executable}" -m personalize_emu "$@"\n'
        for name, line in {"make": make, "personalize-emu": emulator}.items():
            shim = self._shims / name
            shim.write_text(f"#!/bin/sh\n{line}")
            shim.chmod(0o755)
        return os.pathsep.join((str(self._shims), str(Path(sys.executable).parent), os.environ["PATH"]))


def _commands(code: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def _which(program: str) -> str:
    for folder in os.environ["PATH"].split(os.pathsep):
        if Path(folder, program).is_file():
            return str(Path(folder, program))
    raise FileNotFoundError(program)
