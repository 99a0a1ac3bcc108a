"""Pagination tokens (P-67, P-69): opaque, authenticated, and bound to the query they continue.

A token is base64 of `tag + ciphertext`. The tag is a keyed digest of query and position and doubles as the nonce of the
key stream, so equal positions of one query give equal tokens and no state is stored.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode

from personalize_emu.wire.errors import InvalidNextTokenException

LONGEST_TOKEN = 1500
_TAG_BYTES = 32
_LONGEST_POSITION = LONGEST_TOKEN // 4 * 3 - _TAG_BYTES


def issue(secret: bytes, query: str, position: str) -> str:
    """A token that continues `query` (operation and filters) at `position`.

    Raises ValueError if the position does not fit into 1500 characters.
    """
    plain = position.encode()
    if len(plain) > _LONGEST_POSITION:
        raise ValueError(f"a position has at most {_LONGEST_POSITION} bytes")
    tag = _tag(secret, query, plain)
    return b64encode(tag + _mask(secret, tag, plain)).decode("ascii")


def redeem(secret: bytes, token: str, query: str) -> str:
    """The position in `token`. Raises InvalidNextTokenException unless `issue` created it for this query."""
    try:
        sealed = b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidNextTokenException from None
    tag, hidden = sealed[:_TAG_BYTES], sealed[_TAG_BYTES:]
    plain = _mask(secret, tag, hidden)
    canonical = b64encode(sealed).decode("ascii") == token
    if not canonical or not hmac.compare_digest(tag, _tag(secret, query, plain)):
        raise InvalidNextTokenException
    return plain.decode()


def _tag(secret: bytes, query: str, plain: bytes) -> bytes:
    named = query.encode("utf-8", "surrogatepass")
    return hmac.digest(secret, len(named).to_bytes(8, "big") + named + plain, "sha256")


def _mask(secret: bytes, tag: bytes, text: bytes) -> bytes:
    key = hmac.digest(secret, b"key stream" + tag, "sha256")
    stream = hashlib.shake_256(key).digest(len(text))
    return bytes(left ^ right for left, right in zip(text, stream, strict=True))
