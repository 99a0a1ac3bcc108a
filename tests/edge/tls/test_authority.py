"""The generated authority: what is in the folder, when it is made again, and who may read it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE
from threading import Barrier

import pytest
from cryptography import x509

from personalize_emu.edge.tls.authority import (
    AUTHORITY_LIFE,
    RENEWED_BEFORE,
    SERVER_LIFE,
    DamagedAuthority,
    issued_files,
    server_names,
)
from tests.edge.tls.certificates import NOW, certificate, issued, names_of

MOMENT = timedelta(minutes=1)


def test_certificate_names_the_machine_and_the_given_host(tmp_path: Path) -> None:
    files = issued(tmp_path / "tls", server_names("emu.test"))
    expected = {"localhost", "127.0.0.1", "::1", "emu.test", socket.gethostname()}
    assert expected <= names_of(files.server)
    assert "192.0.2.7" in names_of(issued(tmp_path / "tls", server_names("192.0.2.7")).server)
    for unspecific in ("0.0.0.0", "::"):
        assert unspecific not in server_names(unspecific)


def test_openssl_verifies_the_certificate(tmp_path: Path) -> None:
    """By another implementation, with its strict checks."""
    files = issued(tmp_path)
    for check in (("-verify_hostname", "localhost"), ("-verify_ip", "127.0.0.1"), ("-verify_ip", "::1")):
        verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *check]
        done = subprocess.run(
            [*verify, "-CAfile", files.authority, files.server], capture_output=True, text=True, check=False
        )
        assert done.stdout.strip().endswith(": OK"), done.stderr


def test_only_the_user_can_read_the_keys(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = issued(tmp_path / "deep" / "tls")
    finally:
        os.umask(before)
    modes = {path.name: S_IMODE(path.stat().st_mode) for path in files.authority.parent.glob("*.pem")}
    assert modes == {"authority.pem": 0o644, "authority-key.pem": 0o600, "server.pem": 0o600}
    for folder in (tmp_path / "deep", tmp_path / "deep" / "tls"):
        assert S_IMODE(folder.stat().st_mode) == 0o700


def test_files_are_kept_until_a_month_before_they_expire(tmp_path: Path) -> None:
    first, authority = certificate(issued(tmp_path).server), certificate(issued(tmp_path).authority)
    last_day = NOW + SERVER_LIFE - RENEWED_BEFORE
    assert certificate(issued(tmp_path, now=last_day - MOMENT).server) == first
    second = issued(tmp_path, now=last_day + MOMENT)
    assert certificate(second.server) != first
    assert certificate(second.authority) == authority
    late = NOW + AUTHORITY_LIFE - RENEWED_BEFORE
    aged = issued(tmp_path, now=late - MOMENT)
    assert certificate(aged.authority) == authority
    assert certificate(aged.server).not_valid_after_utc <= authority.not_valid_after_utc
    third = issued(tmp_path, now=late + MOMENT)
    assert certificate(third.authority) != authority
    certificate(third.server).verify_directly_issued_by(certificate(third.authority))


def test_certificate_for_other_names_is_made_by_the_same_authority(tmp_path: Path) -> None:
    authority = certificate(issued(tmp_path).authority)
    other = issued(tmp_path, ("emu.test",))
    assert names_of(other.server) == {"emu.test"}
    assert certificate(other.authority) == authority


def test_lost_server_file_is_made_again_but_a_damaged_authority_is_refused(tmp_path: Path) -> None:
    files = issued(tmp_path)
    authority = certificate(files.authority)
    for content in (b"", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"):
        files.server.write_bytes(content)
        certificate(issued(tmp_path).server).verify_directly_issued_by(authority)
    key = tmp_path / "authority-key.pem"
    kept = key.read_bytes()
    for spoil in (key.unlink, lambda: key.write_bytes(b"nonsense")):
        spoil()
        with pytest.raises(DamagedAuthority, match=f"in {tmp_path} cannot be used: .* Remove that folder"):
            issued(tmp_path)
        key.write_bytes(kept)
    shutil.copy(issued(tmp_path / "other").authority.with_name(key.name), key)
    with pytest.raises(DamagedAuthority, match=r"is not the key of authority\.pem"):
        issued(tmp_path)


def test_servers_that_start_together_agree_on_one_authority(tmp_path: Path) -> None:
    """Each loads a certificate of the authority that stays. The lock is of open files, so threads stand for servers."""
    together = Barrier(8)
    signers: list[bytes | None] = []

    def start(number: int) -> None:
        together.wait(30)
        issued_files(tmp_path, (f"host{number}",), NOW, lambda server: signers.append(signature_key_of(server)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(8)))
    authority = certificate(tmp_path / "authority.pem")
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert signers == [identifier] * 8


def signature_key_of(server: Path) -> bytes | None:
    """Identifier of the key that signed a certificate."""
    return certificate(server).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
