"""The JavaScript SDK against a live server: needs node and npm, and a package index the first time.

Where node is missing the path is left out and says so; under CI that and a failing installation are failing tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import pytest

from personalize_emu.edge.testing.server_process import ServerProcess
from personalize_emu.service.catalog.recipe_catalog import all_recipes

SOURCES = Path(__file__).parent
INSTALL_SECONDS, RUN_SECONDS = 180, 120


def left_out(reason: str, *, fatal: bool) -> NoReturn:
    text = f"{reason}: the JavaScript path was NOT run"
    if fatal:
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Path:
    """The program beside its installed packages, kept in the cache of the tests for as long as they are the same."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        left_out("node or npm is missing", fatal=bool(os.environ.get("CI")))
    cache = request.config.cache
    assert cache is not None
    folder = cache.mkdir("javascript")
    wanted, installed = (SOURCES / "package.json").read_text(), folder / "installed.json"
    if not installed.is_file() or installed.read_text() != wanted:
        (folder / "package.json").write_text(wanted)
        install(folder)
        installed.write_text(wanted)
    return Path(shutil.copy(SOURCES / "path.js", folder))


def install(folder: Path) -> None:
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        left_out("npm install took too long", fatal=bool(os.environ.get("CI")))
    if done.returncode:
        left_out(f"npm install failed ({done.stderr.strip()[-500:]})", fatal=bool(os.environ.get("CI")))


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_javascript_program_goes_the_whole_path(program: Path, tmp_path: Path, tls: bool) -> None:
    """P-27, P-29, P-38 to P-40, P-45, P-66, EV-1, EV-3, EV-15, EV-19, R-75: values, dates, pages and error classes."""
    options = ("--tls", "--tls-dir", str(tmp_path)) if tls else ()
    with ServerProcess("--pace", "instant", *options) as server:
        assert server.url.startswith("https://" if tls else "http://")
        done = subprocess.run(
            ["node", program.name, server.url],
            env=os.environ | {"NODE_EXTRA_CA_CERTS": str(tmp_path / "authority.pem")} if tls else None,
            cwd=program.parent, capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    refusals = seen.pop("refusals")
    assert seen.pop("recommendationId").startswith("RID-")
    assert seen == {
        "group": "ACTIVE",
        "created": True,
        "put": 200,
        "version": "ACTIVE",
        "metrics": True,
        "items": ["film0", "film1", "film2"],
        "recipes": sum(facts.listed for facts in all_recipes()),
    }
    check_refusals(refusals)


def check_refusals(refusals: dict[str, Any]) -> None:
    expected = {
        "repeated": ("ResourceAlreadyExistsException", 400),
        "pattern": ("ValidationException", 400),
        "unknown": ("ResourceNotFoundException", 404),
        "tracker": ("InvalidInputException", 400),
        "noData": ("InvalidInputException", 400),
    }
    assert {name: (found["name"], found["status"]) for name, found in refusals.items()} == expected
    for name, found in refusals.items():
        assert found["isOfClass"], name
        assert found["hasRequestId"], name
        assert found["message"], name
