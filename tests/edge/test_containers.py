"""The Docker files: their commands are ones that the program knows. Images themselves are not built by the tests."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from personalize_emu.cli import main
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
ENTRY_POINT = "personalize-emu"


def instruction(name: str) -> list[str]:
    """The JSON list after the last `name` of the Dockerfile."""
    found = re.findall(rf"{name} (\[.*\])", DOCKERFILE)
    return [str(word) for word in json.loads(found[-1])]


@pytest.mark.parametrize("command", [instruction("CMD"), COMPOSE["services"]["personalize"]["command"]])
def test_containers_serve_on_all_addresses(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command[:3] == ["serve", "--host", "0.0.0.0"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {ENTRY_POINT} serve")


def test_the_entry_point_is_the_program() -> None:
    assert instruction("ENTRYPOINT") == [ENTRY_POINT]


def test_the_health_check_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    (program, *command) = json.loads(re.findall(r"HEALTHCHECK .* CMD (\[.*\])", DOCKERFILE)[0])
    assert program == ENTRY_POINT
    with LiveServer() as server:
        port = server.url.rpartition(":")[2]
        assert main([*command, "--port", port]) == 0
        assert json.loads(capsys.readouterr().out)["status"] == "ok"


def test_health_fails_without_a_server_and_while_it_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", "--endpoint", "http://127.0.0.1:9"]) == 1
    assert "Start it with: personalize-emu serve" in capsys.readouterr().err
    with Emulator() as emulator, LiveServer(emulator) as server, emulator.starting():
        assert main(["health", "--endpoint", server.url]) == 1
    assert "503" in capsys.readouterr().err


def test_the_dockerfile_copies_what_the_build_needs() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    }
    assert copied <= {line.removeprefix("!") for line in ignored if line.startswith("!")}
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    read = pyproject["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"]
    assert {*(part["path"] for part in read), *pyproject["project"]["license-files"]} <= copied
    assert [path for path in copied if not (REPOSITORY / path).exists()] == []


def test_the_image_has_a_directory_for_state_that_its_user_owns() -> None:
    """A named volume takes over the owner of the directory; the server does not run as root."""
    (directory,) = re.findall(r'VOLUME \["(.*)"\]', DOCKERFILE)
    made = re.findall(rf"install --directory --owner (\w+) {re.escape(directory)}$", DOCKERFILE, re.MULTILINE)
    assert made == re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)
    service = COMPOSE["services"]["personalize"]
    assert service["command"][-2:] == ["--data-dir", directory]
    assert service["volumes"] == [f"state:{directory}"]
    assert list(COMPOSE["volumes"]) == ["state"]


def test_layers_of_dependencies_are_kept_while_only_the_code_changes() -> None:
    """Before dependencies are installed, nothing of the code is copied into that stage."""
    stage = DOCKERFILE.rpartition("FROM ")[2]
    before = stage.partition("--requirement")[0]
    assert re.findall(r"^COPY .*", before, re.MULTILINE) == ["COPY pyproject.toml constraints.txt /tmp/"]
