"""The TLS context of a server, by its settings.

    --tls                      a certificate of the generated authority (authority.py)
    --tls-cert and --tls-key   the files of the user
"""

from __future__ import annotations

import os
import ssl
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from personalize_emu.settings import Settings


class TlsFailed(Exception):
    """HTTPS cannot be served; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class ServerTls:
    """authority: file of the generated authority; None with a certificate of the user."""

    context: ssl.SSLContext
    authority: Path | None = None


def uses_tls(settings: Settings) -> bool:
    return settings.tls or bool(settings.tls_cert or settings.tls_key)


def server_tls(settings: Settings, now: datetime | None = None) -> ServerTls | None:
    """What the server needs for HTTPS; None without it. now: the present by default.

    Raises:
        ValueError: a certificate without a key, or a key without a certificate.
        TlsFailed: a file cannot be used.
    """
    if not uses_tls(settings):
        return None
    now = datetime.now(UTC) if now is None else now
    if bool(settings.tls_cert) != bool(settings.tls_key):
        given, missing = ("tls_cert", "tls_key") if settings.tls_cert else ("tls_key", "tls_cert")
        raise ValueError(f"{given} also needs {missing}")
    if settings.tls_cert:
        return ServerTls(_users_context(Path(settings.tls_cert), Path(settings.tls_key), now))
    return _generated(settings, now)


def authority_file(settings: Settings) -> Path:
    """Where the generated authority is, or will be."""
    from personalize_emu.edge.tls.authority import AUTHORITY

    return tls_folder(settings) / AUTHORITY


def tls_folder(settings: Settings) -> Path:
    """The folder of the generated authority, as an absolute path."""
    if settings.tls_dir:
        return Path(settings.tls_dir).expanduser().absolute()
    if settings.data_dir:
        return Path(settings.data_dir).absolute() / "tls"
    return _user_data_folder() / "personalize-emu" / "tls"


def _user_data_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    named = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_DATA_HOME", "")
    # Relative paths are to be ignored (XDG Base Directory Specification).
    return Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "share"


def _generated(settings: Settings, now: datetime) -> ServerTls:
    from personalize_emu.edge.tls.authority import DamagedAuthority, issued_files, server_names

    folder, context = tls_folder(settings), _context()
    try:
        files = issued_files(folder, server_names(settings.host), now, context.load_cert_chain)
    except DamagedAuthority as error:
        raise TlsFailed(str(error)) from error
    except OSError as error:
        raise TlsFailed(f"cannot keep certificates in {folder}: {_reason(error)}; choose another --tls-dir") from error
    return ServerTls(context, files.authority)


def _users_context(certificate: Path, key: Path, now: datetime) -> ssl.SSLContext:
    """Checks each file by itself, because the messages of OpenSSL name neither file nor reason."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        first = x509.load_pem_x509_certificates(_content(certificate, "certificate"))[0]
    except ValueError as error:
        raise TlsFailed(f"{certificate} is not a certificate in PEM format") from error
    if now >= first.not_valid_after_utc:
        raise TlsFailed(f"the certificate {certificate} expired on {first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if now < first.not_valid_before_utc:
        raise TlsFailed(f"the certificate {certificate} is not valid before {first.not_valid_before_utc:%Y-%m-%d} UTC")
    try:
        private = load_pem_private_key(_content(key, "key"), None)
    except TypeError as error:
        raise TlsFailed(f"the key {key} is encrypted; decrypt it, for example with openssl pkey") from error
    except ValueError as error:
        raise TlsFailed(f"{key} is not a private key in PEM format") from error
    if private.public_key() != first.public_key():
        raise TlsFailed(f"the key {key} does not belong to the certificate {certificate}")
    context = _context()
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise TlsFailed(f"cannot use the certificate {certificate}: {_reason(error)}") from error
    return context


def _content(path: Path, kind: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsFailed(f"cannot read the {kind} {path}: {_reason(error)}") from error


def _no_password() -> NoReturn:
    """Instead of the question that OpenSSL would ask on the terminal."""
    raise TlsFailed("the key is encrypted")


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or str(error)
