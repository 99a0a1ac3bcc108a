"""Settings of HTTPS: which files are used, and what is said of those that cannot be."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from personalize_emu.cli import main
from personalize_emu.edge.tls.server_tls import ServerTls, TlsFailed, server_tls, tls_folder
from personalize_emu.settings import Settings
from tests.edge.tls.certificates import users_certificate


def users(paths: tuple[Path, Path]) -> ServerTls:
    made = server_tls(Settings(tls_cert=str(paths[0]), tls_key=str(paths[1])))
    assert made is not None
    return made


def test_without_options_there_is_no_tls() -> None:
    assert server_tls(Settings()) is None


def test_generated_files_are_in_the_data_folder_of_the_user_or_in_tls_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert tls_folder(Settings()) == tmp_path / "data" / "personalize-emu" / "tls"
    monkeypatch.chdir(tmp_path)
    made = server_tls(Settings(tls=True, tls_dir="here"))
    assert made is not None
    assert made.authority == tmp_path / "here" / "authority.pem"
    assert made.authority.is_file()
    assert tls_folder(Settings(data_dir="kept")) == tmp_path / "kept" / "tls"
    assert tls_folder(Settings(data_dir="kept", tls_dir="here")) == tmp_path / "here"
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", ignored)
        assert tls_folder(Settings()) == Path.home() / ".local" / "share" / "personalize-emu" / "tls"


def test_certificates_of_users_with_keys_of_both_kinds(tmp_path: Path) -> None:
    for number, key in enumerate((None, rsa.generate_private_key(65537, 2048))):
        made = users(users_certificate(tmp_path / str(number), key))
        assert made.authority is None
        assert made.context.minimum_version == ssl.TLSVersion.TLSv1_2


def mismatched(folder: Path) -> tuple[Path, Path]:
    return users_certificate(folder / "a")[0], users_certificate(folder / "b")[1]


def other_kind(folder: Path) -> tuple[Path, Path]:
    return users_certificate(folder / "a")[0], users_certificate(folder / "b", rsa.generate_private_key(65537, 2048))[1]


def swapped(folder: Path) -> tuple[Path, Path]:
    certificate, key = users_certificate(folder)
    return key, certificate


def no_key(folder: Path) -> tuple[Path, Path]:
    certificate, _ = users_certificate(folder)
    return certificate, certificate


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda folder: users_certificate(folder, begins=timedelta(days=-31)), "cert.pem expired on 20"),
        (lambda folder: users_certificate(folder, begins=timedelta(days=1)), "cert.pem is not valid before 20"),
        (lambda folder: users_certificate(folder, password=b"secret"), "key.pem is encrypted; decrypt it"),
        (lambda folder: (folder / "none.pem", users_certificate(folder)[1]), "cannot read the certificate .*none.pem"),
        (lambda folder: (users_certificate(folder)[0], folder), "cannot read the key .*: Is a directory"),
        (swapped, "key.pem is not a certificate in PEM format"),
        (no_key, "cert.pem is not a private key in PEM format"),
        (mismatched, "key .*b/key.pem does not belong to the certificate .*a/cert.pem"),
        (other_kind, "key .*b/key.pem does not belong to the certificate .*a/cert.pem"),
    ],
)
def test_unusable_files_are_named_with_the_reason(
    tmp_path: Path, made: Callable[[Path], tuple[Path, Path]], message: str
) -> None:
    with pytest.raises(TlsFailed, match=message):
        users(made(tmp_path))


def test_certificate_expires_by_the_given_time(tmp_path: Path) -> None:
    certificate, key = users_certificate(tmp_path)
    settings = Settings(tls_cert=str(certificate), tls_key=str(key))
    with pytest.raises(TlsFailed, match="expired"):
        server_tls(settings, datetime.now(UTC) + timedelta(days=30))


def test_wrong_use_ends_the_command_before_the_port_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = users_certificate(tmp_path)
    assert main(["serve", "--tls-cert", str(certificate)]) == 2
    assert "tls_cert also needs tls_key" in capsys.readouterr().err
    monkeypatch.setenv("PERSONALIZE_EMU_TLS_KEY", str(key))
    assert main(["serve"]) == 2
    assert "tls_key also needs tls_cert" in capsys.readouterr().err
    assert main(["serve", "--tls-cert", str(key)]) == 1
    assert "key.pem is not a certificate" in capsys.readouterr().err
    monkeypatch.delenv("PERSONALIZE_EMU_TLS_KEY")
    occupied = tmp_path / "file"
    occupied.touch()
    assert main(["serve", "--tls", "--tls-dir", str(occupied)]) == 1
    assert f"cannot keep certificates in {occupied}: File exists; choose another --tls-dir" in capsys.readouterr().err


def test_env_points_clients_at_https_and_at_the_authority(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE would take the authorities of everything else from every program of the shell."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "with blank"
    assert main(["env", "--tls", "--tls-dir", "with blank", "--port", "4"]) == 0
    printed = capsys.readouterr().out
    assert "export AWS_ENDPOINT_URL=https://127.0.0.1:4\n" in printed
    for variable in ("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        assert f"export {variable}='{folder}{os.sep}authority.pem'\n" in printed
    assert "SSL_CERT_FILE" not in printed
    assert main(["env", "--tls-cert", "a", "--tls-key", "b", "--port", "4"]) == 0
    printed = capsys.readouterr().out
    assert "AWS_ENDPOINT_URL=https://127.0.0.1:4\n" in printed
    assert "AWS_CA_BUNDLE" not in printed
    assert main(["env", "--port", "4"]) == 0
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:4\n" in capsys.readouterr().out
