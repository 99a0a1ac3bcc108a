"""The files of one import job as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa

from personalize_emu.data.avro import Schema
from personalize_emu.data.columns import arrow_schema
from personalize_emu.data.csv_files import CsvFile
from personalize_emu.data.parquet_files import ParquetFile, seekable_copy
from personalize_emu.data.rejection import RejectedData, nonconforming

Files = Iterable[tuple[str, Callable[[], BinaryIO]]]
"""Name (an object key; the suffix .parquet tells Parquet from CSV) and what opens the content as a stream."""


def read_files(
    files: Files, schema: Schema, dataset_type: str, progress: Callable[[int], None] | None = None
) -> pa.Table:
    """All rows of all files, in the order of the files (D-48), columns in schema order; or nothing at all.

    String columns are int32 codes into one dictionary. `progress` is called after every block with the number
    of rows read so far. Raises RejectedData (spec 03 section 14); what opening and reading raise passes.
    """
    tables: list[pa.Table] = []
    rows = 0
    for table in _tables(files, schema, dataset_type):
        tables.append(table)
        rows += table.num_rows
        if progress is not None:
            progress(rows)
    return _one_table(tables, schema)


def _tables(files: Files, schema: Schema, dataset_type: str) -> Iterator[pa.Table]:
    first: tuple[str, tuple[str, ...]] | None = None
    for name, opened in files:
        with opened() as stream:
            if name.lower().endswith(".parquet"):
                with seekable_copy(stream) as content:
                    parquet = ParquetFile(name, content, schema, dataset_type)
                    first = _same_header(first, name, parquet.columns)
                    yield from parquet.tables()
            else:
                csv = CsvFile(name, stream, schema, dataset_type)
                first = _same_header(first, name, csv.columns)
                yield from csv.tables()


def _same_header(
    first: tuple[str, tuple[str, ...]] | None, name: str, columns: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """The header all files must have (D-47)."""
    if first is None:
        return name, columns
    if columns != first[1]:
        raise nonconforming(f"{name}: the header differs from that of {first[0]}")
    return first


def _one_table(tables: list[pa.Table], schema: Schema) -> pa.Table:
    empty = arrow_schema(schema).empty_table()
    try:
        return pa.concat_tables([empty, *tables]).unify_dictionaries().combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowCapacityError) as error:
        raise RejectedData("Input data is too large: a text column has more than 2 GB.") from error
