r"""Records as CSV that an import reads back as the same records (D-106).

A header of column names; nulls are empty; a value with a comma, a quote or a backslash stands in quotes, with a
backslash before each quote and backslash in it. A line break would end the record wherever it stands (D-56), so
one inside a value becomes a blank.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.files.byte_streams import stream_of
from personalize_emu.data.schemas.columns import encoded

ROWS_A_CHUNK = 8192

_LINE_BREAK = r"\r\n|\r|\n"
_NEEDS_QUOTES = r'[",\\]'


def csv_chunks(table: pa.Table) -> Iterator[bytes]:
    """The rows as chunks of whole lines, without the header; none for an empty table."""
    columns = [_Column(column) for column in table.itercolumns()]
    for start in range(0, table.num_rows, ROWS_A_CHUNK):
        rows = min(ROWS_A_CHUNK, table.num_rows - start)
        lines = pc.binary_join_element_wise(*(column.texts(start, rows) for column in columns), ",")
        yield "\n".join([*lines.to_pylist(), ""]).encode()


def csv_parts(table: pa.Table, most_bytes: int) -> Iterator[BinaryIO]:
    """The table as one or more files: streams with a header, each to be read completely before the next.

    A file ends once it has `most_bytes` or more; an empty table is one file with the header (D-108).
    """
    header = ",".join(table.column_names).encode() + b"\n"
    chunks = csv_chunks(table)
    first: bytes | None = next(chunks, b"")
    while first is not None:
        yield stream_of(_up_to(most_bytes, chain([header + first], chunks)))
        first = next(chunks, None)


class _Column:
    """Converts one column to text. Dictionary values are quoted once, however often they occur."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._plain = column
        self._codes: pa.Array | None = None
        if pa.types.is_dictionary(column.type):
            coded = encoded(column)
            self._codes, self._words = coded.indices, _quoted(coded.dictionary)

    def texts(self, start: int, rows: int) -> pa.Array:
        if self._codes is None:
            texts = pc.cast(self._plain.slice(start, rows).combine_chunks(), pa.string())
        else:
            texts = self._words.take(self._codes.slice(start, rows))
        return pc.fill_null(texts, "")


def _quoted(words: pa.Array) -> pa.Array:
    words = pc.replace_substring_regex(words, pattern=_LINE_BREAK, replacement=" ")
    escaped = pc.replace_substring(words, pattern="\\", replacement="\\\\")
    escaped = pc.replace_substring(escaped, pattern='"', replacement='\\"')
    in_quotes = pc.binary_join_element_wise('"', escaped, '"', "")
    return pc.if_else(pc.match_substring_regex(words, _NEEDS_QUOTES), in_quotes, words)


def _up_to(most_bytes: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks up to and including the one that reaches `most_bytes`."""
    taken = 0
    for chunk in chunks:
        yield chunk
        taken += len(chunk)
        if taken >= most_bytes:
            return
