"""Encryption with the data key of a dataset group: AES-256-GCM, bound to a name.

    texts   nonce (12 bytes), ciphertext with tag; a key of their own, drawn from the data key
    files   MAGIC, salt (16 bytes), then chunks of CHUNK bytes, each with its tag; a key for each file, drawn from the
            data key with the salt; nonces count the chunks and mark the last, so that none can be left out or moved
    tokens  a keyed hash of a user id, to find rows of that user

The name says what a text or file is, such as a row of the database, so that none can take the place of another: what is
read under another name, or has been changed, is refused.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Imported when first needed: few data directories have groups with keys.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"PEMU-S1\0"
CHUNK = 1 << 22
_KEY, _NONCE, _SALT, _TAG, _TOKEN = 32, 12, 16, 16, 16
_KEYS_IN_MEMORY = 64


class WronglySealed(ValueError):
    """The content was changed, belongs elsewhere, or was encrypted with another key."""


class Sealer:
    """Any thread may call any method. data_key: 32 bytes."""

    def __init__(self, data_key: bytes) -> None:
        self._data_key = data_key
        self._texts = _cipher(data_key, b"texts", b"")
        self._tokens = _derived(data_key, b"tokens", b"")

    def seal(self, name: str, text: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._texts.encrypt(nonce, text.encode(), name.encode())

    def open(self, name: str, sealed: bytes) -> str:
        """Raises WronglySealed."""
        with _refusing(name):
            return self._texts.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode()).decode()

    def token(self, user_id: str) -> str:
        return blake2b(user_id.encode(), key=self._tokens, digest_size=_TOKEN).hexdigest()

    def writer(self, name: str, file: IO[bytes]) -> SealingFile:
        """A file whose content is encrypted into `file`; close it to write the end."""
        salt = os.urandom(_SALT)
        file.write(MAGIC + salt)
        return SealingFile(self._cipher(salt), name.encode(), file)

    def read(self, name: str, content: bytes) -> bytes:
        """What was written to a `writer`. Raises WronglySealed."""
        head = len(MAGIC) + _SALT
        if content[: len(MAGIC)] != MAGIC:
            raise WronglySealed(f"{name} is not encrypted")
        cipher, size = self._cipher(content[len(MAGIC) : head]), CHUNK + _TAG
        starts = range(head, max(len(content), head + 1), size)
        view = memoryview(content)
        with _refusing(name):
            parts = [
                cipher.decrypt(_nonce(number, start == starts[-1]), view[start : start + size], name.encode())
                for number, start in enumerate(starts)
            ]
        return b"".join(parts)

    def _cipher(self, salt: bytes) -> AESGCM:
        return _cipher(self._data_key, b"file", salt)


class SealingFile(io.RawIOBase):
    """Encrypts what is written, chunk by chunk."""

    def __init__(self, cipher: AESGCM, name: bytes, file: IO[bytes]) -> None:
        self._cipher, self._name, self._file = cipher, name, file
        self._held = bytearray()
        self._number = self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, content: Any) -> int:
        size = memoryview(content).nbytes
        self._held += content
        self._position += size
        # The last chunk is kept back: only the end shows which it is.
        while len(self._held) > CHUNK:
            self._put(self._held[:CHUNK], last=False)
            del self._held[:CHUNK]
        return size

    def finish(self) -> None:
        """Write the last chunk."""
        self._put(self._held, last=True)
        self._held.clear()

    def _put(self, chunk: bytearray, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), bytes(chunk), self._name))
        self._number += 1


@lru_cache(_KEYS_IN_MEMORY)
def sealer_of(data_key: bytes) -> Sealer:
    return Sealer(data_key)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(_NONCE - 1, "big") + bytes([last])


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    from cryptography.exceptions import InvalidTag

    try:
        yield
    except InvalidTag as error:
        raise WronglySealed(f"{name} cannot be decrypted") from error


def _cipher(data_key: bytes, purpose: bytes, salt: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(_derived(data_key, purpose, salt))


def _derived(data_key: bytes, purpose: bytes, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), _KEY, salt or None, b"personalize-emu " + purpose).derive(data_key)
