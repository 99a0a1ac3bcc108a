"""Streams over bytes that are produced in chunks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

_BUFFER = 1 << 20


def stream_of(chunks: Iterator[bytes]) -> BinaryIO:
    """A binary stream over `chunks`; only one chunk and the read buffer are in memory.

    Exceptions of the iterator are raised by the read methods.
    """
    return cast(BinaryIO, io.BufferedReader(_Chunks(chunks), _BUFFER))


class _Chunks(io.RawIOBase):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        length = min(len(buffer), len(self._rest))
        buffer[:length] = self._rest[:length]
        self._rest = self._rest[length:]
        return length
