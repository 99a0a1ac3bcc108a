"""Reads CSV files block by block: fast with pyarrow, and line by line for blocks that do not conform."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from personalize_emu.data.files.csv_nonconforming import Layout, separate_lines
from personalize_emu.data.files.csv_syntax import BrokenQuote, backslashes_doubled, split_row, well_quoted
from personalize_emu.data.rejection import RowCounts, nonconforming
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.column_matching import places_of
from personalize_emu.data.schemas.column_rules import faults, normalised
from personalize_emu.data.schemas.columns import arrow_schema, arrow_type
from personalize_emu.data.schemas.values import NUMBER_BLANKS

BLOCK_BYTES = 4 << 20
LONGEST_LINE_BYTES = 16 << 20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHER_FORMATS = ((b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "zip"), (b"PAR1", "Parquet"))
_INTEGERS = frozenset({"int", "long"})
_LINE_END = re.compile(rb"[\r\n]")


class CsvFile:
    """One open CSV file. Raises RejectedData on construction and while its tables are read.

    head: bytes that have already been read from the stream.
    """

    def __init__(self, name: str, head: bytes, stream: BinaryIO, schema: Schema, dataset_type: str) -> None:
        self._blocks = _blocks(name, head, stream)
        first, self._line = _first_lines(name, self._blocks)
        self.columns, self._first_block = _header_and_rest(name, first)
        places = places_of(name, self.columns, schema)
        self._layout = Layout(name, len(self.columns), places, schema, dataset_type)

    def tables(self, counts: RowCounts) -> Iterator[pa.Table]:
        """The conforming rows in schema order, one table per block; every row is counted."""
        yield self._table(self._first_block, counts)
        for block in self._blocks:
            yield self._table(block, counts)

    def _table(self, block: bytes, counts: RowCounts) -> pa.Table:
        first_line = self._line
        self._line += _line_ends(block)
        lines_separated = None
        table = self._conforming(block)
        if table is None:
            lines_separated = separate_lines(block, first_line, self._layout, self._as_text)
            table = self._conforming(lines_separated.kept)
        if table is None:
            raise nonconforming(f"{self._layout.file}, lines {first_line} to {self._line}")
        counts.add(table.num_rows, *((lines_separated.left_out, lines_separated.reasons) if lines_separated else ()))
        return normalised(table, self._layout.schema, self._layout.dataset_type)

    def _conforming(self, block: bytes) -> pa.Table | None:
        """The block as a table, None if a line does not conform."""
        table = _parsed(block, self._layout)
        if table is None or faults(table, self._layout.schema, self._layout.dataset_type):
            return None
        return table

    def _as_text(self, block: bytes) -> pa.Table | None:
        return _parsed_as_text(block, self._layout)


def _blocks(name: str, head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """The content in blocks of whole lines. The last line may lack its line break."""
    carried = head
    while piece := _filled(stream):
        carried += piece
        end = _last_line_end(carried)
        if end:
            yield carried[:end]
            carried = carried[end:]
        if len(carried) > LONGEST_LINE_BYTES:
            raise nonconforming(f"{name}: a line is longer than {LONGEST_LINE_BYTES} bytes")
    if carried:
        yield carried


def _filled(stream: BinaryIO) -> bytes:
    """Up to BLOCK_BYTES; fewer only at the end of the stream, even if single reads return less."""
    pieces = []
    missing = BLOCK_BYTES
    while missing and (piece := stream.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _last_line_end(content: bytes) -> int:
    """Length of the whole lines at the start of `content`. CRLF is never split."""
    return (content.rfind(b"\n") + 1) or (content.rfind(b"\r", 0, -1) + 1)


def _line_ends(block: bytes) -> int:
    ends = block.count(b"\n")
    return ends + block.count(b"\r") - block.count(b"\r\n") if b"\r" in block else ends


def _first_lines(name: str, blocks: Iterator[bytes]) -> tuple[bytes, int]:
    """The rest of the block from the first line that is not empty, and the number of that line."""
    block = next(blocks, b"")
    for beginning, format_name in _OTHER_FORMATS:
        if block.startswith(beginning):
            raise nonconforming(f"{name}: this is a {format_name} file, not CSV text")
    block = block.removeprefix(_BYTE_ORDER_MARK)
    number = 1
    while True:
        content = block.lstrip(b"\r\n")
        number += _line_ends(block[: len(block) - len(content)])
        if content:
            return content, number
        following = next(blocks, None)
        if following is None:
            return b"", number
        block = following


def _header_and_rest(name: str, content: bytes) -> tuple[tuple[str, ...], bytes]:
    """The column names of the first line, and the rest starting with its line break."""
    end = _LINE_END.search(content)
    line, rest = (content, b"") if end is None else (content[: end.start()], content[end.start() :])
    try:
        return _header_names(line.decode()), rest
    except UnicodeDecodeError as error:
        raise nonconforming(f"{name}: the header is not UTF-8 text") from error


def _header_names(line: str) -> tuple[str, ...]:
    """The names without surrounding quotes (D-50)."""
    try:
        return tuple(split_row(line))
    except BrokenQuote:
        return tuple(line.split(","))


def _parsed(block: bytes, layout: Layout) -> pa.Table | None:
    """The block as a table, None if a value is invalid."""
    lines = _in_order(block)
    if lines is None:
        return None
    # The number parser of pyarrow would accept hexadecimal notation for an integer.
    if b"0x" not in lines and b"0X" not in lines:
        table = _read(lines, layout, [arrow_type(field) for field in layout.schema.fields])
        if table is not None:
            return table
    return _read_with_care(lines, layout)


def _parsed_as_text(block: bytes, layout: Layout) -> pa.Table | None:
    """The schema columns as strings, None if the lines are malformed."""
    lines = _in_order(block)
    return None if lines is None else _read(lines, layout, [pa.string()] * len(layout.places))


def _in_order(block: bytes) -> bytes | None:
    """The block as input for pyarrow, None if it is not UTF-8 or has broken quotes."""
    if b"\0" in block or not _is_utf8(block) or not well_quoted(block):
        return None
    return backslashes_doubled(block) if b"\\" in block else block


def _is_utf8(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_with_care(block: bytes, layout: Layout) -> pa.Table | None:
    """Like `_read`, with integers in exactly the notations of D-60."""
    fields = layout.schema.fields
    as_text = [pa.string() if field.type in _INTEGERS else arrow_type(field) for field in fields]
    table = _read(block, layout, as_text)
    if table is None:
        return None
    columns = []
    for field, column in zip(fields, table.itercolumns(), strict=True):
        converted = _integers(column, arrow_type(field)) if field.type in _INTEGERS else column
        if converted is None:
            return None
        columns.append(converted)
    return pa.Table.from_arrays(columns, schema=arrow_schema(layout.schema))


def _integers(texts: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    bare = pc.utf8_trim(texts, NUMBER_BLANKS)
    if not pc.all(pc.match_substring_regex(bare, r"^[+-]?[0-9]+$"), min_count=0).as_py():
        return None
    try:
        return pc.cast(pc.utf8_ltrim(bare, "+"), kind)
    except pa.ArrowInvalid:
        return None


def _read(block: bytes, layout: Layout, types: Sequence[pa.DataType]) -> pa.Table | None:
    """The schema columns of the lines as columns of `types`, None if a value does not fit."""
    # Columns are addressed by position, because ignored columns may have duplicate or empty names.
    wanted = [str(place) for place in layout.places]
    try:
        table = pa_csv.read_csv(
            # The leading line break keeps the parser from dropping a byte-order mark in the first value.
            io.BytesIO(b"\n" + block),
            read_options=pa_csv.ReadOptions(
                column_names=[str(place) for place in range(layout.columns)], block_size=len(block) + 1
            ),
            parse_options=pa_csv.ParseOptions(escape_char="\\"),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict(zip(wanted, types, strict=True)),
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
                true_values=["true"],
                false_values=["false"],
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table.rename_columns(list(layout.schema.names))
