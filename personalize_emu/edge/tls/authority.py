"""A certificate authority of this user, and certificates of a server signed by it, kept in a folder.

    authority.pem       what clients trust
    authority-key.pem   its key (mode 0600)
    server.pem          certificate and key of the server (mode 0600)

The authority lasts ten years and the certificate thirteen months; both are made again a month before they expire, the
certificate also for other names or another authority. Keys are on the curve P-256.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY, AUTHORITY_KEY, SERVER = "authority.pem", "authority-key.pem", "server.pem"
AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=397)
"""The longest that browsers accept."""
RENEWED_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(hours=1)
"""Certificates are valid this long before they are made, for clients whose clocks are behind."""


class DamagedAuthority(Exception):
    """The files of the authority cannot be used; the message says what to do."""


class _Signer(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class IssuedFiles:
    """authority: the certificate that clients trust. server: certificate and key of the server, in one file."""

    authority: Path
    server: Path


def issued_files(folder: Path, names: Sequence[str], now: datetime, use: Callable[[Path], None]) -> IssuedFiles:
    """The files in the folder, which is made if it is missing; what is missing or expires soon is made.

    Args:
        names: host names and addresses of the server.
        use: is called with the file of the server while no other process can replace it.

    Raises:
        DamagedAuthority: the authority's files are incomplete or malformed.
        OSError: the folder or a file cannot be read or written.
    """
    _make_private(folder)
    files = IssuedFiles(folder / AUTHORITY, folder / SERVER)
    with _locked(folder):
        signer = _authority(folder, now)
        if not _is_usable(files.server, signer, names, now):
            _write(files.server, _issued(signer, names, now), 0o600)
        use(files.server)
    return files


def _authority(folder: Path, now: datetime) -> _Signer:
    certificate, key = folder / AUTHORITY, folder / AUTHORITY_KEY
    if certificate.exists() or key.exists():
        signer = _read_authority(certificate, key)
        if now < signer.certificate.not_valid_after_utc - RENEWED_BEFORE:
            return signer
    signer = _new_authority(now)
    _write(key, _pem(signer.key), 0o600)
    _write(certificate, signer.certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return signer


def _read_authority(certificate: Path, key: Path) -> _Signer:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError) as error:
        raise DamagedAuthority(_advice(certificate.parent, str(error))) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != found.public_key():
        raise DamagedAuthority(_advice(certificate.parent, f"{key.name} is not the key of {certificate.name}"))
    return _Signer(found, private)


def _advice(folder: Path, reason: str) -> str:
    return f"the certificate authority in {folder} cannot be used: {reason}. Remove that folder to get a new authority"


def _new_authority(now: datetime) -> _Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    # The host name tells apart the authorities of several machines in a list of trusted ones.
    names = [(NameOID.ORGANIZATION_NAME, "personalize-emu"), (NameOID.COMMON_NAME, f"personalize-emu {_host_name()}")]
    subject = x509.Name([x509.NameAttribute(kind, text[:64]) for kind, text in names])
    usage = {**_NO_USAGE, "key_cert_sign": True, "crl_sign": True}
    builder = (
        _builder(subject, subject, key, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    return _Signer(builder.sign(key, hashes.SHA256()), key)


def _issued(signer: _Signer, names: Sequence[str], now: datetime) -> bytes:
    """Certificate and key as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "personalize-emu server")])
    life = min(SERVER_LIFE, signer.certificate.not_valid_after_utc - now)
    builder = (
        _builder(subject, signer.certificate.subject, key, signer.key, now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{**_NO_USAGE, "digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
    )
    certificate = builder.sign(signer.key, hashes.SHA256())
    return _pem(key) + certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    """With the identifiers of both keys, which strict verification (Python 3.13) asks for."""
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


_NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def _is_usable(server: Path, signer: _Signer, names: Sequence[str], now: datetime) -> bool:
    """Whether the certificate is one of the authority for these names, and lasts."""
    try:
        content = server.read_bytes()
        found = x509.load_pem_x509_certificate(content)
        key = serialization.load_pem_private_key(content, None)
        found.verify_directly_issued_by(signer.certificate)
        covered = set(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    lasts = now < found.not_valid_after_utc - RENEWED_BEFORE
    return lasts and key.public_key() == found.public_key() and covered.issuperset(map(_general_name, names))


def server_names(host: str) -> tuple[str, ...]:
    """What clients may call a server that listens on `host`."""
    own = _host_name()
    names = ("localhost", "*.localhost", own, own.partition(".")[0], "127.0.0.1", "::1", host)
    unspecific = ("", "0.0.0.0", "::")
    return tuple(dict.fromkeys(name for name in names if name not in unspecific and name.isascii()))


def _host_name() -> str:
    return socket.gethostname()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    kind, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, none)


def _make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone: one may be the data directory."""
    if not folder.parent.exists():
        _make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace the file as a whole; nobody else can read a key at any time."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    new.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time use the folder, where the system has such locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
