"""Reads the files of one import job into one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from personalize_emu.data.files.csv_files import CsvFile
from personalize_emu.data.files.parquet_files import MAGIC, ParquetFile, seekable_copy
from personalize_emu.data.rejection import RejectedData, RowCounts, nonconforming
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.column_matching import plain_name
from personalize_emu.data.schemas.columns import arrow_schema

Files = Iterable[tuple[str, Callable[[], BinaryIO]]]
"""Name (an object key) and a function that opens the content as a stream."""


def read_files(
    files: Files,
    schema: Schema,
    dataset_type: str,
    progress: Callable[[int], None] | None = None,
    *,
    tolerated: float = 0.0,
    counts: RowCounts | None = None,
) -> pa.Table:
    """The rows of all files, in the order of the files (D-48), with columns in schema order.

    String columns are int32 codes into one dictionary. Column names are compared without case (D-50). Rows that do
    not conform to the schema are left out.

    Args:
        progress: called after every block with the number of rows kept so far.
        tolerated: largest share of the rows that may be left out (D-58).
        counts: updated with every row, even if the files are rejected.

    Raises:
        RejectedData: spec 03 section 14; exceptions of opening and reading are passed on.
    """
    counts = RowCounts() if counts is None else counts
    tables: list[pa.Table] = []
    rows = 0
    for table in _tables(files, schema, dataset_type, counts):
        tables.append(table)
        rows += table.num_rows
        if progress is not None:
            progress(rows)
    counts.check(tolerated)
    return _one_table(tables, schema)


@dataclass(frozen=True)
class _File:
    name: str
    format: str
    columns: tuple[str, ...]


def _tables(files: Files, schema: Schema, dataset_type: str, counts: RowCounts) -> Iterator[pa.Table]:
    first: _File | None = None
    for name, opened in files:
        with opened() as stream, ExitStack() as resources:
            head = _head(stream)
            format_name = "Parquet" if head == MAGIC or name.lower().endswith(".parquet") else "CSV"
            _check_format(first, name, format_name)
            source: CsvFile | ParquetFile
            if format_name == "Parquet":
                content = resources.enter_context(seekable_copy(head, stream))
                source = ParquetFile(name, content, schema, dataset_type)
            else:
                source = CsvFile(name, head, stream, schema, dataset_type)
            first = first or _File(name, format_name, source.columns)
            _check_header(first, name, source.columns)
            yield from source.tables(counts)


def _head(stream: BinaryIO) -> bytes:
    """The first bytes, enough to recognise Parquet; fewer if the file is shorter."""
    head = b""
    while len(head) < len(MAGIC) and (piece := stream.read(len(MAGIC) - len(head))):
        head += piece
    return head


def _check_format(first: _File | None, name: str, format_name: str) -> None:
    """Checked before the header, which files of another format lack."""
    if first is not None and first.format != format_name:
        raise nonconforming(
            f"{first.name} is {first.format}, {name} is {format_name}: all files of one job must be of one format"
        )


def _check_header(first: _File, name: str, columns: tuple[str, ...]) -> None:
    """All files must have the same header, ignoring case (D-47, D-50)."""
    if [*map(plain_name, columns)] != [*map(plain_name, first.columns)]:
        raise nonconforming(f"{name}: the header differs from that of {first.name}")


def _one_table(tables: list[pa.Table], schema: Schema) -> pa.Table:
    empty = arrow_schema(schema).empty_table()
    try:
        return pa.concat_tables([empty, *tables]).unify_dictionaries().combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowCapacityError) as error:
        raise RejectedData("Input data is too large: a text column has more than 2 GB.") from error
