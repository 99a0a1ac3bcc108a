"""Advice on single columns: completeness, number of categories, characters in ids (D-67), repeated ids (D-83)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.schemas.avro import Field
from personalize_emu.data.schemas.columns import ID_COLUMNS, distinct_strings, encoded
from personalize_emu.data.schemas.dataset_types import DATASET_TYPES
from personalize_emu.data_check.files import ReadFile
from personalize_emu.data_check.findings import Report, share

LEAST_COMPLETE = 0.7
MOST_CATEGORIES = 1000
"""Advice of the guide (D-67)."""
UNUSUAL_CHARACTERS = r"""["'\\,;|\s]"""
CATEGORY_SEPARATOR = "|"


def check_columns(file: ReadFile, report: Report) -> None:
    """Report on every column of a file."""
    if not file.table.num_rows:
        return
    for field in file.schema.fields:
        column = file.table.column(field.name)
        _check_completeness(file.name, field, column, report)
        if field.name in ID_COLUMNS:
            _check_ids(file.name, field, column, report)
        elif field.categorical:
            _check_categories(file.name, field, column, report)
    id_column = DATASET_TYPES[file.dataset_type].id_column
    if id_column is not None:
        _check_repeated_ids(file, id_column, report)


def _check_completeness(name: str, field: Field, column: pa.ChunkedArray, report: Report) -> None:
    rows = len(column)
    if column.null_count > (1 - LEAST_COMPLETE) * rows:
        filled = share(rows - column.null_count, rows)
        report.warn(name, f"{field.name} is filled in {filled} rows; columns should be at least 70 % complete (D-67)")


def _check_ids(name: str, field: Field, column: pa.ChunkedArray, report: Report) -> None:
    ids = distinct_strings(column)
    odd = ids.filter(pc.match_substring_regex(ids, UNUSUAL_CHARACTERS))
    if len(odd):
        found = share(len(odd), len(ids))
        text = (
            f"{found} values of {field.name} contain quotes, blanks or other special characters, as {odd[0].as_py()!r}"
        )
        report.warn(name, f"{text}; ids should not (D-67)")


def _check_categories(name: str, field: Field, column: pa.ChunkedArray, report: Report) -> None:
    words = distinct_strings(column)
    categories = pc.unique(pc.list_flatten(pc.split_pattern(words, CATEGORY_SEPARATOR)))
    if len(categories) > MOST_CATEGORIES:
        report.warn(name, f"{field.name} has {len(categories):,} categories; there should be at most 1,000 (D-67)")


def _check_repeated_ids(file: ReadFile, id_column: str, report: Report) -> None:
    codes = encoded(file.table.column(id_column))
    repeated = len(codes) - len(pc.unique(codes.indices))
    if repeated:
        report.warn(
            file.name, f"{share(repeated, len(codes))} rows repeat an {id_column}; the last of them counts (D-83)"
        )
