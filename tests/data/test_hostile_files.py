"""Malicious or malformed files are refused with a reason and bounded resources."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import BinaryIO, cast
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.files import csv_files
from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.rejection import RejectedData
from tests.data.schema_texts import INTERACTIONS_SCHEMA, WATCHED_SCHEMA

HEADER = "USER_ID,ITEM_ID,TIMESTAMP\n"
BEGINNINGS = ("Input csv has rows", "Input CSV is missing", "Length cannot be")


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.csv", content)
    return buffer.getvalue()


PLAIN = (HEADER + "u,i,1\n" * 50).encode()
HOSTILE = {
    "gzip": gzip.compress(PLAIN),
    "zip": zipped(PLAIN),
    "parquet by another name": b"PAR1" + PLAIN,
    "NUL in a value": HEADER.encode() + b"u\0,i,1\n",
    "NUL lines": HEADER.encode() + b"\0\0\0\n",
    "NUL header": b"\0" * 100,
    "junk": bytes(range(256)) * 20,
    "junk after the header": HEADER.encode() + bytes(range(256)) * 20,
    "overlong UTF-8": HEADER.encode() + b"\xc0\x80,i,1\n",
    "surrogate in UTF-8": HEADER.encode() + b"\xed\xa0\x80,i,1\n",
    "open quote to the end": HEADER.encode() + b'"u,i,1\n' + b"u,i,1\n" * 5000,
    "quotes only": HEADER.encode() + b'"' * 10_001,
    "backslashes only": HEADER.encode() + b"\\" * 10_000,
    "commas only": HEADER.encode() + b"," * 100_000,
    "wide header": b"A," * 50_000 + HEADER.encode() + b"1,2\n",
    "endless number": HEADER.encode() + b"u,i," + b"9" * 100_000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_d69_malicious_content_is_rejected(content: bytes) -> None:
    with pytest.raises(RejectedData) as caught:
        read_files([("data.csv", lambda: io.BytesIO(content))], INTERACTIONS_SCHEMA, "INTERACTIONS")
    assert caught.value.failure_reason.startswith(BEGINNINGS)


class Endless(io.RawIOBase):
    """A header, then one line without end. given: number of bytes read."""

    def __init__(self, beginning: bytes) -> None:
        self.beginning = beginning
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        piece, self.beginning = self.beginning or b"x" * size, b""
        self.given += len(piece)
        return piece


@pytest.mark.parametrize("beginning", [b"", HEADER.encode()])
def test_gigantic_line_is_refused_with_bounded_memory(beginning: bytes) -> None:
    stream = Endless(beginning)
    with (
        mock.patch.object(csv_files, "BLOCK_BYTES", 1 << 10),
        mock.patch.object(csv_files, "LONGEST_LINE_BYTES", 1 << 14),
        pytest.raises(RejectedData, match="a line is longer than 16384 bytes"),
    ):
        read_files([("data.csv", lambda: cast(BinaryIO, stream))], INTERACTIONS_SCHEMA, "INTERACTIONS")
    assert stream.given < 1 << 15


def test_objects_are_read_in_buffers() -> None:
    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= 100
            return super().read(min(size, 13))

    with mock.patch.object(csv_files, "BLOCK_BYTES", 100):
        table = read_files([("a.csv", lambda: Watched(PLAIN))], INTERACTIONS_SCHEMA, "INTERACTIONS")
    assert table.num_rows == 50


@settings(deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_rejected(content: bytes, parquet: bool) -> None:
    name = "data.parquet" if parquet else "data.csv"
    for beginning in (b"", HEADER.encode(), b"PAR1"):
        try:
            read_files([(name, lambda text=beginning + content: io.BytesIO(text))], WATCHED_SCHEMA, "INTERACTIONS")
        except RejectedData as error:
            reason = error.failure_reason
        else:
            continue
        assert reason.startswith(BEGINNINGS)
