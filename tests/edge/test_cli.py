"""The command line interface without a server."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from personalize_emu.cli import main
from personalize_emu.settings import Settings, environment_name


def test_help_of_serve_names_every_option_and_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["serve", "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for option in fields(Settings):
        assert "--" + option.name.replace("_", "-") in text
        assert environment_name(option.name) in text
    assert "examples:" in text


@pytest.mark.parametrize("argv", [[], ["nothing"], ["serve", "--pace", "slow"], ["serve", "--port", "x"]])
def test_wrong_use_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2
    assert "usage: personalize-emu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["serve", "--port", "70000"], "port must be between 0 and 65535"),
        (["serve", "--account", "1"], "account must be 12 digits"),
        (["reset", "--endpoint", "127.0.0.1:4577"], "--endpoint must be a URL"),
        (["env", "--port", "0"], "the --port that the server printed"),
    ],
)
def test_wrong_values_are_explained(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", fields(Settings), ids=lambda option: option.name)
def test_settings_of_another_type_are_refused_by_name(option: Any) -> None:
    for wrong in (None, ["a"], "a" if not isinstance(option.default, str) else 7):
        with pytest.raises(ValueError, match=f"^{option.name} must be (a|True|one) "):
            Settings(**{option.name: wrong})


def test_keys_of_another_type_are_not_shown() -> None:
    with pytest.raises(ValueError, match=r"^credentials must be a text, not list$"):
        Settings(credentials=["key:secret"])  # type: ignore[arg-type]


def test_settings_take_numbers_of_numpy_and_whole_numbers_for_fractions() -> None:
    assert Settings(seed=np.int64(3), real_pace_scale=2).seed == 3


def test_a_wrong_variable_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALIZE_EMU_PORT", "many")
    assert main(["serve"]) == 2
    assert "PERSONALIZE_EMU_PORT must be a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PERSONALIZE_EMU_PACE", "slow", "PERSONALIZE_EMU_PACE: pace must be one of instant, fast, real, not 'slow'"),
        ("PERSONALIZE_EMU_ACCOUNT", "1", "PERSONALIZE_EMU_ACCOUNT: account must be 12 digits"),
        ("PERSONALIZE_EMU_QUOTAS", "bicycles=1", "PERSONALIZE_EMU_QUOTAS: quotas must be"),
        ("PERSONALIZE_EMU_BODY_TIMEOUT", "0", "PERSONALIZE_EMU_BODY_TIMEOUT: body_timeout must be greater than 0"),
        ("PERSONALIZE_EMU_INSTANT_TIMEOUT", "soon", "PERSONALIZE_EMU_INSTANT_TIMEOUT must be a number, not 'soon'"),
        ("PERSONALIZE_EMU_PASE", "fast", "no option PERSONALIZE_EMU_PASE; did you mean PERSONALIZE_EMU_PACE?"),
        ("PERSONALIZE_EMU_ENTIRELY_DIFFERENT", "1", "no option PERSONALIZE_EMU_ENTIRELY_DIFFERENT; personalize-emu"),
    ],
)
def test_invalid_variable_is_named(
    variable: str, value: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert main(["serve"]) == 2
    assert message in capsys.readouterr().err


def test_variables_of_kubernetes_and_docker_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALIZE_EMU_PORT", "tcp://10.0.0.7:4577")
    monkeypatch.setenv("PERSONALIZE_EMU_SERVICE_HOST", "10.0.0.7")
    monkeypatch.setenv("PERSONALIZE_EMU_PORT_4577_TCP_ADDR", "10.0.0.7")
    assert main(["env"]) == 0


def test_option_overrides_invalid_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALIZE_EMU_PORT", "70000")
    assert main(["env", "--port", "1234"]) == 0


def test_env_is_understood_by_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "--port", "1234", "--region", "eu-west-3"]) == 0
    script = capsys.readouterr().out + 'printf "%s %s %s" "$AWS_ENDPOINT_URL" "$AWS_REGION" "${AWS_PROFILE-none}"'
    shell = shutil.which("bash") or "sh"
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "http://127.0.0.1:1234 eu-west-3 none"


def test_reset_without_server_explains_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reset", "--endpoint", "http://127.0.0.1:9"]) == 1
    assert "personalize-emu serve" in capsys.readouterr().err


def test_reset_uses_the_configured_server(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert main(["reset"]) == 1
    assert "http://127.0.0.1:9:" in capsys.readouterr().err
    assert main(["reset", "--port", "7"]) == 1
    assert "http://127.0.0.1:7:" in capsys.readouterr().err


def test_doctor_prints_versions_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for expected in ("python 3.", "personalize-emu ", "moto ", "boto3 ", "PERSONALIZE_EMU_PACE=fast"):
        assert expected in text


def test_doctor_prints_no_secrets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The output is meant for bug reports and has no secrets."""
    monkeypatch.setenv("PERSONALIZE_EMU_CREDENTIALS", "AKIAONE:hidden,AKIATWO:hid:den/+=")
    monkeypatch.setenv("PERSONALIZE_EMU_AWS_ENDPOINT", "http://ann:hid@den@minio:9000/x")
    monkeypatch.setenv("PERSONALIZE_EMU_HOST", "::1")
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "hid" not in text
    assert "PERSONALIZE_EMU_CREDENTIALS=AKIAONE:***,AKIATWO:***\n" in text
    assert "PERSONALIZE_EMU_AWS_ENDPOINT=http://***@minio:9000/x\n" in text
    assert "PERSONALIZE_EMU_HOST=::1\n" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("personalize-emu ")
