"""Reads one file as an import would, and reports what would be refused or left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.records.bulk_records import check_enough_rows
from personalize_emu.data.rejection import RejectedData, RowCounts
from personalize_emu.data.schemas.avro import InvalidSchema, Schema, parse_schema
from personalize_emu.data.schemas.column_rules import millisecond_warnings
from personalize_emu.data.schemas.dataset_types import DATASET_TYPES, MissingColumns, check_schema_fits
from personalize_emu.data_check.findings import Report, share


@dataclass(frozen=True)
class DataFile:
    """A CSV or Parquet file, or a folder of them, and the text of its Avro schema."""

    path: Path
    schema_text: str


@dataclass(frozen=True, eq=False)
class ReadFile:
    """The conforming rows of a file. table: columns in schema order."""

    name: str
    dataset_type: str
    schema: Schema
    table: pa.Table


def read_file(file: DataFile, domain: str | None, tolerated: float, report: Report) -> ReadFile | None:
    """Report on schema and rows; None if either is refused.

    Args:
        domain: of the dataset group, None for a custom one.
        tolerated: largest share of rows that may be left out (D-58).

    Raises:
        OSError: the file cannot be read.
    """
    name = file.path.name
    try:
        schema = parse_schema(file.schema_text)
        dataset_type = _dataset_type(schema)
        check_schema_fits(schema, dataset_type, domain)
    except (InvalidSchema, MissingColumns) as error:
        report.refuse(name, f"the schema is not accepted: {error}")
        return None
    counts = RowCounts()
    try:
        table = read_files(_opened(file.path), schema, dataset_type, tolerated=tolerated, counts=counts)
        check_enough_rows(table.num_rows, dataset_type, "FULL", left_out=counts.left_out)
    except RejectedData as error:
        _report_rows(name, dataset_type, counts, report)
        report.refuse(name, str(error))
        return None
    _report_rows(name, dataset_type, counts, report)
    for warning in millisecond_warnings(table):
        report.warn(name, warning)
    return ReadFile(name, dataset_type, schema, table)


def _dataset_type(schema: Schema) -> str:
    """The dataset type that a schema is named after (D-2)."""
    wanted = schema.name.replace("_", "").lower()
    for kind in DATASET_TYPES.values():
        if kind.record_name.lower() == wanted:
            return kind.name
    names = ", ".join(kind.record_name for kind in DATASET_TYPES.values())
    raise InvalidSchema(f"name {schema.name} belongs to no dataset type; use one of {names}")


def _opened(path: Path) -> list[tuple[str, Callable[[], BinaryIO]]]:
    """The files of a folder in the order of their names, without hidden ones and markers (D-46, D-48)."""
    if not path.is_dir():
        return [(path.name, _opener(path))]
    inside = [each for each in sorted(path.iterdir()) if each.is_file() and each.name[0] not in "._"]
    if not inside:
        raise FileNotFoundError(2, "no file in the folder", str(path))
    return [(each.name, _opener(each)) for each in inside]


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _report_rows(name: str, dataset_type: str, counts: RowCounts, report: Report) -> None:
    if counts.rows:
        report.note(name, f"{dataset_type}, {counts.rows:,} rows")
    if not counts.left_out:
        return
    report.warn(
        name, f"{share(counts.left_out, counts.rows)} rows do not conform to the schema and are left out (D-58)"
    )
    for reason in counts.reasons:
        report.warn(name, f"left out: {reason}")
    if counts.left_out > len(counts.reasons):
        report.warn(name, f"left out: {counts.left_out - len(counts.reasons):,} more")
