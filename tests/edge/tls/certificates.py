"""Certificate authorities, certificates and keys of tests, and clients that trust them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from personalize_emu.edge.tls.authority import IssuedFiles, issued_files, server_names

NOW = datetime.now(UTC)
LOCAL = server_names("127.0.0.1")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def issued(folder: Path, names: tuple[str, ...] = LOCAL, now: datetime = NOW) -> IssuedFiles:
    return issued_files(folder, names, now, lambda _: None)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names_of(path: Path) -> set[str]:
    extension = certificate(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in extension}


def server_context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued(folder).server)
    return context


def client_context(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


def users_certificate(
    folder: Path, key: Key | None = None, password: bytes | None = None, begins: timedelta = timedelta(days=-1)
) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, valid for thirty days, and its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.now(UTC) + begins
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    paths = folder / "cert.pem", folder / "key.pem"
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden),
    )
    return paths
